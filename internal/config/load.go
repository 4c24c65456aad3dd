package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig is the greatest size, in bytes, of a configuration file: ten thousand groups are about 4 MB. maxFile is that of the
// files that it names.
const maxConfig, maxFile = 16 << 20, 1 << 20

// Load returns the complete, valid configuration: the defaults, then the file, then the HOPGUARD_* variables. An empty path
// means the file that HOPGUARD_CONFIG names, or the text in HOPGUARD_CONFIG_YAML; without either, the old function's variables
// stand for the file (see Import).
//
// The error is a *Problems with everything that is wrong, one with ErrNone if there is nothing to read, or says which file
// could not be read, or where it is no YAML.
func Load(path string, getenv func(string) string) (Config, error) {
	text := ""
	if path == "" {
		path, text = getenv(configVariable), getenv(textVariable)
	}
	d := newDecoder()
	c := Default()
	switch {
	case path != "" && text != "":
		return Config{}, fmt.Errorf("read the configuration: both %s and %s are set: want one", configVariable, textVariable)
	case path != "":
		if err := d.file(path, &c); err != nil {
			return Config{}, err
		}
	case text != "":
		path = textVariable
		if err := d.document(path, []byte(text), &c); err != nil {
			return Config{}, err
		}
	case old(getenv):
		c, _ = d.old(getenv)
	default:
		return Config{}, noneError{}
	}
	d.environment(&c, getenv)
	c = c.Complete()
	findings := append(c.check(), c.checkFiles(getenv)...)
	if err := problems(path, append(d.problems, d.kept(findings)...)); err != nil {
		return Config{}, err
	}
	return c, nil
}

// file reads the YAML file into c. Problems of the content are kept in d; the error is for a file that has no content to
// speak of.
func (d *decoder) file(path string, c *Config) error {
	data, err := readUpTo(path, maxConfig)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	return d.document(path, data, c)
}

// document reads the YAML text that name holds into c, as file does.
func (d *decoder) document(name string, data []byte, c *Config) error {
	read := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := read.Decode(&document); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read the configuration: %q is empty: want at least one group", name)
	case err != nil:
		return fmt.Errorf("read the configuration: %q is no YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return fmt.Errorf("read the configuration: %q is empty: want at least one group", name)
	}
	switch err := read.Decode(&second); {
	case err == nil:
		return fmt.Errorf("read the configuration: %q holds several documents, the second from line %d: want one", name, second.Line)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read the configuration: %q is no YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	d.value("", root, reflect.ValueOf(c).Elem())
	return nil
}

// kept returns the findings that hold whatever the values are that could not be read, with their lines and variables.
func (d *decoder) kept(findings []finding) []Problem {
	var list []Problem
	for _, f := range findings {
		if d.unreadable(f.Path) {
			continue
		}
		misled := false
		for _, path := range f.needs {
			misled = misled || d.unreadable(path)
		}
		if misled {
			continue
		}
		if f.Source = d.sourceOf(f.Path); f.Source == "" {
			f.Line = d.lineOf(f.Path)
			if f.Value != "" && d.lines[f.Path] == 0 && !d.told(f) {
				f.Want += "; " + quote(f.Value) + " is the default"
			}
		}
		list = append(list, f.Problem)
	}
	return list
}

// told reports whether somebody gave a setting that a finding sums up, as the one about store.account and store.sasURL.
func (d *decoder) told(f finding) bool {
	for _, path := range f.needs {
		if strings.HasPrefix(path, f.Path) && (d.lines[path] > 0 || d.sources[path] != "") {
			return true
		}
	}
	return false
}

// unreadable reports whether the value at path, or one that holds it, could not be read.
func (d *decoder) unreadable(path string) bool {
	for ; path != ""; path = parent(path) {
		if d.broken[path] {
			return true
		}
	}
	return d.broken[""]
}

// sourceOf returns the variable that gave the value at path, or "".
func (d *decoder) sourceOf(path string) string {
	for ; path != ""; path = parent(path) {
		if name := d.sources[path]; name != "" {
			return name
		}
	}
	return ""
}

// lineOf returns the line of path, or of the nearest that holds it; 0 if none does.
func (d *decoder) lineOf(path string) int {
	for ; path != ""; path = parent(path) {
		if line := d.lines[path]; line > 0 {
			return line
		}
	}
	return 0
}

// parent cuts the last step of a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// readSmall reads a file of at most maxFile bytes.
func readSmall(path string) (data []byte, err error) { return readUpTo(path, maxFile) }

// readUpTo reads a file of at most so many bytes.
func readUpTo(path string, most int) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, fmt.Errorf("%q is larger than %d bytes", path, most)
	}
	return data, nil
}
