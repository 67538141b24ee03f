package telemetry

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// model is the plainest tree there is: text to text.
type model map[string]string

// configLeaf says whether a path of the test is configuration.
func configLeaf(p string) bool { return strings.Contains(p, "/config/") }

// isKeyLeaf reports the leaves that the engine itself keeps.
func isKeyLeaf(p string) bool {
	return !strings.Contains(p, "/config/") && !strings.Contains(p, "/state/")
}

func (m model) remove(gone string, of Scope) {
	for p := range m {
		below := p == gone || strings.HasPrefix(p, gone+"/") || strings.HasPrefix(p, gone+"[")
		if below && !isKeyLeaf(p) && (of == All || of == Config == configLeaf(p)) {
			delete(m, p)
		}
	}
}

// withKeys gives the model with the key leaves of all entries.
func (m model) withKeys() map[string]string {
	all := maps.Clone(m)
	for p := range m {
		for at := 0; ; {
			open := strings.IndexByte(p[at:], '[')
			if open < 0 {
				break
			}
			end := at + open
			for end < len(p) && p[end] == '[' {
				end += strings.IndexByte(p[end:], ']') + 1
			}
			for _, key := range strings.Split(strings.Trim(p[at+open:end], "[]"), "][") {
				name, value, _ := strings.Cut(key, "=")
				all[p[:end]+"/"+name] = value
			}
			at = end
		}
	}
	return all
}

// world makes random changes of a small part of the schema, so that they meet.
type world struct {
	rand *rand.Rand
	t    testing.TB
}

func (w *world) pick(of ...string) string { return of[w.rand.IntN(len(of))] }

func (w *world) leaf() (path, value string) {
	n := fmt.Sprint(w.rand.IntN(4))
	eth := "/interfaces/interface[name=eth" + n + "]"
	net := "/network-instances/network-instance[name=" + w.pick("default", "a") + "]"
	vlan := net + "/vlans/vlan[vlan-id=1" + n + "]"
	switch w.rand.IntN(10) {
	case 0:
		return eth + w.pick("/config", "/state") + "/mtu", fmt.Sprint(w.rand.IntN(3))
	case 1:
		return eth + "/state/oper-status", w.pick("UP", "DOWN")
	case 2:
		return eth + w.pick("/config", "/state") + "/description", w.pick("x", "y")
	case 3:
		return eth + "/hold-time" + w.pick("/config", "/state") + "/up", fmt.Sprint(w.rand.IntN(3))
	case 4:
		return net + "/config/type", w.pick("L2VSI", "DEFAULT_INSTANCE")
	case 5:
		return vlan + w.pick("/config", "/state") + "/name", w.pick("x", "y")
	case 7, 8:
		member := eth + "/team-member/state"
		if w.rand.IntN(2) == 0 {
			return member + "/transitions", fmt.Sprint(w.rand.IntN(3))
		}
		return member + w.pick("/collecting", "/distributing"), w.pick("true", "false")
	case 6:
		return eth + "/ethernet/switched-vlan/config/trunk-vlans", w.pick("1,2", "3", "5..7")
	}
	return "/system/state/hostname", w.pick("x", "y")
}

func (w *world) subtree() string {
	p, _ := w.leaf()
	cuts := []string{p, "/interfaces", "/interfaces/interface", "/network-instances"}
	for i, c := range p {
		if c == '/' && i > 0 {
			cuts = append(cuts, p[:i])
		}
	}
	return w.pick(cuts...)
}

// step makes one batch for the engine and the model.
func (w *world) step(m model) Batch {
	of := Scope(w.rand.IntN(3))
	b := Batch{Of: of}
	for range w.rand.IntN(3) {
		gone := w.subtree()
		b.Deletes = append(b.Deletes, path(w.t, gone))
		m.remove(gone, of)
	}
	for range w.rand.IntN(5) {
		p, v := w.leaf()
		b.Updates = append(b.Updates, set(w.t, p, v))
		m[p] = v
	}
	return b
}

// A collector that applies what an ON_CHANGE subscription sends always has the
// tree that Get returns, however slowly it reads.
func TestG25_OnChangeAppliedIsWhatGetReturns(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := &world{rand.New(rand.NewPCG(seed, 1)), t}
			e := newEngine(t, Options{FrameBytes: 500})
			m := model{}
			gate := make(chan struct{}, 100_000)
			gate <- struct{}{}
			slow := subscribeGated(t, e, stream(t, onChange(t, "/")), gate)
			quick := subscribe(t, e, stream(t, onChange(t, "/")))
			part := subscribe(t, e, stream(t, onChange(t, "/interfaces/interface[name=eth1]"), onChange(t, "/.../config")))
			for _, c := range []*client{slow, quick, part} {
				c.synced(1)
			}
			for i := range 500 {
				e.Publish(w.step(m))
				if i%50 == 49 {
					e.Publish(batch(t, All, "/system/state/hostname="+fmt.Sprint("step", i)))
					m["/system/state/hostname"] = fmt.Sprint("step", i)
					compare(t, e, m, quick, i)
					for range 20 {
						gate <- struct{}{}
					}
				}
			}
			for range 50_000 {
				gate <- struct{}{}
			}
			compare(t, e, m, slow, -1)
			late := subscribe(t, e, stream(t, onChange(t, "/")))
			compare(t, e, m, late, -2)
			want := m.withKeys()
			maps.DeleteFunc(want, func(p, _ string) bool {
				return !strings.HasPrefix(p, "/interfaces/interface[name=eth1]") && !configLeaf(p)
			})
			part.until("the same tree", func() bool { return maps.Equal(part.tree, want) })
		})
	}
}

