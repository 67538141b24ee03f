package fastpath

import (
	"sync/atomic"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// cached reports whether a frame from port 1 to host 2 takes a resolved flow:
// then it does not see that the port before it in the memory has changed.
func (b *bed) cached(data []byte) bool {
	b.Helper()
	p := &b.o.ports.values[2]
	how := p.How
	none := how
	none.Flags = 0
	storeWord(&p.How, none)
	verdict, _ := b.run(1, data)
	storeWord(&p.How, how)
	return verdict == tcxRedirect
}

func TestFlowCache(t *testing.T) {
	b := fdbBed(t)
	other := spec.MAC{1, 0, 0x5e, 0, 0, 1}
	toHost2 := frame(host(2), host(1), untagged, 46)
	tests := []struct {
		name   string
		fill   []byte // the frame that is resolved first
		change func() // what happens then
		then   []byte // the frame that may take the flow
		want   bool   // whether it does
	}{
		{name: "same flow", fill: toHost2, then: toHost2, want: true},
		{name: "other length", fill: toHost2, then: frame(host(2), host(1), untagged, 500), want: true},
		{name: "other source", fill: toHost2, then: frame(host(2), host(3), untagged, 46)},
		{name: "priority tag", fill: toHost2, then: frame(host(2), host(1), 5<<13, 46)},
		{name: "group", fill: frame(other, host(1), untagged, 46), then: toHost2},
		{name: "port written", fill: toHost2, then: toHost2, change: func() { b.port(3, access(10)) }},
		{name: "port number written", fill: toHost2, then: toHost2, change: func() { b.ok(b.o.PortNumbers().Put(77, 9)) }},
		{name: "port number deleted", fill: toHost2, then: toHost2, change: func() { b.ok(b.o.PortNumbers().Delete(77)) }},
		{name: "switch written", fill: toHost2, then: toHost2, change: func() { b.vlans(10) }},
		{name: "VLAN deleted", fill: toHost2, then: toHost2, change: func() { b.ok(b.o.FIDs().Delete(VLAN{1, 20})) }},
		{name: "static entry written", fill: toHost2, then: toHost2, change: func() { b.static(10, host(9), 3) }},
		{name: "entry deleted", fill: toHost2, then: toHost2, change: func() {
			_, err := b.o.FDB().Delete(func(e Entry) bool { return e.MAC == host(9) })
			b.ok(err)
		}},
		{name: "an address moved", fill: toHost2, then: toHost2, change: func() {
			b.run(1, frame(broadcast, host(8), untagged, 46))
			b.run(3, frame(broadcast, host(8), untagged, 46))
		}},
		{name: "an address learned", fill: toHost2, then: toHost2, want: true, change: func() {
			b.run(1, frame(broadcast, host(7), untagged, 46))
		}},
		{name: "members written", fill: toHost2, then: toHost2, want: true, change: func() { b.members(10, 1, 2, 3) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := b.sub(t)
			old := b.TB
			b.TB = t
			defer func() { b.TB = old }()
			s.vlans(10, 20)
			s.static(10, host(2), 2)
			s.static(10, host(9), 3)
			s.run(1, tt.fill)
			if tt.change != nil {
				tt.change()
			}
			if got := s.cached(tt.then); got != tt.want {
				t.Errorf("from the cache: %v, want %v", got, tt.want)
			}
		})
	}
}

// TestFlowEnds lets the time of a flow and of its source pass: the frame is
// resolved again and renews its source.
func TestFlowEnds(t *testing.T) {
	b := fdbBed(t)
	b.static(10, host(2), 2)
	data := frame(host(2), host(1), untagged, 46)
	now, err := b.o.jiffies()
	b.ok(err)
	b.run(1, data)
	b.setSeen(host(1), now-b.o.hz*10)
	b.run(1, data)
	if s, _ := b.o.FDB().find(fdbKey(10, host(1))); atomic.LoadUint32(s.seen) != now-b.o.hz*10 {
		t.Log("the flow ended by itself meanwhile")
		return
	}
	b.ageFlows(b.o.hz)
	b.run(1, data)
	if s, _ := b.o.FDB().find(fdbKey(10, host(1))); int32(atomic.LoadUint32(s.seen)-now) < 0 {
		t.Error("a frame of a flow that ended did not renew its source")
	}
}

// ageFlows makes every cached flow older.
func (b *bed) ageFlows(jiffies uint32) {
	b.Helper()
	m := b.o.maps[bpf.SwitchMapFlowCache]
	for i := range m.MaxEntries() {
		var flows []bpf.SwitchFlow
		b.ok(m.Lookup(i, &flows))
		if flows[0].InPort|flows[len(flows)-1].InPort == 0 {
			continue
		}
		for c := range flows {
			flows[c].Filled -= jiffies
		}
		b.ok(m.Put(i, flows))
	}
}
