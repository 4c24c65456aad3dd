package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/blobsim"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

var _ controller.Records = azure.Records{}

func recordsOf(c *azure.Container) azure.Records { return azure.Records{Container: c, Now: time.Now} }

func recordOf(group appliance.GroupName, epoch uint64) decide.Record {
	return decide.Record{Group: group, Epoch: epoch, Active: "vmx-b", Note: "maintenance <1>"}
}

func mustSwap(t *testing.T, s controller.Records, r decide.Record, version string) string {
	t.Helper()
	version, err := s.Swap(t.Context(), r, version)
	if err != nil {
		t.Fatalf("Swap() = %v, want no error", err)
	}
	return version
}

func wantStored(t *testing.T, s controller.Records, want decide.Record, version string) {
	t.Helper()
	got, v, err := s.Load(t.Context(), want.Group)
	if err != nil || v != version || !got.Equal(want) {
		t.Errorf("Load() = %+v, %q, %v, want %+v, %q", got, v, err, want, version)
	}
}

func wantAbsent(t *testing.T, s controller.Records, group appliance.GroupName) {
	t.Helper()
	got, v, err := s.Load(t.Context(), group)
	if err != nil || v != "" || !got.Equal(decide.Record{}) {
		t.Errorf("Load() = %+v, %q, %v, want nothing", got, v, err)
	}
}

// keepRecords is what any store of records does; Azurite is asked for it too.
func keepRecords(t *testing.T, s azure.Records) {
	t.Helper()
	wantAbsent(t, s, "emea")
	lost := func(version string) {
		t.Helper()
		if v, err := s.Swap(t.Context(), recordOf("emea", 99), version); !errors.Is(err, decide.ErrLostRace) || v != "" {
			t.Errorf("Swap(%q) = %q, %v, want decide.ErrLostRace", version, v, err)
		}
	}
	lost(`1 "0x8DE000000000001"`) // a version of a record that is not there
	wantAbsent(t, s, "emea")
	first := recordOf("emea", 1)
	v1 := mustSwap(t, s, first, "")
	wantStored(t, s, first, v1)
	lost("") // create over an existing one
	v2 := mustSwap(t, s, recordOf("emea", 2), v1)
	lost(v1) // stale
	for _, odd := range []string{"nonsense", "1", `x "0x8"`, "0 x"} {
		lost(odd)
	}
	wantStored(t, s, recordOf("emea", 2), v2)
	wantAbsent(t, s, "apac")
	v3 := mustSwap(t, s, recordOf("apac", 1), "")
	wantStored(t, s, recordOf("apac", 1), v3)
	if _, err := s.Swap(t.Context(), recordOf("../emea", 1), ""); err == nil || !strings.Contains(err.Error(), "cannot name a file") {
		t.Errorf("Swap() of a group with an odd name = %v", err)
	}
	if _, _, err := s.Load(t.Context(), "../emea"); err == nil || !strings.Contains(err.Error(), "cannot name a file") {
		t.Errorf("Load() of a group with an odd name = %v", err)
	}
}

func TestRecordsInBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { keepRecords(t, recordsOf(opened(t, newSim(), "a"))) })
}

// Of eight writers in two processes that start from one version, exactly one wins.
func TestP3OneWinnerForEachVersionInBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Its first round races for the container too.
		sim := newSim()
		oneWinner(t, recordsOf(opened(t, sim, "a")), recordsOf(opened(t, sim, "b")))
	})
}

func oneWinner(t *testing.T, stores ...azure.Records) {
	t.Helper()
	const writers, rounds = 8, 10
	version := ""
	for round := range rounds {
		won, failed := make([]string, writers), make([]error, writers)
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				r := recordOf("emea", uint64(round+1))
				r.Note = fmt.Sprint("writer ", i)
				won[i], failed[i] = stores[i%len(stores)].Swap(t.Context(), r, version)
			})
		}
		all.Wait()
		winner := slices.IndexFunc(won, func(v string) bool { return v != "" })
		if winner < 0 {
			t.Fatalf("round %d: nobody won: %v", round, failed)
		}
		for i, err := range failed {
			if i != winner && (won[i] != "" || !errors.Is(err, decide.ErrLostRace)) {
				t.Errorf("round %d: writer %d got %q, %v, and writer %d won", round, i, won[i], err, winner)
			}
		}
		version = won[winner]
		want := recordOf("emea", uint64(round+1))
		want.Note = fmt.Sprint("writer ", winner)
		wantStored(t, stores[len(stores)-1], want, version)
	}
}

