//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// errNoPause says that a process cannot be stopped here.
var errNoPause = errors.New("pauses are made on Linux only")

func pause(*os.Process) error  { return errNoPause }
func resume(*os.Process) error { return errNoPause }
