package config

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/signalbox/signalbox/gen/oc"
)

// plain is the configuration as a map from a leaf's path to its value: what
// the tree is held against.
type plain map[string]string

// set sets a leaf, and the leaves that repeat the keys of the entries above.
func (m plain) set(path, value string) {
	m[path] = value
	m.keys(path)
}

// keys adds the leaves that repeat the keys of the entries on a path.
func (m plain) keys(path string) {
	for i := range len(path) {
		if path[i] != ']' || i+1 < len(path) && path[i+1] == '[' {
			continue
		}
		entry := path[:i+1]
		element := entry[strings.LastIndex(entry, "/"):]
		for _, key := range strings.Split(element[:len(element)-1], "[")[1:] {
			name, value, _ := strings.Cut(strings.TrimSuffix(key, "]"), "=")
			m[entry+"/config/"+name] = value
		}
	}
}

// delete removes what is at and below a path; the leaves that repeat keys stay
// where the entry does.
func (m plain) delete(path string) {
	gone := false
	for leaf := range m {
		if leaf == path || strings.HasPrefix(leaf, path+"/") || strings.HasPrefix(leaf, path+"[") {
			delete(m, leaf)
			gone = true
		}
	}
	if gone && strings.HasSuffix(path, "/config") {
		m.keys(path)
	}
}

func (m plain) text() string {
	lines := make([]string, 0, len(m))
	for path, value := range m {
		lines = append(lines, path+" = "+value+"\n")
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// sorted brings the tree's text into the same order.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// step is one random operation: its line, and what it does to the plain map.
type step struct {
	line string
	do   func(plain)
}

// dice makes random operations over a few interfaces, switches and VLANs, so
// that they often meet; some of them make no sense.
type dice struct{ *rand.Rand }

func (d dice) pick(texts ...string) string { return texts[d.IntN(len(texts))] }

func (d dice) entry() string {
	return "/interfaces/interface[name=" + d.pick("p0", "p1", "p2", "p3") + "]"
}

func (d dice) instance() string {
	return "/network-instances/network-instance[name=" + d.pick("default", "red", "blue") + "]"
}

func (d dice) vlan() int { return 10 + d.IntN(4) }

// object is an operation that writes the members of a container.
func (d dice) object(path string, members map[string]string) step {
	op := d.pick("update", "replace")
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, `"`+name+`":`+members[name])
	}
	return step{op + " " + path + " {" + strings.Join(parts, ",") + "}", func(m plain) {
		if op == "replace" {
			m.delete(path)
		}
		for name, value := range members {
			m.set(path+"/"+name, lexical(value))
		}
	}}
}

// lexical is a JSON scalar or array of scalars as the tree writes it.
func lexical(value string) string {
	return strings.NewReplacer(`"`, "", "[", "", "]", "", "iana-if-type:", "").Replace(value)
}

func (d dice) leaf(path, value string) step {
	return step{d.pick("update", "replace") + " " + path + " " + value, func(m plain) { m.set(path, lexical(value)) }}
}

func (d dice) remove(path string) step {
	return step{"delete " + path, func(m plain) { m.delete(path) }}
}

func (d dice) step() step {
	port, instance := d.entry(), d.instance()
	switch d.IntN(12) {
	case 0, 1:
		return d.object(port+"/config", map[string]string{"type": `"iana-if-type:ethernetCsmacd"`, "mtu": fmt.Sprint(1400 + d.IntN(100))})
	case 2:
		return d.leaf(port+"/config/enabled", d.pick("true", "false"))
	case 3:
		return d.object(port+"/ethernet/switched-vlan/config", map[string]string{"interface-mode": `"ACCESS"`, "access-vlan": fmt.Sprint(d.vlan())})
	case 4:
		s := d.object(port+"/ethernet/switched-vlan/config", map[string]string{"interface-mode": `"TRUNK"`, "trunk-vlans": fmt.Sprintf(`[%d,"20..30"]`, d.vlan())})
		return step{"replace" + s.line[strings.Index(s.line, " "):], func(m plain) {
			m.delete(port + "/ethernet/switched-vlan/config")
			s.do(m)
		}}
	case 5:
		return d.object(instance+"/config", map[string]string{"type": `"L2VSI"`, "enabled": d.pick("true", "false")})
	case 6:
		return d.object(fmt.Sprintf("%s/vlans/vlan[vlan-id=%d]/config", instance, d.vlan()), map[string]string{"name": `"v"`})
	case 7:
		id := d.pick("a", "b")
		return d.object(instance+"/interfaces/interface[id="+id+"]/config", map[string]string{"interface": `"` + d.pick("p0", "p1", "p2", "p3") + `"`})
	case 8:
		entry := fmt.Sprintf("%s/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:0%d][vlan=%d]", instance, d.IntN(3), d.vlan())
		return d.leaf(entry+"/interface/interface-ref/config/interface", `"`+d.pick("p0", "p1", "p2", "p3")+`"`)
	case 9:
		return d.remove(d.pick(port+"/config/mtu", port+"/ethernet", port+"/config", instance+"/fdb", instance+"/vlans", instance+"/interfaces/interface"))
	case 10:
		return d.remove(d.pick(port, instance, instance+"/fdb/mac-table/entries/entry", port+"/ethernet/switched-vlan"))
	}
	return d.object(instance+"/fdb/config", map[string]string{"mac-aging-time": fmt.Sprint(d.IntN(300)), "maximum-entries": fmt.Sprint(d.IntN(3))})
}

