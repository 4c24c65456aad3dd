package store_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

var update = flag.Bool("update", false, "write the golden files")

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The form of the file is a promise: what is written today is this.
func TestFileForm(t *testing.T) {
	f := file(t)
	mustSwap(t, f, full("emea"), "")
	got := content(t, filepath.Join(f.Folder, "emea.json"))
	golden := filepath.Join("testdata", "written.json")
	if *update {
		write(t, golden, got)
	}
	if diff := cmp.Diff(string(content(t, golden)), string(got)); diff != "" {
		t.Errorf("the file's form has changed; if old programs can read it still, run with -update (-want +got):\n%s", diff)
	}
}

// A record of the first version decodes for as long as format 1 is known. This
// file is never updated.
func TestFileOldRecord(t *testing.T) {
	f := file(t)
	write(t, filepath.Join(f.Folder, "emea.json"), content(t, filepath.Join("testdata", "format1.json")))
	wantStored(t, f, full("emea"), "3")
	next := full("emea")
	next.Epoch++
	if v := mustSwap(t, f, next, "3"); v != "4" {
		t.Errorf("Swap() = %q, want 4", v)
	}
}

func TestFileModes(t *testing.T) {
	f := file(t)
	f.Folder = filepath.Join(f.Folder, "deep", "er")
	mustSwap(t, f, full("emea"), "")
	for path, want := range map[string]fs.FileMode{
		f.Folder:                                  0o700 | fs.ModeDir,
		filepath.Dir(f.Folder):                    0o700 | fs.ModeDir,
		filepath.Join(f.Folder, "emea.json"):      0o600,
		filepath.Join(f.Folder, "emea.json.lock"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
		}
	}
}

func TestFileLoadMakesNothing(t *testing.T) {
	f := file(t)
	wantAbsent(t, f, "emea")
	if _, err := os.Stat(f.Folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load() made the folder: %v", err)
	}
}

