package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

const (
	// lockPause is the time between two tries to get a lock that somebody holds. A
	// swap takes about as long as two fsyncs.
	lockPause = 5 * time.Millisecond

	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// File keeps one file for each group, <group>.json, in a folder. Several File
// values, in several processes of one machine, may use one folder. It is safe for
// concurrent use.
type File struct {
	// Folder is made by the first Swap. Required.
	Folder string
	// Now names the files that are put aside, and starts the versions of new
	// records. Required.
	Now func() time.Time
}

// Load returns the record and its version; without a file the zero value and "".
// A file that is not a record of the group is renamed to
// <group>.json.corrupt-<time>, and the error wraps decide.ErrCorrupt and names
// it. A file that cannot be read, or has an unknown format, is an error too, and
// nothing is touched.
func (f File) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	path, err := f.path(group)
	if err != nil {
		return decide.Record{}, "", err
	}
	if err := ctx.Err(); err != nil {
		return decide.Record{}, "", fmt.Errorf("group %s: %w", group, err)
	}
	record, version, err := read(path, group)
	if _, corrupt := errors.AsType[*corruptError](err); !corrupt {
		return record, word(version), err
	}
	// The lock may wait for a writer, and the file may be whole then.
	unlock, err := lock(ctx, path)
	if err != nil {
		return decide.Record{}, "", fmt.Errorf("put aside the corrupt record %s: %w", path, err)
	}
	defer unlock()
	record, version, err = read(path, group)
	damage, corrupt := errors.AsType[*corruptError](err)
	if !corrupt {
		return record, word(version), err
	}
	kept, err := f.putAside(path)
	if err != nil {
		return decide.Record{}, "", fmt.Errorf("put aside the corrupt record %s: %w", path, err)
	}
	return decide.Record{}, "", fmt.Errorf("%s: %w: %w; it is kept as %s", path, decide.ErrCorrupt, damage.cause, kept)
}

// Swap stores the record if the stored version is the given one, and returns the
// new version. Otherwise it changes nothing and its error wraps
// decide.ErrLostRace; so it does for a file that has become corrupt, which the
// next Load puts aside. After any other error the record may be stored or not:
// read it again.
func (f File) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	path, err := f.path(r.Group)
	if err != nil {
		return "", err
	}
	if err := f.makeFolder(); err != nil {
		return "", fmt.Errorf("make the folder of records: %w", err)
	}
	unlock, err := lock(ctx, path)
	if err != nil {
		return "", err
	}
	defer unlock()
	_, stored, err := read(path, r.Group)
	if damage, corrupt := errors.AsType[*corruptError](err); corrupt {
		return "", fmt.Errorf("%w: %w", decide.ErrLostRace, damage)
	}
	if err != nil {
		return "", err
	}
	if word(stored) != version {
		return "", lost(r.Group, stored, version)
	}
	next := f.successor(stored)
	raw, err := Encode(next, r)
	if err != nil {
		return "", err
	}
	if err := replace(path, raw); err != nil {
		return "", err
	}
	return word(next), nil
}

func (f File) makeFolder() error {
	if _, err := os.Stat(f.Folder); err == nil {
		return nil // if it is not a folder, the lock will say so
	}
	if err := os.MkdirAll(f.Folder, folderMode); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(f.Folder)))
}

// successor returns the version after the stored one.
func (f File) successor(stored uint64) uint64 {
	if stored == 0 {
		return First(f.Now())
	}
	return stored + 1
}

// path returns the file of a group.
func (f File) path(group appliance.GroupName) (string, error) {
	name, err := FileName(group)
	if err != nil {
		return "", err
	}
	return filepath.Join(f.Folder, name), nil
}

// putAside renames a file to a name that is free. The caller holds the lock.
func (f File) putAside(path string) (string, error) {
	var kept string
	now := f.Now()
	for n := 1; ; n++ {
		kept = Aside(path, now, n)
		_, err := os.Lstat(kept)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if err := os.Rename(path, kept); err != nil {
		return "", err
	}
	return kept, syncFolder(filepath.Dir(path))
}

// corruptError says that a file is there and is not a record of the group.
type corruptError struct {
	path  string
	cause error
}

func (e *corruptError) Error() string { return e.path + ": not a record: " + e.cause.Error() }

// read returns the record in a file, or a *corruptError. It needs no lock: a
// rename replaces the file as a whole.
func read(path string, group appliance.GroupName) (decide.Record, uint64, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return decide.Record{}, 0, nil
	}
	if err != nil {
		return decide.Record{}, 0, err
	}
	record, version, err := Decode(raw, group)
	if errors.Is(err, ErrFormat) {
		return decide.Record{}, 0, fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return decide.Record{}, 0, &corruptError{path: path, cause: err}
	}
	return record, version, nil
}

// lock takes the lock of a record's file. The lock is on a file beside it, which
// stays: the record's own is replaced with each swap, and a lock with it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	l := flock.New(path+".lock", flock.SetPermissions(fileMode))
	if _, err := l.TryLockContext(ctx, lockPause); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil // the descriptor closes, and the lock ends with it
}

// replace makes raw the content of the file, or leaves the file as it was. The
// caller holds the lock, so one name is enough for the new content; what a killed
// process left under it goes.
func replace(path string, raw []byte) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(fresh, raw); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func write(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFolder makes a rename in the folder last through a power failure. Windows
// cannot open a folder for that.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
