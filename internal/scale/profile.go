package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profile begins a profile of processor time, and returns what ends it and writes that
// of the heap beside it.
func profile(folder string) (finish func() error, err error) {
	cpu, err := os.Create(filepath.Join(folder, "cpu.out"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		runtime.GC()
		errs := []error{cpu.Close()}
		for _, name := range []string{"heap", "goroutine"} {
			f, err := os.Create(filepath.Join(folder, name+".out"))
			if err != nil {
				return errors.Join(append(errs, err)...)
			}
			errs = append(errs, pprof.Lookup(name).WriteTo(f, 0), f.Close())
		}
		return errors.Join(errs...)
	}, nil
}
