// Package azurite runs Azurite, Microsoft's stand-in for the blobs and queues of Azure
// Storage, for tests and for chaos.
//
// It guarantees a fresh, empty account on a free port of the loopback, which ends
// with the test also when the test is killed, and a clock that can be set forward.
// Where CI is set, Azurite is installed if it is missing, and a test fails that
// cannot have it; elsewhere it is skipped with the reason. Nothing that is shipped may
// import it.
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
	// URL is the service of the account: that of blobs, or of queues after StartQueues.
	URL string

	input  io.Writer
	clocks chan string
}

// ConnectionString has the account key and the URL, as that of blobs.
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

// Start runs the blob service of Azurite until the test ends. Further arguments are
// Azurite's.
func Start(t testing.TB, arguments ...string) *Server {
	t.Helper()
	return run(t, blobs, arguments)
}

// StartQueues is Start for the queue service.
func StartQueues(t testing.TB) *Server {
	t.Helper()
	return run(t, queues, nil)
}

func run(t testing.TB, s service, arguments []string) *Server {
	t.Helper()
	server, stop, err := launch(t.Context(), t.TempDir(), s, arguments)
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatalf("start Azurite: %v", err)
	}
	t.Cleanup(stop)
	return server
}

// ErrMissing says that Azurite is not installed, or Node.js is not.
var ErrMissing = errors.New("no Azurite")

// service is one of Azurite's, in its own word.
type service string

const blobs, queues service = "blob", "queue"

// Launch runs the blob service of Azurite until stop is called or ctx ends, in a folder
// that it may fill; stop waits for its end. Further arguments are Azurite's. The working
// directory must be in the tree of this module. The error wraps ErrMissing where nothing
// could be started.
func Launch(ctx context.Context, folder string, arguments ...string) (s *Server, stop func(), err error) {
	return launch(ctx, folder, blobs, arguments)
}

func launch(ctx context.Context, folder string, of service, arguments []string) (s *Server, stop func(), err error) {
	root, err := root()
	if err != nil {
		return nil, nil, err
	}
	program, err := program(ctx, root, of)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	arguments = append([]string{
		"--require", filepath.Join(root, "scripts", "azurite-clock.js"), program,
		"--silent", "--disableTelemetry", "--inMemoryPersistence", "--" + string(of) + "Host", "127.0.0.1", "--" + string(of) + "Port", "0",
	}, arguments...)
	ctx, end := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "node", arguments...)
	cmd.Dir = folder
	s, stop, err = start(ctx, cmd, end)
	if err != nil {
		end()
		return nil, nil, err
	}
	return s, stop, nil
}

// start runs cmd until the returned function is called, which uses end if it must.
func start(ctx context.Context, cmd *exec.Cmd, end context.CancelFunc) (*Server, func(), error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
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
	stop := func() {
		close(over)
		_ = input.Close() // asks Azurite to end
		end()             // does not ask
		reader.Wait()
		_ = cmd.Wait() // it was killed
	}
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case address, ok := <-addresses:
		if ok {
			s.URL = address + "/" + Account
			return s, stop, nil
		}
		stop()
		return nil, nil, fmt.Errorf("it ended: %s", bytes.TrimSpace(complaints.Bytes()))
	case <-wait.Done():
		stop()
		return nil, nil, fmt.Errorf("no address within %s", startTimeout)
	}
}

// program returns the path of a service, and installs Azurite first where CI is set.
func program(ctx context.Context, root string, of service) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", err
	}
	script := filepath.Join(root, "scripts", "azurite")
	where, err := output(ctx, script, "where", string(of))
	if err != nil && os.Getenv("CI") != "" {
		if _, err := output(ctx, script, "install"); err != nil {
			return "", err
		}
		where, err = output(ctx, script, "where", string(of))
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
