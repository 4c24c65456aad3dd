package oci

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// built is a program with what it says of itself.
type built struct {
	Program
	arch     string
	version  string
	revision string
	time     time.Time
}

// builds reads the programs, in the order of their processors.
func (i Image) builds() ([]built, error) {
	if len(i.Programs) == 0 || len(i.Roots) == 0 {
		return nil, errEmpty
	}
	var list []built
	for _, p := range i.Programs {
		b, err := read(p)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b built) int { return strings.Compare(a.arch, b.arch) })
	for n, b := range list[1:] {
		first := list[n]
		if b.arch == first.arch {
			return nil, fmt.Errorf("pack: two programs are for %s: want one for each processor", b.arch)
		}
		if b.version != first.version || b.revision != first.revision {
			return nil, fmt.Errorf("pack: the program for %s is of %s, and the one for %s of %s: want one build", first.arch, first.what(), b.arch, b.what())
		}
	}
	return list, nil
}

// read finds out what a program is.
func read(p Program) (built, error) {
	file, err := elf.NewFile(p.File)
	if err != nil || file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		return built{}, errors.New("pack: want a program for Linux")
	}
	b := built{Program: p, time: epoch()}
	if b.arch = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[file.Machine]; b.arch == "" {
		return built{}, fmt.Errorf("pack: a program is for %s: want amd64 or arm64", file.Machine)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return built{}, fmt.Errorf("pack: the program for %s needs libraries: want one built with CGO_ENABLED=0", b.arch)
		}
	}
	info, err := buildinfo.Read(p.File)
	if err != nil {
		return built{}, fmt.Errorf("pack: the program for %s does not say what it is: %w", b.arch, err)
	}
	if b.version = info.Main.Version; b.version == "" || b.version == "(devel)" {
		b.version = "v0.0.0-unknown"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			if b.time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return built{}, fmt.Errorf("pack: the program for %s is of the time %q: %w", b.arch, s.Value, err)
			}
		default: // not shown
		}
	}
	return b, nil
}

func (b built) what() string { return strings.TrimSpace(b.version + " " + b.revision) }

// tag is the version as the tag of an image, which may have no plus.
func (b built) tag() string { return strings.ReplaceAll(b.version, "+", "-") }

// labels are the annotations and labels that the specification knows.
func (b built) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	list := map[string]string{
		prefix + "title": "hopguard", prefix + "description": "Keeps Azure traffic flowing when a network virtual appliance dies.",
		prefix + "licenses": "Apache-2.0", prefix + "version": b.version, prefix + "created": b.time.UTC().Format(time.RFC3339),
	}
	if b.revision != "" {
		list[prefix+"revision"] = b.revision
	}
	return list
}
