package datapath

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/dcb"
	"github.com/signalbox/signalbox/datapath/spec"
)

// bridged is a kernel with DCB in memory: the devices that have it, by name.
// That the kernel's own is like that, package dcb's tests and those in the
// guest (integration/guest) prove.
type bridged struct {
	mu      sync.Mutex
	devices map[string]*spec.DCBState
	writes  []string
	ignores bool // accepts and does nothing
}

func (b *bridged) Read(name string) (spec.DCBState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.devices[name]; s != nil {
		return *s, nil
	}
	return spec.DCBState{Reason: "the driver has none"}, nil
}

func (b *bridged) Counters(name string) (spec.DCBCounters, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.devices[name]
	return spec.DCBCounters{Requests: [8]uint64{1}}, s != nil && s.HasPFC, nil
}

func (b *bridged) write(name, what string, do func(*spec.DCBState)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.devices[name]
	if s == nil {
		return unix.EOPNOTSUPP
	}
	b.writes = append(b.writes, name+" "+what)
	if b.ignores {
		return fmt.Errorf("interface %s: set %s: %w", name, what, dcb.ErrIgnored)
	}
	do(s)
	return nil
}

func (b *bridged) SetDCBX(name string, mode spec.DCBXMode) error {
	return b.write(name, "mode", func(s *spec.DCBState) { s.DCBX = mode })
}

func (b *bridged) SetETS(name string, ets spec.ETS) error {
	return b.write(name, "ETS", func(s *spec.DCBState) { s.ETS = ets })
}

func (b *bridged) SetPFC(name string, pfc spec.PFC) error {
	return b.write(name, "PFC", func(s *spec.DCBState) { s.PFC = pfc })
}

func (b *bridged) SetApplications(name string, applications spec.DCBApplications) error {
	return b.write(name, "applications", func(s *spec.DCBState) { s.Applications = applications })
}

func (b *bridged) Close() {}

// state is what the device has now.
func (b *bridged) state(name string) spec.DCBState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.devices[name]
}

// bridge gives interfaces of a bench DCB, from now on.
func (b *bench) bridge(names ...string) *bridged {
	b.t.Helper()
	k := &bridged{devices: map[string]*spec.DCBState{}}
	for _, name := range names {
		s := device8()
		k.devices[name] = &s
	}
	b.owner(func() {
		b.dcb.kernel.Close()
		b.dcb.kernel = k
	})
	return k
}

// device8 is a device as it is found: eight classes, an agent of its own, an
// application.
func device8() spec.DCBState {
	return spec.DCBState{
		HasDCBX: true, HasETS: true, HasPFC: true, ETSClasses: 8, PFCClasses: 2, CreditBased: true,
		DCBX: spec.DCBXLLDManaged | spec.DCBXIEEE, ETS: spec.ETS{Willing: true}, PFC: spec.PFC{Delay: 99},
		Applications: spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectDSCP, Protocol: 1, Priority: 1}}),
		Capabilities: spec.DCBCapabilities{Known: true, DCBX: spec.DCBXHost | spec.DCBXLLDManaged | spec.DCBXIEEE},
	}
}

// lossless wants something of each part.
func lossless(name string) *spec.Port {
	bypass := true
	p := access(name, "office", 10)
	p.DCB = &spec.DCB{
		DCBX: spec.DCBXHost | spec.DCBXIEEE, Classes: 0b11,
		ETS:          &spec.ETS{Algorithm: [8]spec.Algorithm{spec.EnhancedTS, spec.EnhancedTS}, Bandwidth: [8]uint8{30, 70}, Class: [8]uint8{3: 1}},
		PFC:          &spec.WantedPFC{Enabled: 1 << 3, MACsecBypass: &bypass},
		Applications: spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectEtherType, Protocol: 0x8906, Priority: 3}}),
	}
	return p
}

// wantLossless is what a device then has: what is not wanted stays.
func wantLossless() spec.DCBState {
	s, p := device8(), lossless("")
	s.DCBX, s.ETS, s.Applications = p.DCB.DCBX, *p.DCB.ETS, p.DCB.Applications
	s.PFC = spec.PFC{Enabled: 1 << 3, MACsecBypass: true, Delay: 99}
	return s
}

func (b *bench) wantDCB(k *bridged, name string, want spec.DCBState) {
	b.t.Helper()
	if diff := cmp.Diff(want, k.state(name)); diff != "" {
		b.t.Errorf("the device (-want +got):\n%s", diff)
	}
	if got := b.State().Interfaces[name].DCB; got == nil || *got != want {
		b.t.Errorf("told is %+v, want %+v", got, want)
	}
}

