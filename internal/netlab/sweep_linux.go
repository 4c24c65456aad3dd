package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// folder has one file for each network, which its owner holds locked and which has the
// owner's process id in it, for people. Whoever makes or sweeps a network holds the
// folder itself locked meanwhile (the gate), so that a sweep is never mistaken for an
// owner. An owner that closes its network needs no gate: it holds its own lock to the end.
const folder = "/run/hopguard-lab"

// Sweep removes the networks of processes that are dead, of whatever name, and returns
// their names: it ends what still runs in them and removes their namespaces. It never
// touches one whose owner lives. Open calls it.
func Sweep() (removed []string, err error) {
	if err := able(); err != nil {
		return nil, err
	}
	gate, err := enterGate()
	if err != nil {
		return nil, err
	}
	defer closeFile(gate)
	return sweep()
}

// sweep is Sweep inside the gate. One network that cannot be removed does not keep the
// others.
func sweep() (removed []string, err error) {
	names, err := left()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		lock, err := take(name)
		if _, held := errors.AsType[*heldError](err); held {
			continue
		}
		if err == nil {
			err = errors.Join(endProcesses(name), removeNamespaces(name))
			err = errors.Join(err, release(name, lock))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("network %q: %w", name, err))
			continue
		}
		removed = append(removed, name)
	}
	return removed, errors.Join(errs...)
}

// left returns the names of all networks of which there is a trace.
func left() ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if validNet(e.Name()) {
			names = append(names, e.Name())
		}
	}
	spaces, err := published("")
	if err != nil {
		return nil, err
	}
	for _, space := range spaces {
		name, _ := networkOf(space)
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// enterGate waits for its turn to make or sweep networks. Closing the file leaves.
func enterGate() (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the lab keeps its locks in %s: %w", folder, err)
	}
	gate, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := flock(gate, unix.LOCK_EX); err != nil {
		closeFile(gate)
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return gate, nil
}

// heldError says that a network has an owner that lives.
type heldError struct{ name, owner string }

func (e *heldError) Error() string {
	return fmt.Sprintf("the network %q is open already, in process %s", e.name, e.owner)
}

// take locks a network, inside the gate. If another has it, the error is a heldError.
func take(name string) (*os.File, error) {
	path := filepath.Join(folder, name)
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			owner, _ := os.ReadFile(path) // for people; the lock has spoken
			closeFile(file)
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, &heldError{name, strings.TrimSpace(string(owner))}
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !same(file, path) { // its owner closed the network in this moment
			closeFile(file)
			continue
		}
		if err := errors.Join(file.Truncate(0), write(file, os.Getpid())); err != nil {
			return nil, errors.Join(err, release(name, file))
		}
		return file, nil
	}
}

// write puts a process id into a lock.
func write(file *os.File, pid int) error {
	_, err := file.WriteAt(fmt.Appendln(nil, pid), 0)
	return err
}

// release removes the file of a lock, and then gives the lock up.
func release(name string, lock *os.File) error {
	return errors.Join(os.Remove(filepath.Join(folder, name)), lock.Close())
}

// same says whether a path still leads to an open file.
func same(file *os.File, path string) bool {
	a, err := file.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// flock locks a file, through interruptions.
func flock(file *os.File, how int) error {
	for {
		if err := unix.Flock(int(file.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// closeFile closes a file into which nothing was written, and gives its lock up.
func closeFile(file *os.File) {
	_ = file.Close() // nothing is lost
}
