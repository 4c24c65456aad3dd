// Package sbom says what a program of Go is made of, as a CycloneDX document: the
// modules that the linker has put into it, and the standard library.
//
// It guarantees that the same program gives the same bytes, and that nothing is listed
// that is not in the program: it reads the program, not go.mod. It knows no licences,
// and no modules of tests and tools. The command deploy/sbom uses it.
package sbom

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// document is a CycloneDX document, as far as it is used.
type document struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// Write reads a program and writes what it is made of.
func Write(w io.Writer, program io.ReaderAt, size int64) error {
	info, err := buildinfo.Read(program)
	if err != nil {
		return fmt.Errorf("list the modules: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(program, 0, size)); err != nil {
		return fmt.Errorf("list the modules: %w", err)
	}
	d := describe(info, sum.Sum(nil))
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(d); err != nil {
		return fmt.Errorf("list the modules: %w", err)
	}
	return nil
}

// describe makes the document of a program with that hash.
func describe(info *debug.BuildInfo, sum []byte) document {
	program := library(info.Main)
	program.Type, program.Hashes = "application", []hash{{"SHA-256", hex.EncodeToString(sum)}}
	d := document{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		SerialNumber: serial(sum),
		Metadata:     metadata{Component: program},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.time":
			d.Metadata.Timestamp = s.Value
		case "vcs.revision", "GOOS", "GOARCH":
			d.Metadata.Component.Properties = append(d.Metadata.Component.Properties, property{"go:" + s.Key, s.Value})
		default: // not told
		}
	}
	d.Components = append(d.Components, library(debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		d.Components = append(d.Components, library(*m))
	}
	slices.SortFunc(d.Components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	all := dependency{Ref: program.Ref}
	for _, c := range d.Components {
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	d.Dependencies = []dependency{all}
	return d
}

// serial is a UUID of version 8 made of a hash: the same program has the same one.
func serial(sum []byte) string {
	id := slices.Clone(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// library is a module.
func library(m debug.Module) component {
	if m.Version == "" || m.Version == "(devel)" {
		m.Version = "v0.0.0-unknown"
	}
	name := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	c := component{Type: "library", Ref: name, Name: m.Path, Version: m.Version, PURL: name}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}