// TestDCBComesAndGoes follows a port's DCB: applied, applied again, changed, and
// taken away, when each part is as it was found.
func TestDCBComesAndGoes(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	k := b.bridge("p1")
	b.apply(ports(access("p1", "office", 10)))
	if got := b.State().Interfaces["p1"].DCB; got != nil {
		t.Errorf("told is %+v of a virtual interface without any; want nothing", got)
	}
	b.apply(ports(lossless("p1")))
	b.wantDCB(k, "p1", wantLossless())
	if want := []string{"p1 mode", "p1 ETS", "p1 PFC", "p1 applications"}; !slices.Equal(k.writes, want) {
		t.Errorf("writes %q, want %q", k.writes, want)
	}
	k.writes = nil
	b.apply(ports(lossless("p1")))
	if k.writes != nil {
		t.Errorf("applied again: writes %q, want none", k.writes)
	}
	less := lossless("p1")
	less.DCB.ETS, less.DCB.Classes = nil, 0
	want := wantLossless()
	want.ETS = device8().ETS
	b.apply(ports(less))
	b.wantDCB(k, "p1", want)
	k.writes = nil
	b.apply(ports(access("p1", "office", 10)))
	if diff := cmp.Diff(device8(), k.state("p1")); diff != "" {
		t.Errorf("not as it was found (-want +got):\n%s", diff)
	}
	if want := []string{"p1 applications", "p1 PFC", "p1 mode"}; !slices.Equal(k.writes, want) {
		t.Errorf("given back by %q, want %q", k.writes, want)
	}
}

