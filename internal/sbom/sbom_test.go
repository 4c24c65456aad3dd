package sbom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/sbom"
)

// The document of hopguard lists what the go command says that it is made of.
func TestListsWhatIsLinked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hopguard")
	command(t, "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", path, "../../cmd/hopguard")
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out, again bytes.Buffer
	for _, to := range []*bytes.Buffer{&out, &again} {
		if err := sbom.Write(to, bytes.NewReader(program), int64(len(program))); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != again.String() {
		t.Error("two documents of one program differ")
	}
	var got struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Component struct{ Name, PURL, Type string }
		}
		Components   []struct{ Name, Version, PURL string }
		Dependencies []struct{ DependsOn []string }
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.BOMFormat != "CycloneDX" || got.SpecVersion != "1.6" || got.Metadata.Component.Type != "application" || got.Metadata.Component.Name != "hopguard" {
		t.Errorf("the document is of %+v", got.Metadata)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.SerialNumber) {
		t.Errorf("the serial number is %s", got.SerialNumber)
	}
	var want []string
	for line := range strings.Lines(command(t, "version", "-m", path)) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, path+": go"):
			want = append(want, "pkg:golang/std@"+strings.TrimPrefix(fields[1], "go"))
		case fields[0] == "dep":
			want = append(want, "pkg:golang/"+fields[1]+"@"+strings.ReplaceAll(fields[2], "+", "%2B"))
		}
	}
	if len(want) < 10 {
		t.Fatalf("the go command lists %v only", want)
	}
	slices.Sort(want)
	var listed []string
	for _, c := range got.Components {
		listed = append(listed, c.PURL)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got.Dependencies[0].DependsOn); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
}

// command runs the go command.
func command(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", arguments...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v: %s", arguments[0], err, out)
	}
	return string(out)
}

func TestNoProgram(t *testing.T) {
	if err := sbom.Write(&bytes.Buffer{}, strings.NewReader("#!/bin/sh"), 9); err == nil {
		t.Error("a script has a list of modules")
	}
}
