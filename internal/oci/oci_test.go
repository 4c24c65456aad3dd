package oci_test

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"hopguard/internal/oci"
)

// machine is where the header of a program says its processor.
const machine = 18

// hopguard builds the program for this machine's processor as a release is built, and
// the same for the other one, as far as its header says.
func hopguard(t *testing.T) (own, other []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hopguard")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", path, "../../cmd/hopguard")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build hopguard: %v: %s", err, out)
	}
	own, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return own, turned(own)
}

// turned is a program as if for the other processor.
func turned(program []byte) []byte {
	out := bytes.Clone(program)
	if elf.Machine(out[machine]) == elf.EM_X86_64 {
		out[machine] = byte(elf.EM_AARCH64)
	} else {
		out[machine] = byte(elf.EM_X86_64)
	}
	return out
}

func programs(list ...[]byte) []oci.Program {
	var out []oci.Program
	for _, p := range list {
		out = append(out, oci.Program{File: bytes.NewReader(p), Size: int64(len(p))})
	}
	return out
}

// roots are no certificates, but look like some.
func roots() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("one")})
}

// The image as another implementation reads it: whole, for two processors, with the
// user, the files and the labels that it should have; and the program in it runs.
func TestImage(t *testing.T) {
	own, other := hopguard(t)
	image := oci.Image{Programs: programs(own, other), Roots: roots(), Level: flate.HuffmanOnly}
	var archive, again bytes.Buffer
	if err := errors.Join(image.Write(&archive), image.Write(&again)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("two images of the same programs differ")
	}
	dir := t.TempDir()
	unpack(t, &archive, dir, nil)
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Error(err)
	}
	first, err := top.IndexManifest()
	if err != nil || len(first.Manifests) != 1 || first.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		t.Fatalf("the archive lists %+v, %v, want one image with a name", first, err)
	}
	whole, err := top.ImageIndex(first.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := whole.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range list.Manifests {
		platforms = append(platforms, m.Platform.String())
		one, err := whole.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkOne(t, one, m.Platform, own)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

// checkOne checks the image of one processor, and runs its program if it can.
func checkOne(t *testing.T, one v1.Image, platform *v1.Platform, own []byte) {
	t.Helper()
	config, err := one.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	got := []string{config.Architecture, config.OS, c.User, strings.Join(c.Entrypoint, " "), strings.Join(c.Cmd, " "), c.WorkingDir}
	want := []string{platform.Architecture, "linux", "65532:65532", "/hopguard", "run --config /etc/hopguard/hopguard.yaml", "/var/lib/hopguard"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the configuration (-want +got):\n%s", platform, diff)
	}
	for _, label := range []string{"title", "description", "version", "licenses", "created"} {
		if c.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("%s: the labels are %v, want %s", platform, c.Labels, label)
		}
	}
	layers, err := one.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: %d layers, %v, want one", platform, len(layers), err)
	}
	files, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var names []string
	unpack(t, files, dir, func(h *tar.Header) {
		names = append(names, h.Name)
		owned := h.Name == "var/lib/hopguard/"
		switch {
		case owned != (h.Uid == oci.UserID), owned != (h.Gid == oci.UserID):
			t.Errorf("%s: %s belongs to %d:%d", platform, h.Name, h.Uid, h.Gid)
		case h.Mode&0o6000 != 0, h.Mode&0o022 != 0 && h.Name != "tmp/":
			t.Errorf("%s: %s has the mode %o", platform, h.Name, h.Mode)
		}
	})
	all := []string{
		"etc/", "etc/group", "etc/hopguard/", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt",
		"hopguard", "tmp/", "var/", "var/lib/", "var/lib/hopguard/",
	}
	if diff := cmp.Diff(all, names); diff != "" {
		t.Errorf("%s: files (-want +got):\n%s", platform, diff)
	}
	if platform.Architecture != runtime.GOARCH || runtime.GOOS != "linux" {
		return
	}
	program := filepath.Join(dir, "hopguard")
	if same, err := os.ReadFile(program); err != nil || !bytes.Equal(same, own) {
		t.Errorf("%s: the program is another one, %v", platform, err)
	}
	said, err := run(t.Context(), program, "version")
	if err != nil || !strings.HasPrefix(said, "hopguard "+c.Labels["org.opencontainers.image.version"]+" ") {
		t.Errorf("hopguard version = %q, %v, want the version of the label", said, err)
	}
}

// run runs a program with nothing in its environment, as in the image.
func run(ctx context.Context, program string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Env = []string{"PATH=/"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// unpack unpacks an archive into a folder.
func unpack(t *testing.T, r io.Reader, dir string, saw func(*tar.Header)) {
	t.Helper()
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if saw != nil {
			saw(h)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var data []byte
			if data, err = io.ReadAll(in); err == nil {
				err = os.WriteFile(path, data, os.FileMode(h.Mode).Perm())
			}
		default:
			t.Fatalf("%s is of type %q", h.Name, h.Typeflag)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNoImageIsRefused(t *testing.T) {
	own, other := hopguard(t)
	interpreted := bytes.Clone(own)
	file, err := elf.NewFile(bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_GNU_STACK })
	if at < 0 {
		t.Fatal("the program says nothing of its stack")
	}
	// A header of a segment has 56 bytes, and the first stands behind the 64 of the file.
	binary.LittleEndian.PutUint32(interpreted[64+56*at:], uint32(elf.PT_INTERP))
	strange := bytes.Clone(own)
	strange[machine] = byte(elf.EM_S390)
	tests := []struct {
		name  string
		image oci.Image
		want  string
	}{
		{"nothing", oci.Image{Roots: roots()}, "at least one program"},
		{"no-authorities", oci.Image{Programs: programs(own)}, "the certificates of authorities"},
		{"no-program", oci.Image{Programs: programs([]byte("#!/bin/sh")), Roots: roots()}, "want a program for Linux"},
		{"a-program-that-needs-libraries", oci.Image{Programs: programs(interpreted), Roots: roots()}, "needs libraries: want one built with CGO_ENABLED=0"},
		{"another-processor", oci.Image{Programs: programs(strange), Roots: roots()}, "EM_S390: want amd64 or arm64"},
		{"the-same-processor-twice", oci.Image{Programs: programs(own, other, own), Roots: roots()}, "two programs are for"},
		{"a-program-that-is-not-of-go", oci.Image{Programs: programs(own[:1<<12]), Roots: roots()}, "pack: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.image.Write(io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Write() = %v, want %q", err, tt.want)
			}
		})
	}
}