// TestDCBIsGivenBack: by the next instance, which knows it from the record.
func TestDCBIsGivenBack(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	k := b.bridge("p1")
	b.apply(ports(lossless("p1")))
	r, err := b.record.load()
	if err != nil {
		t.Fatal(err)
	}
	var found *original
	for _, found = range r.Originals {
		break
	}
	text, err := json.Marshal(found)
	if err != nil || found == nil || found.DCB.DCBX == nil || found.DCB.ETS == nil || found.DCB.PFC == nil || found.DCB.Applications == nil {
		t.Fatalf("the record has %s, %v; want each part of DCB", text, err)
	}
	was := device8()
	if d := &found.DCB; *d.DCBX != was.DCBX || *d.ETS != was.ETS || *d.PFC != was.PFC || *d.Applications != was.Applications {
		t.Errorf("the record has %s, want %+v", text, was)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	b.Datapath = nil
	if diff := cmp.Diff(was, k.state("p1")); diff != "" {
		t.Errorf("not as it was found (-want +got):\n%s", diff)
	}
}

// TestDCBOfOthersStays: what somebody else changed is told, stays, and is put
// back when the port is configured again.
func TestDCBOfOthersStays(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	k := b.bridge("p1")
	b.apply(ports(lossless("p1")))
	want := wantLossless()
	for _, changes := range []dcb.Changes{{Names: map[string]struct{}{"p1": {}, "none0": {}}}, {All: true}} {
		want.ETS.Willing = !want.ETS.Willing
		k.mu.Lock()
		k.devices["p1"].ETS, k.writes = want.ETS, nil
		k.mu.Unlock()
		b.owner(func() { b.lookAtChangedDCB(changes) })
		b.wantDCB(k, "p1", want)
		if k.writes != nil {
			t.Errorf("writes %q, want none", k.writes)
		}
	}
	k.mu.Lock()
	k.devices["p1"].ETS = spec.ETS{}
	k.mu.Unlock()
	b.owner(func() { b.lookAtChangedDCB(dcb.Changes{All: true}) })
	again := lossless("p1")
	again.Description = "anything"
	b.apply(ports(again))
	b.wantDCB(k, "p1", wantLossless())
}

// TestDCBThatCannotBe refuses it, with the place, and touches nothing.
func TestDCBThatCannotBe(t *testing.T) {
	share := func(d *spec.DCB) {
		d.ETS.Algorithm[5], d.ETS.Bandwidth[5], d.ETS.Bandwidth[0] = spec.EnhancedTS, 30, 0
		d.ETS.Algorithm[0], d.Classes = spec.StrictPriority, 1<<5|1<<1
	}
	tests := []struct {
		name   string
		device func(*spec.DCBState)
		want   func(*spec.DCB)
		place  spec.DCBPlace
		valid  bool // but more than the device has
		reason string
	}{
		{"sum", nil, func(d *spec.DCB) { d.ETS.Bandwidth[0] = 31 }, spec.DCBPlace{Part: spec.DCBETS}, false, "101 percent together"},
		{"share of a strict class", nil, func(d *spec.DCB) { d.ETS.Bandwidth[4] = 1 }, spec.DCBPlace{Part: spec.DCBTrafficClass, Number: 4}, false, "is for a class with the algorithm ETS"},
		{"algorithm", nil, func(d *spec.DCB) { d.ETS.Algorithm[4] = 9 }, spec.DCBPlace{Part: spec.DCBTrafficClass, Number: 4}, false, "algorithm 9 is none"},
		{"class", nil, func(d *spec.DCB) { d.ETS.Class[2] = 8 }, spec.DCBPlace{Part: spec.DCBPriority, Number: 2}, false, "want 0 to 7"},
		{"both agents", nil, func(d *spec.DCB) { d.DCBX |= spec.DCBXLLDManaged }, spec.DCBPlace{Part: spec.DCBNegotiation}, false, "either the host's or the device's"},
		{"DSCP", nil, func(d *spec.DCB) {
			d.Applications = spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectDSCP, Protocol: 64}})
		}, spec.DCBPlace{Part: spec.DCBApplicationTable}, false, "DSCP 64"},
		{"no mode", func(s *spec.DCBState) { s.HasDCBX = false }, nil, spec.DCBPlace{Part: spec.DCBNegotiation}, true, "no mode of DCBX"},
		{"mode", nil, func(d *spec.DCB) { d.DCBX |= spec.DCBXCEE }, spec.DCBPlace{Part: spec.DCBNegotiation}, true, "HOST+CEE+IEEE: the device has HOST+LLD_MANAGED+IEEE"},
		{"no ETS", func(s *spec.DCBState) { s.HasETS = false }, nil, spec.DCBPlace{Part: spec.DCBETS}, true, "no ETS"},
		{"few classes", func(s *spec.DCBState) { s.ETSClasses = 4 }, share, spec.DCBPlace{Part: spec.DCBTrafficClass, Number: 5}, true, "classes 0 to 3"},
		{"few classes for a priority", func(s *spec.DCBState) { s.ETSClasses = 4 }, func(d *spec.DCB) { d.ETS.Class[6] = 4 }, spec.DCBPlace{Part: spec.DCBPriority, Number: 6}, true, "traffic class 4: the device has the classes 0 to 3"},
		{"shaper", func(s *spec.DCBState) { s.CreditBased = false }, func(d *spec.DCB) { d.ETS.Algorithm[4] = spec.CreditBased }, spec.DCBPlace{Part: spec.DCBTrafficClass, Number: 4}, true, "no credit-based shaper"},
		{"no PFC", func(s *spec.DCBState) { s.HasPFC = false }, nil, spec.DCBPlace{Part: spec.DCBPFC}, true, "no PFC"},
		{"much PFC", nil, func(d *spec.DCB) { d.PFC.Enabled = 7 }, spec.DCBPlace{Part: spec.DCBPFC}, true, "3 priorities with flow control: the device has room for 2"},
		{"nothing", func(s *spec.DCBState) { *s = spec.DCBState{Reason: "it has none"} }, nil, spec.DCBPlace{Part: spec.DCBWhole}, true, "it has none"},
	}
	b := newBench(t)
	b.host("p1")
	k := b.bridge("p1")
	b.apply(ports(access("p1", "office", 10)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k.mu.Lock()
			*k.devices["p1"] = device8()
			if tt.device != nil {
				tt.device(k.devices["p1"])
			}
			k.mu.Unlock()
			p := lossless("p1")
			if tt.want != nil {
				tt.want(p.DCB)
			}
			was := b.readable()
			for name, err := range map[string]error{"check": b.Check(context.Background(), ports(p)), "apply": b.Apply(context.Background(), ports(p))} {
				var refused *spec.Invalid
				if !errors.As(err, &refused) || refused.Port != "p1" || refused.DCB != tt.place || refused.Unsupported != tt.valid || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("%s: %v (%+v), want %+v, valid %t, %q", name, err, refused, tt.place, tt.valid, tt.reason)
				}
			}
			if diff := cmp.Diff(was, b.readable()); diff != "" || k.writes != nil {
				t.Errorf("writes %q, not as before (-want +got):\n%s", k.writes, diff)
			}
		})
	}
}

