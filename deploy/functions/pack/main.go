// Command pack writes the deployable package of the Azure Functions app:
//
//	go run ./deploy/functions/pack -handler PROGRAM -out FILE [-config FILE]
//
// PROGRAM is hopguard, built for Linux; the configuration becomes hopguard.yaml in the
// package. It reads deploy/functions in the working directory. scripts/functions-zip
// uses it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"hopguard/internal/funczip"
)

func main() {
	handler := flag.String("handler", "", "the program `file` (required)")
	out := flag.String("out", "", "the zip `file` to write (required)")
	config := flag.String("config", "", "a configuration `file` to add")
	flag.Parse()
	if err := pack(*handler, *out, *config); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err) //nolint:forbidigo // main knows the process
		os.Exit(1)                            //nolint:forbidigo // main ends the process
	}
}

func pack(handler, out, config string) (err error) {
	program, err := os.Open(handler)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, program.Close()) }()
	info, err := program.Stat()
	if err != nil {
		return err
	}
	p := funczip.Package{Tree: os.DirFS(filepath.Join("deploy", "functions")), Handler: program, Size: info.Size()}
	if config != "" {
		if p.Config, err = os.ReadFile(config); err != nil {
			return err
		}
	}
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return p.Write(to)
}