// A blob can be copied to a file and back: the form is the same.
func TestBlobsAndFilesHaveOneForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		s := recordsOf(opened(t, sim, "a"))
		want := recordOf("emea", 3)
		v := mustSwap(t, s, want, "")
		number, etag, _ := strings.Cut(v, " ")
		if !strings.HasPrefix(etag, `"0x`) {
			t.Errorf("version is %q, want a number and an etag", v)
		}
		resp := raw(t, sim, http.MethodGet, "/state/hopguard/records/emea.json", "")
		if got := resp.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type is %q", got)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		writeFile(t, filepath.Join(folder, "emea.json"), text)
		wantStored(t, store.File{Folder: folder, Now: time.Now}, want, number)
		next := mustSwap(t, s, want, v)
		if again, _, _ := strings.Cut(next, " "); again == number {
			t.Errorf("two versions have the number %s", number)
		}
	})
}

func TestSwapInTrouble(t *testing.T) {
	refuse := func(status int, code string, after time.Duration) blobsim.Fault {
		return blobsim.Fault{Kind: blobsim.Refuse, Status: status, Code: code, RetryAfter: after}
	}
	for _, test := range []struct {
		name   string
		fault  blobsim.Fault
		last   int           // the last write that it hits; the first is 2
		want   string        // part of the error; empty: stored
		writes int           // how often it is written
		least  time.Duration // it takes between
		most   time.Duration
	}{
		{"reset", blobsim.Fault{Kind: blobsim.Reset}, 2, "", 2, 0, time.Second},
		{"hang", blobsim.Fault{Kind: blobsim.Hang}, 2, "", 2, 2 * time.Second, 3 * time.Second},
		{"answer-lost", blobsim.Fault{Kind: blobsim.LoseAnswer}, 2, "", 1, 0, 0},
		{"answer-hangs", blobsim.Fault{Kind: blobsim.HangAnswer}, 2, "", 1, 2 * time.Second, 2 * time.Second},
		{"done-and-called-failed", blobsim.Fault{Kind: blobsim.FailAfter, Status: 500, Code: "OperationTimedOut"}, 2, "", 1, 0, 0},
		{"slow", blobsim.Fault{Kind: blobsim.SlowAnswer, Delay: 1900 * time.Millisecond}, 2, "", 1, 1900 * time.Millisecond, 1900 * time.Millisecond},
		{"arrives-after-the-second-try", blobsim.Fault{Kind: blobsim.Late, Delay: 4 * time.Second}, 2, "", 2, 2 * time.Second, 3 * time.Second},
		{"arrives-before-the-second-try", blobsim.Fault{Kind: blobsim.Late, Delay: 2*time.Second + time.Millisecond}, 2, "", 2, 2 * time.Second, 3 * time.Second},
		{"busy", refuse(503, "ServerBusy", time.Second), 2, "", 2, time.Second, 2 * time.Second},
		{"busy-for-long", refuse(503, "ServerBusy", 30*time.Second), 9, "503 ServerBusy", 1, 0, time.Second},
		{"throttled", refuse(429, "TooManyRequests", 0), 2, "", 2, 0, time.Second},
		{"broken", refuse(500, "InternalError", 0), 9, "500 InternalError", 3, 0, time.Second},
		{"forbidden", refuse(403, "AuthorizationPermissionMismatch", 0), 9, "Storage Blob Data Contributor", 1, 0, 0},
		{"leased", refuse(412, "LeaseIdMissing", 0), 9, "412 LeaseIdMissing", 1, 0, 0},
		{"container-being-deleted", refuse(409, "ContainerBeingDeleted", 0), 9, "409 ContainerBeingDeleted", 1, 0, 0},
		{"silence", blobsim.Fault{Kind: blobsim.Hang}, 9, "no answer within", 3, 4 * time.Second, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := newSim()
				s := recordsOf(opened(t, sim, "a"))
				v1 := mustSwap(t, s, recordOf("emea", 1), "")
				before := count(sim, blobsim.OpPutBlob)
				sim.SetFault(faultOn(blobsim.OpPutBlob, before+1, before+test.last-1, test.fault))
				begun := time.Now()
				v2, err := s.Swap(t.Context(), recordOf("emea", 2), v1)
				took := time.Since(begun)
				sim.SetFault(nil)
				if n := count(sim, blobsim.OpPutBlob) - before; n != test.writes {
					t.Errorf("it was written %d times, want %d", n, test.writes)
				}
				if took < test.least || took > test.most {
					t.Errorf("it took %s, want between %s and %s", took, test.least, test.most)
				}
				time.Sleep(time.Minute) // what was late has arrived
				switch {
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, decide.ErrLostRace)):
					t.Errorf("Swap() = %q, %v, want %q and no lost race", v2, err, test.want)
				case test.want != "":
					wantStored(t, s, recordOf("emea", 1), v1)
				case err != nil:
					t.Errorf("Swap() = %v, want no error", err)
				default:
					wantStored(t, s, recordOf("emea", 2), v2)
				}
			})
		})
	}
}

