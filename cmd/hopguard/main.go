// Command hopguard keeps Azure traffic flowing when a network virtual appliance dies.
package main

import (
	"os"
	_ "time/tzdata" // a container has no zone files, and a window for failback needs its zone

	"hopguard/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Env{Program: os.Args[0], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
}