// TestADriverThatIgnores: what it did not do is no success.
func TestADriverThatIgnores(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	k := b.bridge("p1")
	b.apply(ports(access("p1", "office", 10)))
	k.ignores = true
	var refused *spec.Invalid
	err := b.Apply(context.Background(), ports(lossless("p1")))
	if !errors.As(err, &refused) || !refused.Unsupported || refused.DCB.Part != spec.DCBNegotiation {
		t.Errorf("error %v, want one that says that the driver has no such mode", err)
	}
	k.ignores = false
	b.apply(ports(access("p1", "office", 10)))
	if diff := cmp.Diff(device8(), k.state("p1")); diff != "" {
		t.Errorf("not as it was found (-want +got):\n%s", diff)
	}
}

// TestDCBWaitsForItsInterface: one that can have it gets it when it appears, and
// one that cannot is a port all the same.
func TestDCBWaitsForItsInterface(t *testing.T) {
	b := newBench(t)
	k := b.bridge("p1")
	p2 := lossless("p2")
	b.apply(ports(lossless("p1"), p2))
	b.host("p1")
	b.host("p2")
	b.carries("p1", "p2")
	b.wantDCB(k, "p1", wantLossless())
	if got := b.State().Interfaces["p2"].DCB; got == nil || got.Reason != "the driver has none" {
		t.Errorf("told is %+v of p2, want the reason", got)
	}
	if err := b.Apply(context.Background(), ports(p2)); err == nil {
		t.Error("it is accepted of an interface that is there")
	}
	b.owner(func() { b.ready = false }) // as at a start
	for _, do := range []func(context.Context, spec.Change) error{b.Check, b.Apply} {
		if err := do(context.Background(), ports(lossless("p1"), p2)); err != nil {
			t.Errorf("what was saved is refused: %v", err)
		}
	}
	counters, err := b.DCBCounters()
	if want := (map[string]spec.DCBCounters{"p1": {Requests: [8]uint64{1}}}); err != nil || !cmp.Equal(counters, want) {
		t.Errorf("counters %v, %v; want %v", counters, err, want)
	}
}

// TestDCBFaults fails each call of an apply that touches each part both ways,
// and wants everything as it was.
func TestDCBFaults(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"p1", "p2", "p3"} {
		b.host(name)
	}
	k := b.bridge("p1", "p2", "p3")
	b.apply(ports(lossless("p1"), lossless("p2"), access("p3", "office", 10)))
	b.carries("p1", "p2", "p3") // so that nothing happens meanwhile
	change := lossless("p2")
	change.DCB.DCBX, change.DCB.PFC.Enabled = spec.DCBXHost, 1
	change.DCB.ETS = &spec.ETS{}
	change.DCB.Applications = spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectPort, Protocol: 4420, Priority: 4}})
	next := ports(access("p1", "office", 10), change, lossless("p3"))
	f := b.inject()
	readable := func() string {
		return fmt.Sprintf("%s%+v\n%+v\n%+v", b.readable(), k.state("p1"), k.state("p2"), k.state("p3"))
	}
	was, failed := readable(), map[string]bool{}
	for n := 1; ; n++ {
		calls := 0
		for _, afterwards := range []bool{false, true} {
			f.calls, f.failAt, f.after = nil, n, afterwards
			err := b.Apply(context.Background(), next)
			calls = len(f.calls)
			if calls < n {
				break
			}
			failed[f.calls[n-1]] = true
			name := fmt.Sprintf("call %d, %s (after its work: %t)", n, f.calls[n-1], afterwards)
			if !errors.Is(err, errInjected) {
				t.Fatalf("%s: error %v, want the injected one", name, err)
			}
			if diff := cmp.Diff(was, readable()); diff != "" {
				t.Fatalf("%s: not as before (-want +got):\n%s", name, diff)
			}
			f.failAt = 0
			b.wants(t, name)
		}
		if calls < n {
			break
		}
	}
	b.owner(func() { f.failAt = 0 }) // what follows, as the end of the hosts, is not to fail
	for _, part := range []string{"dcbx mode", "dcb ets", "dcb pfc", "dcb applications"} {
		if !failed["put "+part] || !failed["delete "+part] {
			t.Errorf("no call of %s failed, among %v", part, failed)
		}
	}
	if diff := cmp.Diff(device8(), k.state("p1")); diff != "" {
		t.Errorf("p1 (-want +got):\n%s", diff)
	}
	b.wantDCB(k, "p3", wantLossless())
}