// Whoever is overtaken while it does not know how its own write went has lost.
func TestSwapInTroubleAndOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		a, b := recordsOf(opened(t, sim, "a")), recordsOf(opened(t, sim, "b"))
		v1 := mustSwap(t, a, recordOf("emea", 1), "")
		sim.SetFault(func(c blobsim.Call) blobsim.Fault {
			if c.Client == "a" && c.Op == blobsim.OpPutBlob {
				return blobsim.Fault{Kind: blobsim.Hang}
			}
			return blobsim.Fault{}
		})
		var overtaken sync.WaitGroup
		var v2 string
		overtaken.Go(func() {
			time.Sleep(time.Second)
			v2 = mustSwap(t, b, recordOf("emea", 2), v1)
			sim.SetFault(nil)
		})
		v, err := a.Swap(t.Context(), recordOf("emea", 3), v1)
		overtaken.Wait()
		if !errors.Is(err, decide.ErrLostRace) || v != "" {
			t.Errorf("Swap() = %q, %v, want decide.ErrLostRace", v, err)
		}
		wantStored(t, a, recordOf("emea", 2), v2)
	})
}

// A read that fails is repeated within the bound, and says what is wrong.
func TestLoadInTrouble(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault blobsim.Fault
		last  int
		want  string
	}{
		{"reset", blobsim.Fault{Kind: blobsim.Reset}, 2, ""},
		{"hang", blobsim.Fault{Kind: blobsim.Hang}, 1, ""},
		{"busy", blobsim.Fault{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy"}, 2, ""},
		{"silence", blobsim.Fault{Kind: blobsim.Hang}, 9, "no answer within"},
		{"down", blobsim.Fault{Kind: blobsim.Reset}, 9, "connection reset by peer"},
		{"forbidden", blobsim.Fault{Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationFailure"}, 9, "network rules"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := newSim()
				s := recordsOf(opened(t, sim, "a"))
				v := mustSwap(t, s, recordOf("emea", 1), "")
				before := count(sim, blobsim.OpGetBlob)
				sim.SetFault(faultOn(blobsim.OpGetBlob, before+1, before+test.last, test.fault))
				begun := time.Now()
				got, version, err := s.Load(t.Context(), "emea")
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %s, want 5s at the most", took)
				}
				switch {
				case test.want == "" && (err != nil || version != v || !got.Equal(recordOf("emea", 1))):
					t.Errorf("Load() = %+v, %q, %v", got, version, err)
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "read hopguard/records/emea.json: ") || version != ""):
					t.Errorf("Load() = %q, %v, want %q", version, err, test.want)
				}
			})
		})
	}
}

