//go:build !linux

package probe

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
)

// run refuses: a command whose children cannot be ended with it is not started.
func run(context.Context, *exec.Cmd) ([]byte, error) {
	return nil, fmt.Errorf("not started: not possible on %s", runtime.GOOS)
}
