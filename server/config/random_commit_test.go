package config

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestG19_RandomCommitsAgainstAPlainMap makes random transactions that are
// confirmed, cancelled, or go back to an earlier version, with restarts between
// all of them: the configuration is always what the map says.
func TestG19_RandomCommitsAgainstAPlainMap(t *testing.T) {
	const rounds, sets = 8, 120
	taken := 0
	for seed := range uint64(rounds) {
		d := dice{rand.New(rand.NewPCG(seed, 19))}
		e := open(t, t.TempDir())
		model, versions := plain{}, map[uint64]plain{}
		same := func(what string) {
			t.Helper()
			if diff := cmp.Diff(model.text(), sorted(e.text())); diff != "" {
				t.Fatalf("seed %d: %s: %s", seed, what, diff)
			}
			versions[e.latest()] = model
		}
		for range sets {
			lines, next := d.request(model)
			req := with(request(t, lines...), begin("c", time.Hour))
			if _, err := e.Set(context.Background(), req); err != nil {
				continue
			}
			taken++
			before := model
			model = next
			same("a commit")
			if d.IntN(4) == 0 {
				e = restart(t, e, d)
				same("a restart while it waits")
			}
			if d.IntN(2) == 0 {
				e.send(t, with(request(t), confirm("c")))
				same("a confirmation")
			} else {
				e.send(t, with(request(t), cancel("c")))
				model = before
				same("a cancellation")
			}
			if d.IntN(6) == 0 && len(e.history) > 0 {
				id := e.history[d.IntN(len(e.history))].id
				if err := e.rollback(id); err != nil {
					t.Fatal(err)
				}
				model = versions[id]
				same("a version")
			}
			if d.IntN(20) == 0 {
				e = restart(t, e, d)
				same("a restart")
			}
		}
		wanted := e.device.wanted()
		if diff := cmp.Diff(wanted, reopen(t, e).device.wanted()); diff != "" {
			t.Fatalf("seed %d: the datapath's changes add up to something else than the whole: %s", seed, diff)
		}
	}
	if taken < rounds*sets/20 {
		t.Errorf("only %d of %d commits were accepted: the test tests little", taken, rounds*sets)
	}
}

// latest is the number of the running version, 0 for none.
func (e *element) latest() uint64 {
	if len(e.history) == 0 {
		return 0
	}
	return e.history[len(e.history)-1].id
}