// compare waits until a client has the model's tree and checks that Get has it
// too.
func compare(t *testing.T, e *Engine, m model, c *client, step int) {
	t.Helper()
	want := m.withKeys()
	resp, err := get(e, gpb.Encoding_ASCII, gpb.GetRequest_ALL, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, line := range lines(resp) {
		at := strings.LastIndex(line, "=")
		got[line[:at]] = line[at+1:]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("step %d: Get (-want +got):\n%s", step, diff)
	}
	c.until("last step", func() bool { return c.tree["/system/state/hostname"] == want["/system/state/hostname"] })
	c.until("the same tree", func() bool { return step >= 0 || maps.Equal(c.tree, want) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if diff := cmp.Diff(want, c.tree); diff != "" {
		t.Fatalf("step %d: received (-want +got):\n%s", step, diff)
	}
}

// What an entry is told to have lost is told once, and nothing else is told to
// be gone.
func TestG29_DeletesAreExact(t *testing.T) {
	w := &world{rand.New(rand.NewPCG(7, 7)), t}
	e := newEngine(t, Options{})
	m := model{}
	c := subscribe(t, e, stream(t, onChange(t, "/")))
	c.synced(1)
	for i := range 1000 {
		before := m.withKeys()
		e.Publish(w.step(m))
		left := m.withKeys()
		mark := fmt.Sprint("step", i)
		e.Publish(Batch{Updates: []Update{{schema.Path{Node: ocpath.SystemStateHostname}, schema.StringValue(mark)}}})
		m["/system/state/hostname"] = mark
		c.until(mark, func() bool { return c.tree["/system/state/hostname"] == mark })
		told := map[string]bool{}
		for _, line := range c.take() {
			if gone, is := strings.CutPrefix(line, "-"); is {
				checkDelete(t, gone, before, left, told)
			}
		}
	}
}

func checkDelete(t *testing.T, gone string, before, left map[string]string, told map[string]bool) {
	t.Helper()
	some := false
	for p := range before {
		if p != gone && !strings.HasPrefix(p, gone+"/") {
			continue
		}
		if told[p] {
			t.Errorf("%s is told to be gone twice, the second time by %s", p, gone)
		}
		told[p], some = true, true
	}
	for p := range left {
		if p == gone || strings.HasPrefix(p, gone+"/") {
			t.Errorf("%s is told to be gone, but there is %s", gone, p)
		}
	}
	if !some {
		t.Errorf("%s is told to be gone, and was not there", gone)
	}
}

// Rows of sources that come, change and go, some told by events and some not,
// end as Get has them: for subscribers that follow changes, that sample, and
// that do both.
func TestG25_SourcesAppliedAreWhatGetReturns(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				counters, fdb := newCounters(), newFDB()
				e := newEngine(t, Options{}, counters, fdb)
				suppressed := sampled(t, "/", 300*time.Millisecond)
				suppressed.SuppressRedundant = true
				beat := onChange(t, "/")
				beat.HeartbeatInterval = uint64(700 * time.Millisecond)
				clients := map[string]*client{
					"on change": subscribe(t, e, stream(t, onChange(t, "/"))),
					"sampled":   subscribe(t, e, stream(t, sampled(t, "/", 200*time.Millisecond))),
					"changes":   subscribe(t, e, stream(t, suppressed)),
					"heartbeat": subscribe(t, e, stream(t, beat)),
					"both":      subscribe(t, e, stream(t, onChange(t, "/"), sampled(t, "/", 200*time.Millisecond))),
				}
				for i := range 400 {
					disturb(t, r, e, counters, fdb, i)
					if i%100 == 50 {
						clients[fmt.Sprint("late ", i)] = subscribe(t, e, stream(t, onChange(t, "/")))
					}
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				resp, err := get(e, gpb.Encoding_ASCII, gpb.GetRequest_ALL, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				for _, line := range lines(resp) {
					at := strings.LastIndex(line, "=")
					want[line[:at]] = line[at+1:]
				}
				for name, c := range clients {
					if diff := cmp.Diff(want, c.state()); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
			})
		})
	}
}

// disturb changes one thing, and lets some time pass.
func disturb(t *testing.T, r *rand.Rand, e *Engine, counters, fdb *rows, step int) {
	mac := fmt.Sprintf("02:00:00:00:00:0%d", r.IntN(4))
	row := "default|" + mac + "|10"
	entry := "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=" + mac + "][vlan=10]"
	name := fmt.Sprint("eth", r.IntN(3))
	eth := "/interfaces/interface[name=" + name + "]"
	switch r.IntN(7) {
	case 0, 1:
		kind := []string{"DYNAMIC", "STATIC"}[r.IntN(2)]
		fdb.put(row, schema.StringValue(mac), schema.UintValue(10), schema.EnumValue(kind), schema.UintValue(uint64(r.IntN(9))))
		e.Notify(batch(t, All, entry+"/mac-address="+mac, entry+"/vlan=10", entry+"/state/entry-type="+kind))
	case 2:
		fdb.put(row)
		e.Notify(batch(t, All, "-"+entry))
	case 3, 4:
		publish(t, e, All, eth+"/state/mtu="+fmt.Sprint(r.IntN(3)))
		counters.put(name, schema.UintValue(uint64(step)), schema.UintValue(uint64(r.IntN(3))))
	case 5:
		counters.put(name)
		publish(t, e, All, "-"+eth)
	case 6:
		if r.IntN(2) == 0 {
			publish(t, e, All, entry+"/config/vlan=10")
		} else {
			publish(t, e, Config, "-"+entry)
		}
	}
	time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
}
