// Package trial plays the whole of hopguard against a hostile world, in virtual time
// and by a seed: replicas with production code, a simulated Azure, a store, people who
// order and others who edit; and it judges every write by what hopguard promises
// (docs/promises.md, docs/simulation.md).
//
// It guarantees that a seed is one history: every call of production code waits at a
// turnstile, and the seed says which one goes on. It judges the simulated Azure and
// the simulated packets, never what a controller says of itself. Play must run in a
// bubble of testing/synctest, so only tests import it.
package trial

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
	"hopguard/internal/blobsim"
	"hopguard/internal/config"
)

// Result is what became of a seed.
type Result struct {
	Seed uint64
	// Violation is the promise that was broken, and how; "" if none was.
	Violation string
	// Transcript has the newest lines of what happened; Digest is of all.
	Transcript, Digest string
	// Lasted is the time of the simulated world, and Calls how many calls of
	// production code were carried out in it.
	Lasted time.Duration
	Calls  int
	// Writes and Moves count the route tables written and the changes of the active
	// member.
	Writes, Moves int
	// Healed is how long after the last fault everything was in order.
	Healed time.Duration
	// Unseen says that a member got another address: one that changes unseen is noticed
	// later.
	Unseen bool
}

// The names of the world.
const (
	groupName  = appliance.GroupName("emea")
	tagName    = "nva_ha_udr"
	tagValue   = "emea"
	container  = "state"
	canary     = "canary-9d2f7c"
	storageKey = "canary-key-51c0"
	inMemory   = "https://azuresim.invalid"
	regionA    = "westeurope"
	regionB    = "northeurope"
)

// world is one seed's.
type world struct {
	*driver
	scene
	azure     *azuresim.Sim
	blobs     *blobsim.Sim
	dashboard *dashboard
	spec      azuresim.World
	conf      config.Config
	judge     *judge

	replicas []*replica
	running  sync.WaitGroup
	people   int
	faults   int // how many have been planned
	trouble  error
	owner    string // the token of who edits by hand
	healed   time.Time
	order    time.Duration // how long after that everything was in order
	calm     int           // for how many seconds it has been
}

// Play plays one seed to its end.
func Play(seed uint64) Result {
	rng := rand.New(rand.NewPCG(seed, 0x7472_6961_6c))
	w := &world{driver: &driver{turn: newTurnstile(), rng: rng, began: time.Now()}, scene: drawScene(rng)}
	if err := w.build(seed); err != nil {
		return Result{Seed: seed, Violation: "the world cannot be built: " + err.Error()}
	}
	for _, r := range w.replicas {
		w.after(w.span(3*time.Second), func() { w.start(r) })
	}
	w.plan()
	w.run(w)
	lasted := time.Since(w.began)
	w.end()
	return w.result(seed, lasted)
}

func (w *world) build(seed uint64) error {
	w.spec = w.scene.spec()
	var err error
	w.azure, err = azuresim.New(w.spec, azuresim.Options{Seed: seed, Profile: w.profile, CallLog: 16})
	if err != nil {
		return err
	}
	w.blobs = blobsim.New(blobsim.Options{Key: []byte(storageKey)})
	if w.owner, _, err = w.azure.Token("owner"); err != nil {
		return err
	}
	if w.dashboard, err = newDashboard(seed, w.heard, w.spec); err != nil {
		return err
	}
	w.conf = w.configuration(w.spec, w.blobs.ConnectionString())
	if err := w.conf.Validate(); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	w.judge = newJudge(w)
	for n := range w.scene.replicas {
		w.replicas = append(w.replicas, &replica{number: n + 1, clock: newClock(w.skew(), 1)})
	}
	w.say("seed %d: %s", seed, w.scene)
	return w.dress()
}

// skew is by how much a host's clock is wrong from the start.
func (w *world) skew() time.Duration {
	return time.Duration(w.rng.Int64N(int64(4*time.Second))) - 2*time.Second
}

// span draws a time of up to most.
func (w *world) span(most time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(most)))
}

// broken ends the world because of a mistake in it.
func (w *world) broken(err error) {
	if w.trouble == nil {
		w.trouble = err
	}
	w.over = true
}

// violated ends the world because a promise was broken.
func (w *world) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if w.judge.violation == "" {
		w.judge.violation = text
		w.say("VIOLATION %s", text)
	}
	w.over = true
}

// arrived, carried and reported are hooks of the driver.
func (w *world) arrived(c *call) {
	if c.sent != nil {
		c.sent()
	}
}

func (w *world) carried(by *call) { w.judge.look(by) }

func (w *world) reported(r report) { w.judge.reported(r) }

// end stops everything that still runs.
func (w *world) end() {
	for _, r := range w.replicas {
		if r.now != nil {
			w.turn.kill(r.now)
			r.now.stop()
		}
	}
	for {
		arrived, _ := w.turn.take()
		for _, c := range append(arrived, w.calls...) {
			w.turn.kill(c.actor)
			c.actor.stop()
			c.giveUp(errGone)
			close(c.done)
		}
		w.calls = nil
		if len(arrived) == 0 {
			break
		}
	}
	w.running.Wait()
	if err := w.azure.Close(); err != nil && w.trouble == nil {
		w.trouble = err
	}
}

func (w *world) result(seed uint64, lasted time.Duration) Result {
	r := Result{
		Seed: seed, Violation: w.judge.violation, Transcript: w.transcript.tail(), Digest: w.transcript.digest(),
		Lasted: lasted, Calls: w.admitted, Writes: w.judge.writes, Moves: w.judge.moves, Healed: w.order, Unseen: w.judge.redeployed,
	}
	if w.trouble != nil {
		r.Violation = "the world broke: " + w.trouble.Error()
	}
	return r
}

// logger reads what a process says, in search of secrets.
func (w *world) logger(*actor) *slog.Logger {
	return slog.New(slog.NewTextHandler(&w.judge.eavesdropper, &slog.HandlerOptions{Level: slog.LevelInfo}))
}
