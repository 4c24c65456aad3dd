// Package azurite runs Azurite, Microsoft's stand-in for Azure Storage, for tests.
//
// It guarantees a fresh, empty account on a free port of the loopback, which ends
// with the test also when the test is killed, and a clock that can be set forward.
// Where CI is set, Azurite is installed if it is missing, and a test fails that
// cannot have it; elsewhere it is skipped with the reason. It does nothing outside
// of tests, which alone may import it.
package azurite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The account that Azurite has; both are documented by Microsoft.
const (
	Account = "devstoreaccount1"
	Key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// startTimeout bounds the start, which takes about a second.
const startTimeout = time.Minute

// Server is a running Azurite.
type Server struct {
	// URL is the blob service of the account.
	URL string

	input  io.Writer
	clocks chan string
}

// ConnectionString has the account key.
func (s *Server) ConnectionString() string {
	return fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", Account, Key, s.URL)
}

// Advance sets Azurite's clock forward.
func (s *Server) Advance(t testing.TB, d time.Duration) {
	t.Helper()
	if _, err := fmt.Fprintln(s.input, d.Milliseconds()); err != nil {
		t.Fatalf("set Azurite's clock: %v", err)
	}
	if _, ok := <-s.clocks; !ok {
		t.Fatal("set Azurite's clock: it has ended")
	}
}

// Start runs Azurite until the test ends. Further arguments are Azurite's.
func Start(t testing.TB, arguments ...string) *Server {
	t.Helper()
	root, err := root()
	if err != nil {
		t.Fatal(err)
	}
	program, err := program(t.Context(), root)
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("CI must test against Azurite: %v", err)
	default:
		t.Skipf("no Azurite: %v", err)
	}
	arguments = append([]string{
		"--require", filepath.Join(root, "scripts", "azurite-clock.js"), program,
		"--silent", "--disableTelemetry", "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", "0",
	}, arguments...)
	s, err := start(t, exec.CommandContext(t.Context(), "node", arguments...))
	if err != nil {
		t.Fatalf("start Azurite: %v", err)
	}
	return s
}

func start(t testing.TB, cmd *exec.Cmd) (*Server, error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.Dir = t.TempDir()
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{input: input, clocks: make(chan string)}
	addresses, over := make(chan string, 1), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(s.clocks)
		defer close(addresses)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "successfully listens on "); ok {
				addresses <- address
			} else if strings.HasPrefix(lines.Text(), "clock ") {
				select {
				case s.clocks <- lines.Text():
				case <-over:
				}
			}
		}
	})
	t.Cleanup(func() {
		close(over)
		_ = input.Close() // ends Azurite
		reader.Wait()
		_ = cmd.Wait() // t.Context has ended: it is killed if it lives
	})
	wait, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	select {
	case address, ok := <-addresses:
		if !ok {
			return nil, fmt.Errorf("it ended: %w: %s", cmd.Wait(), bytes.TrimSpace(complaints.Bytes()))
		}
		s.URL = address + "/" + Account
		return s, nil
	case <-wait.Done():
		return nil, fmt.Errorf("no address within %s", startTimeout)
	}
}

// program returns the path of Azurite, and installs it first where CI is set.
func program(ctx context.Context, root string) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", err
	}
	script := filepath.Join(root, "scripts", "azurite")
	where, err := output(ctx, script, "where")
	if err != nil && os.Getenv("CI") != "" {
		if _, err := output(ctx, script, "install"); err != nil {
			return "", err
		}
		where, err = output(ctx, script, "where")
	}
	return where, err
}

// output returns what a program prints, or says what it complains about.
func output(ctx context.Context, name string, arguments ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, arguments...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

// root returns the folder of go.mod, at or above the working directory of the test.
func root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			err = errors.New("no go.mod at or above the working directory")
		}
		dir = parent
	}
	return "", err
}
