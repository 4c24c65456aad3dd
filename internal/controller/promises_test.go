package controller_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// The tests that docs/promises.md names as proofs exist, each under the number
// that it carries. (That each number has a test at all is archtest's concern.)
func TestPromisesNameTestsThatExist(t *testing.T) {
	repository := os.DirFS("../..")
	promises, err := fs.ReadFile(repository, "docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	err = fs.WalkDir(repository, "internal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path.Base(name), "_test.go") {
			return err
		}
		src, err := fs.ReadFile(repository, name)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(src), -1) {
			exists[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, section := range strings.Split(string(promises), "\n## ")[1:] {
		number, _, _ := strings.Cut(section, " ")
		for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(section, -1) {
			named++
			if !exists[m[1]] {
				t.Errorf("%s names %s, which does not exist", number, m[1])
			}
			carries := regexp.MustCompile(`P[0-9]+`).FindAllString(m[1], -1)
			if len(carries) > 0 && !strings.Contains(" "+strings.Join(carries, " ")+" ", " "+number+" ") {
				t.Errorf("%s names %s, which carries %v", number, m[1], carries)
			}
		}
	}
	if named == 0 {
		t.Error("no promise names a test")
	}
}
