package funczip_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/funczip"
)

const host = `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}`

// tree is a small app.
func tree() fstest.MapFS {
	return fstest.MapFS{
		"host.json":           {Data: []byte(host)},
		"Tick/function.json":  {Data: []byte(`{"bindings":[]}`)},
		"Group/function.json": {Data: []byte(`{"bindings":[]}`), Mode: 0o600},
		"pack/main.go":        {Data: []byte("package main")},
	}
}

// program is one for Linux, as far as its header says, and its length.
func program(t *testing.T) (io.ReaderAt, int64) {
	t.Helper()
	var head bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Shentsize: 64}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	if err := binary.Write(&head, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	text := append(head.Bytes(), strings.Repeat("its code ", 1000)...)
	return bytes.NewReader(text), int64(len(text))
}

func TestSameFilesGiveTheSameBytes(t *testing.T) {
	program, size := program(t)
	var packed [2][]byte
	for i := range packed {
		var out bytes.Buffer
		p := funczip.Package{Tree: tree(), Handler: program, Size: size, Config: []byte("groups: []\n"), Level: flate.BestSpeed}
		if err := p.Write(&out); err != nil {
			t.Fatal(err)
		}
		packed[i] = out.Bytes()
	}
	if !bytes.Equal(packed[0], packed[1]) {
		t.Error("two zips of the same files differ")
	}
	z, err := zip.NewReader(bytes.NewReader(packed[0]), int64(len(packed[0])))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range z.File {
		got = append(got, fmt.Sprint(f.Mode(), " ", f.Name, " ", f.Modified.UTC().Format("2006-01-02")))
		if f.Name == "handler" && int64(f.UncompressedSize64) != size {
			t.Errorf("the handler has %d bytes, want %d", f.UncompressedSize64, size)
		}
	}
	want := []string{
		"-rw-r--r-- Group/function.json 1980-01-01", "-rw-r--r-- Tick/function.json 1980-01-01", "-rwxr-xr-x handler 1980-01-01",
		"-rw-r--r-- hopguard.yaml 1980-01-01", "-rw-r--r-- host.json 1980-01-01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWhatTheHostCouldNotStartIsRefused(t *testing.T) {
	change := func(name, data string) fstest.MapFS {
		m := tree()
		if m[name] = (&fstest.MapFile{Data: []byte(data)}); data == "" {
			delete(m, name)
		}
		return m
	}
	program, size := program(t)
	nothing := change("Tick/function.json", "")
	delete(nothing, "Group/function.json")
	tests := []struct {
		name    string
		tree    fstest.MapFS
		handler io.ReaderAt
		want    string
	}{
		{"script-as-a-handler", tree(), strings.NewReader("#!/bin/sh\n"), "pack the handler: it is no program for Linux"},
		{"no-host.json", change("host.json", ""), program, "pack: open host.json: file does not exist"},
		{"torn-host.json", change("host.json", "{"), program, "pack host.json: "},
		{"no-handler-named", change("host.json", "{}"), program, `pack host.json: customHandler.description.defaultExecutablePath is "": want a path in the package`},
		{"handler-elsewhere", change("host.json", strings.ReplaceAll(host, "handler\"", "../x\"")), program, `pack host.json: `},
		{"torn-function.json", change("Tick/function.json", "{"), program, "pack Tick/function.json: it is no JSON"},
		{"no-function", nothing, program, "pack: there is no function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := funczip.Package{Tree: tt.tree, Handler: tt.handler, Size: size, Level: flate.BestSpeed}
			if err := p.Write(io.Discard); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Write() = %v, want %q", err, tt.want)
			}
		})
	}
}

// The files of this repository make a package.
func TestTheAppIsComplete(t *testing.T) {
	program, size := program(t)
	p := funczip.Package{Tree: os.DirFS(filepath.Join("..", "..", "deploy", "functions")), Handler: program, Size: size, Level: flate.BestSpeed}
	if err := p.Write(io.Discard); err != nil {
		t.Error(err)
	}
}