// request makes a transaction of random operations, and what it makes of the
// plain map.
func (d dice) request(from plain) (lines []string, to plain) {
	to = maps.Clone(from)
	steps := make([]step, 1+d.IntN(6))
	for i := range steps {
		steps[i] = d.step()
		lines = append(lines, steps[i].line)
	}
	for _, op := range []string{"delete", "replace", "update"} {
		for _, s := range steps {
			if strings.HasPrefix(s.line, op) {
				s.do(to)
			}
		}
	}
	return lines, to
}

// TestG11_RandomSetsAgainstAPlainMap makes thousands of random transactions: what
// is accepted is in the tree, the datapath and the files as the map has it,
// what is refused is nowhere.
func TestG11_RandomSetsAgainstAPlainMap(t *testing.T) {
	const rounds, sets = 12, 250
	accepted := 0
	for seed := range uint64(rounds) {
		d := dice{rand.New(rand.NewPCG(seed, 7))}
		e := open(t, t.TempDir())
		model := plain{}
		for range sets {
			lines, next := d.request(model)
			base, before := e.Running(), e.text()
			_, err := e.Set(context.Background(), request(t, lines...))
			if err == nil {
				accepted++
				model = next
			}
			if diff := cmp.Diff(model.text(), sorted(e.text())); diff != "" {
				t.Fatalf("seed %d: %q (error %v): %s", seed, lines, err, diff)
			}
			if base != e.Running() {
				e.unchanged(t, base, before)
			}
			if d.IntN(60) == 0 {
				e = restart(t, e, d)
			}
		}
		wanted := e.device.wanted()
		e = reopen(t, e)
		if diff := cmp.Diff(model.text(), sorted(e.text())); diff != "" {
			t.Fatalf("seed %d: after a restart: %s", seed, diff)
		}
		if diff := cmp.Diff(wanted, e.device.wanted()); diff != "" {
			t.Fatalf("seed %d: the datapath's changes add up to something else than the whole: %s", seed, diff)
		}
	}
	if accepted < rounds*sets/20 {
		t.Errorf("only %d of %d transactions were accepted: the test tests little", accepted, rounds*sets)
	}
	t.Logf("%d of %d accepted", accepted, rounds*sets)
}

// unchanged wants an earlier tree to be as it was, and the difference that was
// found by what was touched to be the one found by looking at everything.
func (e *element) unchanged(t *testing.T, base *oc.Device, before string) {
	t.Helper()
	var b strings.Builder
	for _, leaf := range e.schema.Leaves(base) {
		b.WriteString(leaf.Path.String() + " = " + leaf.Value.String() + "\n")
	}
	if b.String() != before {
		t.Fatalf("the tree before the transaction was modified: %s", cmp.Diff(before, b.String()))
	}
	diff := e.schema.Compare(base, e.Running())
	if got, want := e.commits[len(e.commits)-1].text(), e.defaults.commit(e.commits[0].Time, &diff).text(); got != want {
		t.Fatalf("difference: %s", cmp.Diff(want, got))
	}
}

// restart goes on with another Store, sometimes after a proper end.
func restart(t *testing.T, e *element, d dice) *element {
	t.Helper()
	if d.IntN(2) == 0 {
		return reopen(t, e)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join(e.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := loadDocument(e.schema, document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := e.schema.Compare(tree, e.Running()); !diff.Empty() {
		t.Fatalf("config.json holds something else: %+v", diff)
	}
	return open(t, e.dir)
}

func FuzzPayload(f *testing.F) {
	e, err := tryOpen(nil, f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	f.Add("/", []byte(`{"openconfig-interfaces:interfaces":{"interface":[{"name":"p1","config":{"type":"iana-if-type:ethernetCsmacd","mtu":1500}}]}}`))
	f.Add("/interfaces/interface[name=p1]/ethernet/switched-vlan/config", []byte(`{"interface-mode":"TRUNK","trunk-vlans":[10,"20..30"]}`))
	f.Add("/network-instances/network-instance[name=x]", []byte(`{"vlans":{"vlan":[{"vlan-id":10}]},"fdb":{"mac-table":{"entries":{"entry":[{"mac-address":"02:00:00:00:00:01","vlan":10}]}}}}`))
	f.Add("/interfaces", []byte(`[[[[{"a":[null,1e99,-0]}]]]]`))
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		path, err := parsePath(text)
		if err != nil {
			return
		}
		p, err := flatten(path, payload)
		if err != nil {
			return
		}
		editor := e.schema.Edit(e.Running())
		for _, leaf := range p.leaves {
			if editor.Set(leaf.Path, leaf.Value) != nil {
				return
			}
		}
		diff := editor.Difference()
		_, _, _ = e.config.Next(editor.Tree(), touchedBy(&diff)) // no panic
		document, err := e.schema.JSON(editor.Tree())
		if err != nil {
			t.Fatalf("JSON of what was accepted: %v", err)
		}
		again, err := loadDocument(e.schema, document)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, document)
		}
		if diff := e.schema.Compare(editor.Tree(), again); !diff.Empty() {
			t.Fatalf("what was read is not what was written: %+v\n%s", diff, document)
		}
	})
}

func FuzzReplay(f *testing.F) {
	e, err := tryOpen(nil, f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	f.Add([]byte(`{"time":"2026-11-22T08:27:00Z","delete":["/interfaces/interface[name=p1]"],"update":[["/interfaces/interface[name=p2]/config/mtu",9000]]}`))
	f.Add([]byte(`{"update":[["/interfaces/interface[name=p2]/config",{}]]}`))
	f.Add([]byte(`{"update":[[1]]}`))
	f.Add([]byte(`{"by":"x","unconfirmed":{"id":"c","deadline":"2026-11-22T08:27:00Z","nanoseconds":5,"back":{"delete":["/interfaces/interface[name=p1]"]}}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = load(e.schema, []byte("{}"), text, [][]byte{text, text}, 0) // no panic
	})
}
