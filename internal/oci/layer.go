package oci

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
)

// The accounts of the image: there is no shell that anybody could have.
const (
	passwd = "root:x:0:0:root:/:/nonexistent\nhopguard:x:65532:65532:hopguard:" + Home + ":/nonexistent\n"
	groups = "root:x:0:\nhopguard:x:65532:\n"
)

// entry is a file or, with a slash at the end of its name, a folder.
type entry struct {
	name  string
	mode  int64
	owner int
	data  io.Reader
	size  int64
}

// layer returns the files of an image, and the same compressed.
func (i Image) layer(b built) (plain, packed []byte, err error) {
	text := func(name, s string) entry {
		return entry{name: name, mode: 0o644, data: bytes.NewReader([]byte(s)), size: int64(len(s))}
	}
	folder := func(name string, mode int64, owner int) entry { return entry{name: name, mode: mode, owner: owner} }
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	for _, e := range []entry{
		folder("etc/", 0o755, 0),
		text("etc/group", groups),
		folder("etc/hopguard/", 0o755, 0),
		text("etc/passwd", passwd),
		folder("etc/ssl/", 0o755, 0),
		folder("etc/ssl/certs/", 0o755, 0),
		text("etc/ssl/certs/ca-certificates.crt", string(i.Roots)),
		{name: Entrypoint[1:], mode: 0o755, data: io.NewSectionReader(b.File, 0, b.Size), size: b.Size},
		folder("tmp/", 0o1777, 0),
		folder("var/", 0o755, 0),
		folder("var/lib/", 0o755, 0),
		folder(Home[1:]+"/", 0o700, UserID),
	} {
		h := &tar.Header{
			Typeflag: tar.TypeDir, Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner,
			Size: e.size, ModTime: epoch(), Format: tar.FormatUSTAR,
		}
		if e.data != nil {
			h.Typeflag = tar.TypeReg
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, nil, err
		}
		if e.data != nil {
			if _, err := io.Copy(t, e.data); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := t.Close(); err != nil {
		return nil, nil, err
	}
	level := i.Level
	if level == 0 {
		level = flate.BestCompression
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, nil, err
	}
	if _, err := z.Write(layer.Bytes()); err != nil {
		return nil, nil, err
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	return layer.Bytes(), out.Bytes(), nil
}
