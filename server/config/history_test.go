package config

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/server/openconfig"
)

// rollback is a Set that brings a version back.
func (e *element) rollback(id uint64) error {
	req := &gpb.SetRequest{Update: []*gpb.Update{commandsOf(fmt.Sprintf("rollback %d", id))}}
	_, err := e.Set(context.Background(), req)
	return err
}

func TestHistorySurvives(t *testing.T) {
	stop := map[string]func(*testing.T, *element) *element{
		"nothing":             func(_ *testing.T, e *element) *element { return e },
		"kill":                reopen,
		"restart":             func(t *testing.T, e *element) *element { must(t, e.Close()); return open(t, e.dir) },
		"rotation, then kill": func(t *testing.T, e *element) *element { must(t, e.rotate()); return reopen(t, e) },
	}
	for name, again := range stop {
		t.Run(name, func(t *testing.T) {
			e := open(t, t.TempDir(), func(o *Options) { o.By = func(context.Context) string { return "somebody" } })
			texts := map[uint64]string{}
			steps := [][]string{
				{port("p1"), "update " + p1 + "/config/mtu 1400"},
				{port("p2"), l2, "update " + blue + `/vlans/vlan[vlan-id=10]/config/name "ten"`},
				{"delete " + p1, "update " + blue + `/vlans/vlan[vlan-id=10]/config/name "x"`},
				{"replace / {}"},
				{port("p3"), l2},
			}
			for _, lines := range steps {
				e.set(t, lines...)
				texts[e.journal.Seq()] = e.text()
			}
			e = again(t, e)
			e.set(t, "update /interfaces/interface[name=p3]/config/mtu 1500")
			texts[e.journal.Seq()] = e.text()
			ids := make([]uint64, 0, len(e.history))
			for _, p := range e.history {
				ids = append(ids, p.id)
				if p.by != "somebody" && p.id != e.journal.Seq() {
					t.Errorf("version %d by %q", p.id, p.by)
				}
			}
			if len(ids) != len(texts) {
				t.Fatalf("versions %v, want those of %d commits", ids, len(texts))
			}
			for i := len(ids) - 1; i >= 0; i-- { // there and back
				for _, id := range []uint64{ids[i], ids[0], ids[len(ids)-1-i]} {
					must(t, e.rollback(id))
					if got := e.text(); got != texts[id] {
						t.Errorf("version %d: %s", id, cmp.Diff(texts[id], got))
					}
				}
			}
			want := e.text()
			if got := reopen(t, e).text(); got != want {
				t.Errorf("after a restart: %s", cmp.Diff(want, got))
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p1"))
	for i := range 2 * maxHistory {
		e.set(t, fmt.Sprintf("update %s/config/mtu %d", p1, 1400+i))
	}
	for range 2 {
		if len(e.history) != maxHistory {
			t.Fatalf("%d versions, want %d", len(e.history), maxHistory)
		}
		refused := e.rollback(e.history[0].id - 1)
		e.refused(t, refused, openconfig.Invalid, "there is no version")
		e = reopen(t, e)
	}
	oldest := e.history[0].id
	must(t, e.rollback(oldest))
	if want := fmt.Sprintf("mtu = %d", 1400+maxHistory); !strings.Contains(e.text(), want) {
		t.Errorf("tree %s, want %s", e.text(), want)
	}
}

func TestRollbackIsRefused(t *testing.T) {
	e := open(t, t.TempDir())
	e.refused(t, e.rollback(1), openconfig.Invalid, "none is kept")
	e.set(t, port("p1"))
	id := e.history[0].id
	e.refused(t, e.rollback(id+1), openconfig.Invalid, "line 1, column 10: there is no version")
	mixed := request(t, port("p2"))
	mixed.Update = append(mixed.Update, commandsOf(fmt.Sprintf("rollback %d", id)))
	_, err := e.Set(context.Background(), mixed)
	e.refused(t, err, openconfig.Invalid, "stands before")
	_, err = e.Set(context.Background(), united(request(t), commandsOf(fmt.Sprintf("rollback %d", id))))
	e.refused(t, err, openconfig.Invalid, "stands before")
}

func TestStatusIsTold(t *testing.T) {
	var told Status
	e := open(t, t.TempDir(), func(o *Options) { o.Status = func(s Status) { told = s } })
	if len(told.Versions) != 0 || told.Unconfirmed != "" {
		t.Errorf("at first: %+v", told)
	}
	e.set(t, port("p1"))
	e.send(t, with(request(t, port("p2")), begin("c1", time.Hour)))
	if len(told.Versions) != 2 || told.Unconfirmed != "c1" || time.Until(told.Deadline) < time.Minute {
		t.Errorf("while a commit waits: %+v", told)
	}
	e.send(t, with(request(t), confirm("c1")))
	if len(told.Versions) != 2 || told.Unconfirmed != "" {
		t.Errorf("after it was confirmed: %+v", told)
	}
}
