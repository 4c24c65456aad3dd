// Package funczip makes the deployable package of the Azure Functions app: a zip of
// host.json, one folder for each function, and the custom handler.
//
// It guarantees that the same files give the same bytes, that the handler may be
// executed after it was unpacked on Linux, and that a zip is complete: it refuses
// what the host could not start. It does not build the handler, and does not say
// whether the handler has the functions that the folders name: a test of cli does.
// The command deploy/functions/pack uses it.
package funczip

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// Package says what is in a zip.
type Package struct {
	// Tree has host.json and the folders of the functions. Required.
	Tree fs.FS
	// Handler is the program, for Linux. Required.
	Handler io.ReaderAt
	// Size is its length in bytes.
	Size int64
	// Config is a configuration file for the root of the app; nil is none.
	Config []byte
	// Level is that of compress/flate; 0 is the best.
	Level int
}

// ConfigName is the name of the configuration file in the zip, where the handler looks
// for it.
const ConfigName = "hopguard.yaml"

// modes of the files: the host does not always make a handler executable.
const (
	plain      fs.FileMode = 0o644
	executable fs.FileMode = 0o755
)

// epoch is the time of all files: the first that a zip can say.
func epoch() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// file is one file of the zip.
type file struct {
	name string
	mode fs.FileMode
	data io.Reader
}

// Write writes the zip.
func (p Package) Write(w io.Writer) error {
	list, err := p.files()
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	level := p.Level
	if level == 0 {
		level = flate.BestCompression
	}
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	for _, f := range list {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch()}
		h.SetMode(f.mode)
		to, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.Copy(to, f.data)
		}
		if err != nil {
			return fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return nil
}

// files returns what belongs into the zip, in the order of the names.
func (p Package) files() ([]file, error) {
	if machine, err := elf.NewFile(p.Handler); err != nil || machine.Type != elf.ET_EXEC && machine.Type != elf.ET_DYN {
		return nil, errors.New("pack the handler: it is no program for Linux")
	}
	host, err := fs.ReadFile(p.Tree, "host.json")
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	var described struct {
		CustomHandler struct {
			Description struct{ DefaultExecutablePath string }
		}
	}
	if err := json.Unmarshal(host, &described); err != nil {
		return nil, fmt.Errorf("pack host.json: %w", err)
	}
	program := described.CustomHandler.Description.DefaultExecutablePath
	if program == "" || path.Clean(program) != program || !fs.ValidPath(program) {
		return nil, fmt.Errorf("pack host.json: customHandler.description.defaultExecutablePath is %q: want a path in the package", program)
	}
	list := []file{
		{"host.json", plain, reader(host)},
		{program, executable, io.NewSectionReader(p.Handler, 0, p.Size)},
	}
	if p.Config != nil {
		list = append(list, file{ConfigName, plain, reader(p.Config)})
	}
	functions, err := fs.Glob(p.Tree, "*/function.json")
	if err != nil || len(functions) == 0 {
		return nil, errors.New("pack: there is no function")
	}
	for _, name := range functions {
		data, err := fs.ReadFile(p.Tree, name)
		if err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
		if !json.Valid(data) {
			return nil, fmt.Errorf("pack %s: it is no JSON", name)
		}
		list = append(list, file{name, plain, reader(data)})
	}
	slices.SortFunc(list, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return list, nil
}

func reader(data []byte) io.Reader { return bytes.NewReader(data) }
