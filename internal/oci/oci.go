// Package oci makes the container image: an OCI image layout in a tar archive, with one
// static program for each processor, the certificates of public authorities, and a user
// without rights. Nothing is fetched: there is no base image, no shell and no package
// manager in it.
//
// It guarantees that the same programs give the same bytes, and that an image says of
// which commit it is; it refuses programs that would need a library, or that are of
// different builds. It builds no program and pushes nothing: skopeo, crane, podman and
// docker read the archive. The command deploy/container/pack uses it.
package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Image says what is in an image.
type Image struct {
	// Programs are the builds of hopguard for Linux, one for each processor. Required.
	Programs []Program
	// Roots are the certificates of the authorities that are trusted, in PEM. Required.
	Roots []byte
	// Level is that of compress/flate; 0 is the best.
	Level int
}

// Program is one build.
type Program struct {
	File io.ReaderAt
	// Size is its length in bytes.
	Size int64
}

// The user that the program runs as: no other file is theirs.
const (
	UserID = 65532
	user   = "65532:65532"
)

// Where things are in the image.
const (
	// Entrypoint is the program.
	Entrypoint = "/hopguard"
	// ConfigFile is what the usual command reads.
	ConfigFile = "/etc/hopguard/hopguard.yaml"
	// Home is the only folder that the user may write: a file store is there.
	Home = "/var/lib/hopguard"
)

// The media types of an OCI image.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor names a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// index lists manifests.
type index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// manifest is one image.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// imageConfig says how an image is run.
type imageConfig struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       runConfig `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
	History      []history `json:"history"`
}

type runConfig struct {
	User       string
	Env        []string
	Entrypoint []string
	Cmd        []string
	WorkingDir string
	Labels     map[string]string
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// Write writes the archive.
func (i Image) Write(w io.Writer) error {
	builds, err := i.builds()
	if err != nil {
		return err
	}
	blobs := store{}
	all := index{SchemaVersion: 2, MediaType: typeIndex, Annotations: builds[0].labels()}
	for _, b := range builds {
		m, err := i.one(blobs, b)
		if err != nil {
			return fmt.Errorf("pack the image for %s: %w", b.arch, err)
		}
		m.Platform = &platform{b.arch, "linux"}
		all.Manifests = append(all.Manifests, m)
	}
	whole := blobs.json(typeIndex, all)
	whole.Annotations = map[string]string{"org.opencontainers.image.ref.name": builds[0].tag()}
	top := index{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{whole}}
	blobs["oci-layout"] = encode(map[string]string{"imageLayoutVersion": "1.0.0"})
	blobs["index.json"] = encode(top)
	return blobs.write(w)
}

// one adds the image of a build.
func (i Image) one(blobs store, b built) (descriptor, error) {
	plain, packed, err := i.layer(b)
	if err != nil {
		return descriptor{}, err
	}
	config := blobs.json(typeConfig, imageConfig{
		Created: b.time, Architecture: b.arch, OS: "linux",
		Config: runConfig{
			User: user, Env: []string{"PATH=/"}, Entrypoint: []string{Entrypoint},
			Cmd: []string{"run", "--config", ConfigFile}, WorkingDir: Home, Labels: b.labels(),
		},
		RootFS:  rootFS{"layers", []string{digest(plain)}},
		History: []history{{b.time, "hopguard " + b.version}},
	})
	return blobs.json(typeManifest, manifest{
		SchemaVersion: 2, MediaType: typeManifest, Config: config,
		Layers: []descriptor{blobs.add(typeLayer, packed)}, Annotations: b.labels(),
	}), nil
}

// store holds the files of the archive by their names.
type store map[string][]byte

func (s store) add(mediaType string, data []byte) descriptor {
	d := digest(data)
	s["blobs/sha256/"+d[len("sha256:"):]] = data
	return descriptor{MediaType: mediaType, Digest: d, Size: len(data)}
}

func (s store) json(mediaType string, v any) descriptor { return s.add(mediaType, encode(v)) }

// write writes the files in the order of their names, with the folders before them.
func (s store) write(w io.Writer) error {
	t := tar.NewWriter(w)
	var names []string
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: epoch(), Format: tar.FormatUSTAR}); err != nil {
			return fmt.Errorf("pack %s: %w", dir, err)
		}
	}
	for _, name := range names {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(s[name])), ModTime: epoch(), Format: tar.FormatUSTAR}
		err := t.WriteHeader(h)
		if err == nil {
			_, err = io.Copy(t, bytes.NewReader(s[name]))
		}
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("oci: " + err.Error()) // it is made of texts
	}
	return data
}

// epoch is the time of all files.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// errEmpty says that nothing was given.
var errEmpty = errors.New("pack: want at least one program, and the certificates of authorities")
