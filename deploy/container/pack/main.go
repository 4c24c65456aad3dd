// Command pack writes the container image as an OCI image layout in a tar archive:
//
//	go run ./deploy/container/pack -out FILE PROGRAM...
//
// Each PROGRAM is hopguard, built for Linux without cgo, one for each processor. The
// certificates of public authorities are those of Mozilla as of the module in go.mod.
// scripts/image uses it.
package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"hopguard/internal/oci"
)

func main() {
	out := flag.String("out", "", "the archive `file` to write (required)")
	flag.Parse()
	if err := pack(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err) //nolint:forbidigo // main knows the process
		os.Exit(1)                   //nolint:forbidigo // main ends the process
	}
}

func pack(out string, programs []string) (err error) {
	image := oci.Image{Roots: roots()}
	for _, name := range programs {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("pack: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		info, err := file.Stat()
		if err != nil {
			return fmt.Errorf("pack: %w", err)
		}
		image.Programs = append(image.Programs, oci.Program{File: file, Size: info.Size()})
	}
	to, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return image.Write(to)
}

// roots are the authorities that are trusted without a condition: a file cannot say
// one.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			panic("pack: " + err.Error()) // a buffer takes everything
		}
	}
	return out.Bytes()
}