// A process that was killed leaves its new content behind. It is not read, and
// the next swap removes it.
func TestFileKilledBeforeTheRename(t *testing.T) {
	f := file(t)
	v1 := mustSwap(t, f, full("emea"), "")
	left := filepath.Join(f.Folder, "emea.json.new")
	write(t, left, []byte(`{"format":1,"version":"99","record":{"group":"em`))
	if err := os.Chmod(left, 0o666); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, full("emea"), v1)
	next := full("emea")
	next.Epoch++
	v2 := mustSwap(t, f, next, v1)
	wantStored(t, f, next, v2)
	if got, want := names(t, f.Folder), []string{"emea.json", "emea.json.lock"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %v, want %v", got, want)
	}
	if info, err := os.Stat(filepath.Join(f.Folder, "emea.json")); err != nil || info.Mode() != 0o600 {
		t.Errorf("the record has mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestFileCorrupt(t *testing.T) {
	const right = `"version":"1","record":{"group":"emea"}`
	tests := []struct{ name, content, part string }{
		{"empty", "", ""},
		{"not-JSON", "active: vmx-a\n", ""},
		{"null", "null", `format ""`},
		{"no-format", `{` + right + `}`, `format ""`},
		{"format-zero", `{"format":0,` + right + `}`, `format "0"`},
		{"format-not-whole", `{"format":1.5,` + right + `}`, `format "1.5"`},
		{"no-version", `{"format":1,"record":{"group":"emea"}}`, "it has no version"},
		{"version-zero", `{"format":1,"version":"0","record":{"group":"emea"}}`, "it has no version"},
		{"version-is-a-word", `{"format":1,"version":"one","record":{"group":"emea"}}`, ""},
		{"no-record", `{"format":1,"version":"1"}`, `group ""`},
		{"another-group", `{"format":1,"version":"1","record":{"group":"apac"}}`, `it is the record of group "apac"`},
		{"unknown-verdict", `{"format":1,"version":"1","record":{"group":"emea","health":{"members":[{"verdict":"ill"}]}}}`, `verdict "ill"`},
		{"two-documents", `{"format":1,` + right + `}{}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := file(t)
			write(t, filepath.Join(f.Folder, "emea.json"), []byte(test.content))
			got, v, err := f.Load(t.Context(), "emea")
			kept := filepath.Join(f.Folder, "emea.json.corrupt-20260801T100000Z")
			if !errors.Is(err, decide.ErrCorrupt) || v != "" || !got.Equal(decide.Record{}) {
				t.Fatalf("Load() = %+v, %q, %v, want nothing and decide.ErrCorrupt", got, v, err)
			}
			contains(t, err, filepath.Join(f.Folder, "emea.json")+":", "it is kept as "+kept, test.part)
			if got := string(content(t, kept)); got != test.content {
				t.Errorf("%s has %q, want %q", kept, got, test.content)
			}
			wantAbsent(t, f, "emea")
		})
	}
}

// A corrupt file is never overwritten: not by a record, and not by the next
// corrupt file of the same second.
func TestFileCorruptIsKept(t *testing.T) {
	f := file(t)
	path := filepath.Join(f.Folder, "emea.json")
	for _, text := range []string{"first", "second", "third"} {
		write(t, path, []byte(text))
		if _, err := f.Swap(t.Context(), full("emea"), ""); !errors.Is(err, decide.ErrLostRace) {
			t.Fatalf("Swap() over a corrupt file = %v, want decide.ErrLostRace", err)
		}
		if got := string(content(t, path)); got != text {
			t.Fatalf("Swap() changed a corrupt file to %q", got)
		}
		if _, _, err := f.Load(t.Context(), "emea"); !errors.Is(err, decide.ErrCorrupt) {
			t.Fatalf("Load() = %v, want decide.ErrCorrupt", err)
		}
	}
	v := mustSwap(t, f, full("emea"), "")
	wantStored(t, f, full("emea"), v)
	for suffix, want := range map[string]string{"": "first", "-2": "second", "-3": "third"} {
		if got := string(content(t, path+".corrupt-20260801T100000Z"+suffix)); got != want {
			t.Errorf("kept file %q has %q, want %q", suffix, got, want)
		}
	}
}

// A writer that read a record before it was put aside does not fit the record
// that took its place.
func TestFileVersionsAreNotReused(t *testing.T) {
	f := file(t)
	before := mustSwap(t, f, full("emea"), "")
	write(t, filepath.Join(f.Folder, "emea.json"), nil)
	if _, _, err := f.Load(t.Context(), "emea"); !errors.Is(err, decide.ErrCorrupt) {
		t.Fatalf("Load() = %v, want decide.ErrCorrupt", err)
	}
	f.Now = func() time.Time { return start().Add(time.Second) }
	mustSwap(t, f, full("emea"), "")
	if _, err := f.Swap(t.Context(), full("emea"), before); !errors.Is(err, decide.ErrLostRace) {
		t.Errorf("Swap() with a version from before = %v, want decide.ErrLostRace", err)
	}
}

// Whatever part of a file a torn write leaves, tried for each length: the record
// is whole, or it is corrupt and kept.
func TestFileTruncatedAnywhere(t *testing.T) {
	f := file(t)
	path := filepath.Join(f.Folder, "emea.json")
	whole := content(t, filepath.Join("testdata", "format1.json"))
	for n := range len(whole) - 1 { // the last byte is a newline, and may be missing
		torn := whole[:n]
		write(t, path, torn)
		got, v, err := f.Load(t.Context(), "emea")
		if !errors.Is(err, decide.ErrCorrupt) || v != "" || !got.Equal(decide.Record{}) {
			t.Fatalf("Load() of %d bytes = %+v, %q, %v, want decide.ErrCorrupt", n, got, v, err)
		}
		_, kept, _ := strings.Cut(err.Error(), "it is kept as ")
		if raw := content(t, kept); !bytes.Equal(raw, torn) {
			t.Fatalf("%s has %q, want %q", kept, raw, torn)
		}
		if err := os.Remove(kept); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, whole[:len(whole)-1])
	wantStored(t, f, full("emea"), "3")
}

// What a person has put in the way is not removed with its content.
func TestFileLeftoverThatIsAFolder(t *testing.T) {
	f := file(t)
	v := mustSwap(t, f, full("emea"), "")
	left := filepath.Join(f.Folder, "emea.json.new")
	write(t, filepath.Join(left, "x"), nil)
	_, err := f.Swap(t.Context(), full("emea"), v)
	contains(t, err, left)
	wantStored(t, f, full("emea"), v)
}

// A later program's file, and one that cannot be read, are left alone.
func TestFileThatIsNotOurs(t *testing.T) {
	tests := []struct {
		name string
		put  func(path string) error
		part string
	}{
		{"later-format", func(path string) error {
			return os.WriteFile(path, []byte(`{"format":2,"version":{"n":1},"record":"elsewhere"}`), 0o600)
		}, "unknown format 2: this program knows 1"},
		{"a-folder", func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
		{"a-loop-of-links", func(path string) error { return os.Symlink(path, path) }, "too many levels of symbolic links"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := file(t)
			path := filepath.Join(f.Folder, "emea.json")
			if err := errors.Join(os.Mkdir(f.Folder, 0o700), test.put(path)); err != nil {
				t.Fatal(err)
			}
			_, _, err := f.Load(t.Context(), "emea")
			contains(t, err, path, test.part)
			before, statErr := os.Lstat(path)
			if statErr != nil {
				t.Fatal(statErr)
			}
			_, swapErr := f.Swap(t.Context(), full("emea"), "")
			contains(t, swapErr, path, test.part)
			for _, err := range []error{err, swapErr} {
				if errors.Is(err, decide.ErrCorrupt) || errors.Is(err, decide.ErrLostRace) {
					t.Errorf("%v: want neither decide.ErrCorrupt nor decide.ErrLostRace", err)
				}
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
				t.Errorf("the file was touched: %v, %v", after, err)
			}
		})
	}
}

// Root may read everything, so this has no subject there; the rows above go the
// same way through the code.
func TestFileWithoutPermission(t *testing.T) {
	f := file(t)
	path := filepath.Join(f.Folder, "emea.json")
	write(t, path, []byte("not a record"))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, _, err := f.Load(t.Context(), "emea")
	if os.Geteuid() == 0 {
		if !errors.Is(err, decide.ErrCorrupt) {
			t.Errorf("Load() as root = %v, want decide.ErrCorrupt", err)
		}
		return
	}
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, decide.ErrCorrupt) {
		t.Errorf("Load() = %v, want fs.ErrPermission alone", err)
	}
	contains(t, err, path)
}

func TestFileFolderThatIsAFile(t *testing.T) {
	f := file(t)
	write(t, f.Folder, nil)
	_, _, err := f.Load(t.Context(), "emea")
	contains(t, err, f.Folder, "not a directory")
	_, err = f.Swap(t.Context(), full("emea"), "")
	contains(t, err, f.Folder, "not a directory")
	f.Folder = filepath.Join(f.Folder, "below")
	_, err = f.Swap(t.Context(), full("emea"), "")
	contains(t, err, filepath.Dir(f.Folder), "not a directory")
}

// A group's name cannot lead out of the folder or to another group's files.
func TestFileGroupNames(t *testing.T) {
	f := file(t)
	for _, group := range []appliance.GroupName{"", ".", "..", "../x", "a/b", `a\b`, ".hidden", "a b", "ä", "a\x00", appliance.GroupName(strings.Repeat("x", 101))} {
		_, _, err := f.Load(t.Context(), group)
		contains(t, err, "cannot name a file")
		_, err = f.Swap(t.Context(), decide.Record{Group: group}, "")
		contains(t, err, "cannot name a file")
	}
	for _, group := range []appliance.GroupName{"emea", "emea.json", "emea.json.new", "EMEA-2_x"} {
		v := mustSwap(t, f, full(group), "")
		wantStored(t, f, full(group), v)
	}
}

// A lock that somebody holds is waited for, as long as the context allows.
func TestFileWaitsForTheLock(t *testing.T) {
	f := file(t)
	v := mustSwap(t, f, full("emea"), "")
	held := flock.New(filepath.Join(f.Folder, "emea.json.lock"))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Swap(ctx, full("emea"), v); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Swap() while the lock is held = %v, want context.DeadlineExceeded", err)
		} else {
			contains(t, err, "lock ", "emea.json.lock")
		}
		wantStored(t, f, full("emea"), v) // reading needs no lock
	})
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(time.Second, func() {
			if err := held.Close(); err != nil {
				t.Error(err)
			}
		})
		mustSwap(t, f, full("emea"), v)
	})
}

// D11: a peer's lock outlives its holder and blocks others for 20 minutes, because
// the time in it is misspelt. Here the system drops the lock with its holder, and
// nothing that stands in the file is read.
func TestD11LockFileOfADeadProcessHoldsNobodyUp(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "fields": `{"holder":"x","timestamp":0}`, "garbage": "\x00\xff"} {
		t.Run(name, func(t *testing.T) {
			f := file(t)
			write(t, filepath.Join(f.Folder, "emea.json.lock"), []byte(text))
			wantStored(t, f, full("emea"), mustSwap(t, f, full("emea"), ""))
		})
	}
}

// A corrupt file that cannot be put aside is an error, and not a fresh start.
func TestFileCorruptWhileTheLockIsHeld(t *testing.T) {
	f := file(t)
	path := filepath.Join(f.Folder, "emea.json")
	write(t, path, []byte("x"))
	held := flock.New(path + ".lock")
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer func() { _ = held.Close() }()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err := f.Load(ctx, "emea")
		if errors.Is(err, decide.ErrCorrupt) {
			t.Errorf("Load() = %v, want no decide.ErrCorrupt: nothing was put aside", err)
		}
		contains(t, err, "put aside the corrupt record "+path)
	})
	// The writer that held the lock was repairing the file.
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(time.Second, func() {
			write(t, path, content(t, filepath.Join("testdata", "format1.json")))
			if err := held.Close(); err != nil {
				t.Error(err)
			}
		})
		wantStored(t, f, full("emea"), "3")
	})
}