func TestStoreCallsEndWithTheContext(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		s := recordsOf(opened(t, newSim(), "a"))
		ctx, cancel := context.WithCancelCause(ctx)
		cause := errors.New("terminated signal received")
		cancel(cause)
		if _, _, err := s.Load(ctx, "emea"); !errors.Is(err, cause) {
			t.Errorf("Load() = %v, want %v", err, cause)
		}
		if _, err := s.Swap(ctx, recordOf("emea", 1), ""); !errors.Is(err, cause) {
			t.Errorf("Swap() = %v, want %v", err, cause)
		}
	})
}

func TestCorruptBlob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		s := recordsOf(opened(t, sim, "a"))
		wantAbsent(t, s, "emea")
		const blob = "/state/hopguard/records/emea.json"
		stamp := time.Now().UTC().Format("20060102T150405Z")
		for i, text := range []string{"", "active: vmx-a", `{"format":1,"version":"1","record":{"group":"apac"}}`} {
			raw(t, sim, http.MethodPut, blob, text)
			if _, err := s.Swap(t.Context(), recordOf("emea", 1), ""); !errors.Is(err, decide.ErrLostRace) {
				t.Errorf("Swap() over a corrupt blob = %v, want decide.ErrLostRace", err)
			}
			got, v, err := s.Load(t.Context(), "emea")
			kept := "hopguard/records/emea.json.corrupt-" + stamp
			if i > 0 {
				kept += fmt.Sprint("-", i+1)
			}
			if !errors.Is(err, decide.ErrCorrupt) || v != "" || !got.Equal(decide.Record{}) || !strings.HasSuffix(err.Error(), "it is kept as "+kept) {
				t.Fatalf("Load() = %+v, %q, %v, want decide.ErrCorrupt and %s", got, v, err, kept)
			}
			copied, err := io.ReadAll(raw(t, sim, http.MethodGet, "/state/"+kept, "").Body)
			if err != nil || string(copied) != text {
				t.Errorf("%s has %q, %v, want %q", kept, copied, err, text)
			}
			wantAbsent(t, s, "emea")
		}
		v := mustSwap(t, s, recordOf("emea", 1), "")
		wantStored(t, s, recordOf("emea", 1), v)
	})
}

// Between the reading and the removal somebody repairs the record: the repair stays.
func TestCorruptBlobIsRepairedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		a, b := recordsOf(opened(t, sim, "a")), recordsOf(opened(t, sim, "b"))
		wantAbsent(t, a, "emea")
		v := mustSwap(t, b, recordOf("emea", 7), "")
		good, err := io.ReadAll(raw(t, sim, http.MethodGet, "/state/hopguard/records/emea.json", "").Body)
		if err != nil {
			t.Fatal(err)
		}
		raw(t, sim, http.MethodPut, "/state/hopguard/records/emea.json", "corrupt")
		sim.SetFault(func(c blobsim.Call) blobsim.Fault {
			if c.Client == "a" && c.Op == blobsim.OpDeleteBlob {
				return blobsim.Fault{Kind: blobsim.Slow, Delay: time.Second}
			}
			return blobsim.Fault{}
		})
		var hand sync.WaitGroup
		hand.Go(func() {
			time.Sleep(time.Second / 2)
			raw(t, sim, http.MethodPut, "/state/hopguard/records/emea.json", string(good))
		})
		got, version, err := a.Load(t.Context(), "emea")
		hand.Wait()
		if err != nil || !got.Equal(recordOf("emea", 7)) || version == v {
			t.Errorf("Load() = %+v, %q, %v, want the repaired record", got, version, err)
		}
	})
}

// A later form is no damage: it is left alone.
func TestUnknownFormatInABlob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		s := recordsOf(opened(t, sim, "a"))
		wantAbsent(t, s, "emea")
		raw(t, sim, http.MethodPut, "/state/hopguard/records/emea.json", `{"format":2}`)
		for range 2 {
			_, _, err := s.Load(t.Context(), "emea")
			if !errors.Is(err, store.ErrFormat) || errors.Is(err, decide.ErrCorrupt) {
				t.Errorf("Load() = %v, want store.ErrFormat", err)
			}
		}
		raw(t, sim, http.MethodPut, "/state/hopguard/records/emea.json", strings.Repeat(" ", 4<<20))
		if n := count(sim, blobsim.OpDeleteBlob); n != 0 {
			t.Errorf("%d blobs were removed", n)
		}
	})
}

