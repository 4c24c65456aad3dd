// Command sbom writes what a program is made of, as CycloneDX JSON:
//
//	go run ./deploy/sbom -out FILE PROGRAM
//
// "make sbom" and the release use it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"hopguard/internal/sbom"
)

func main() {
	out := flag.String("out", "", "the `file` to write (required)")
	flag.Parse()
	if err := list(*out, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err) //nolint:forbidigo // main knows the process
		os.Exit(1)                            //nolint:forbidigo // main ends the process
	}
}

func list(out, program string) (err error) {
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return sbom.Write(to, from, info.Size())
}