func TestContainerOfRecords(t *testing.T) {
	const want = "does not exist any more; it was there before, so it is not made anew: restore it, or start again"
	for _, test := range []struct {
		name   string
		create bool
		before func(t *testing.T, sim *blobsim.Sim, s azure.Records)
		want   string // part of the errors of Load and Swap; empty: both work
	}{
		{"made-if-allowed", true, func(*testing.T, *blobsim.Sim, azure.Records) {}, ""},
		{"not-made-otherwise", false, func(*testing.T, *blobsim.Sim, azure.Records) {}, "az storage container create"},
		{"there-already", false, func(t *testing.T, sim *blobsim.Sim, _ azure.Records) {
			raw(t, sim, http.MethodPut, "/state?restype=container", "")
		}, ""},
		{"vanished", true, func(t *testing.T, sim *blobsim.Sim, s azure.Records) {
			mustSwap(t, s, recordOf("emea", 1), "")
			raw(t, sim, http.MethodDelete, "/state?restype=container", "")
		}, want},
		{"vanished-a-while-ago", true, func(t *testing.T, sim *blobsim.Sim, s azure.Records) {
			wantAbsent(t, s, "emea")
			raw(t, sim, http.MethodDelete, "/state?restype=container", "")
			time.Sleep(time.Minute)
		}, want},
		{"vanished-after-it-was-found-empty", true, func(t *testing.T, sim *blobsim.Sim, s azure.Records) {
			raw(t, sim, http.MethodPut, "/state?restype=container", "")
			wantAbsent(t, s, "emea")
			raw(t, sim, http.MethodDelete, "/state?restype=container", "")
		}, want},
		{"being-deleted-at-the-start", true, func(t *testing.T, sim *blobsim.Sim, _ azure.Records) {
			raw(t, sim, http.MethodPut, "/state?restype=container", "")
			raw(t, sim, http.MethodDelete, "/state?restype=container", "")
		}, "create the container: 409 ContainerBeingDeleted"},
		{"made-by-another", true, func(_ *testing.T, sim *blobsim.Sim, _ azure.Records) {
			sim.SetFault(faultOn(blobsim.OpCreateContainer, 1, 1, blobsim.Fault{Kind: blobsim.LoseAnswer}))
		}, ""},
		{"may-not-be-made", true, func(_ *testing.T, sim *blobsim.Sim, _ azure.Records) {
			sim.SetFault(faultOn(blobsim.OpCreateContainer, 1, 9, blobsim.Fault{Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationPermissionMismatch"}))
		}, "create the container: 403 AuthorizationPermissionMismatch: grant the role Storage Blob Data Contributor"},
	} {
		for _, call := range []string{"load", "swap"} {
			t.Run(test.name+"-"+call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := newSim()
					s := recordsOf(opened(t, sim, "a", func(s *azure.BlobSettings) { s.Create = test.create }))
					test.before(t, sim, s)
					var err error
					if call == "load" {
						_, _, err = s.Load(t.Context(), "apac")
					} else {
						_, err = s.Swap(t.Context(), recordOf("apac", 1), "")
					}
					if got := fmt.Sprint(err); (err == nil) != (test.want == "") || !strings.Contains(got, test.want) {
						t.Errorf("%s = %v, want %q", call, err, test.want)
					}
					if errors.Is(err, decide.ErrLostRace) || errors.Is(err, decide.ErrCorrupt) {
						t.Errorf("%s = %v: neither a lost race nor a corrupt record", call, err)
					}
				})
			})
		}
	}
}

func TestPrefixesSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		prefix := func(p string) azure.Records {
			return recordsOf(opened(t, sim, "a", func(s *azure.BlobSettings) { s.Prefix = p }))
		}
		v := mustSwap(t, prefix("prod/one/"), recordOf("emea", 1), "")
		wantStored(t, prefix("prod/one"), recordOf("emea", 1), v)
		wantAbsent(t, prefix("prod"), "emea")
		if diff := cmp.Diff(http.StatusOK, raw(t, sim, http.MethodGet, "/state/prod/one/records/emea.json", "").StatusCode); diff != "" {
			t.Errorf("the blob is somewhere else: %s", diff)
		}
	})
}
