package sriov

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

// bed is a keeper on a machine in memory, which steps when it is told to.
type bed struct {
	*Keeper
	t       *testing.T
	machine *machine
	saved   map[string]*Original
}

func newBed(t *testing.T, names ...string) *bed {
	b := &bed{t: t, machine: newMachine(names...)}
	b.open()
	b.apply(nil)
	for _, name := range names {
		b.Look(name)
	}
	b.step(time.Now(), true)
	return b
}

// open starts a keeper on what the one before saved.
func (b *bed) open() {
	b.Keeper = newKeeper(b.machine, Options{
		Log: slog.New(slog.NewTextHandler(b.t.Output(), nil)), Originals: copyOriginals(b.saved),
		Save: func(all map[string]*Original) error { b.saved = copyOriginals(all); return nil },
	})
}

// try makes a change as the datapath does.
func (b *bed) try(c map[string]*spec.SRIOV) error {
	t, err := b.Begin(c)
	defer t.End()
	if err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return errors.Join(err, t.TakeBack())
	}
	return nil
}

func (b *bed) apply(c map[string]*spec.SRIOV) {
	b.t.Helper()
	if err := b.try(c); err != nil {
		b.t.Fatalf("apply: %v", err)
	}
}

func number(n uint16) *uint16 { return &n }

func mac(n byte) spec.MAC { return spec.MAC{2, 0, 0, 0, 0, n} }

// some wants n virtual functions, of which some are set.
func some(n uint16, vfs map[uint16]spec.VF) map[string]*spec.SRIOV {
	return map[string]*spec.SRIOV{"pf": {Number: number(n), VFs: vfs}}
}

// whole is a virtual function with all that igb can.
func whole(n byte) spec.VF {
	return spec.VF{
		Has: spec.VFMAC | spec.VFVLAN | spec.VFMaxRate | spec.VFSpoofCheck | spec.VFTrust,
		MAC: mac(n), VLAN: 10 + uint16(n), PCP: 3, TPID: spec.TPIDCustomer, MaxRate: 100 * uint32(n+1), Trust: true,
	}
}

// has wants the machine to have what is configured of a virtual function.
func (b *bed) has(id int, want spec.VF) {
	b.t.Helper()
	if got := b.machine.devices["pf"].vfs[id].set.Only(want.Has); got != want {
		b.t.Errorf("virtual function %d is %+v, want %+v", id, got, want)
	}
}

func TestAllInOneChange(t *testing.T) {
	b := newBed(t, "pf")
	vfs := make(map[uint16]spec.VF)
	for n := range uint16(7) {
		vfs[n] = whole(byte(n))
	}
	b.apply(some(7, vfs))
	for n := range 7 {
		b.has(n, vfs[uint16(n)])
		if got := b.machine.devices["pf"].vfs[n].netdev.MAC; got != mac(byte(n)) {
			t.Errorf("the interface of %d has %s: its driver was not bound again", n, got)
		}
	}
	s := b.View("pf")
	if s == nil || len(s.VFs) != 7 || s.Free() != 7 || s.Pending != spec.VFPendingNone || s.VFs[3].VLAN != 13 || s.PCI == "" {
		t.Errorf("told %+v", s)
	}
	if names := b.Take(); !slices.Equal(names, []string{"pf"}) {
		t.Errorf("news of %q, want pf", names)
	}
	b.machine.writes = nil
	b.apply(some(7, vfs))
	if len(b.machine.writes) > 0 {
		t.Errorf("applied again: %q, want nothing", b.machine.writes)
	}
}

// TestOrder wants trust to be taken before an address is set and given back after
// the driver was bound again.
func TestOrder(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, map[uint16]spec.VF{0: whole(1)}))
	b.machine.writes = nil
	v := whole(2)
	b.apply(some(1, map[uint16]spec.VF{0: v}))
	want := []string{
		"pf vf 0 trust false", "pf vf 0 mac-address 02:00:00:00:00:02", "pf vf 0 rebind", "pf vf 0 trust true",
		"pf vf 0 vlan-id 12 (priority 3, type 0x8100)", "pf vf 0 max-tx-rate 300 Mbit/s",
	}
	if diff := cmp.Diff(want, b.machine.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	b.has(0, v)
}

// TestTrustByHandStays changes the address of a function whose trust is not ours.
func TestTrustByHandStays(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, nil))
	b.machine.devices["pf"].vfs[0].set.Trust = true
	b.apply(some(1, map[uint16]spec.VF{0: {Has: spec.VFMAC, MAC: mac(7)}}))
	b.has(0, spec.VF{Has: spec.VFMAC | spec.VFTrust, MAC: mac(7), Trust: true})
}

// TestInUseIsNotRebound leaves an interface alone that is up, and says so.
func TestInUseIsNotRebound(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, nil))
	b.machine.hand(func(m *machine) { m.devices["pf"].vfs[0].netdev.Flags = 1 })
	b.machine.writes = nil
	b.apply(some(1, map[uint16]spec.VF{0: {Has: spec.VFMAC, MAC: mac(7)}}))
	if slices.Contains(b.machine.writes, "pf vf 0 rebind") {
		t.Errorf("a function in use was bound again: %q", b.machine.writes)
	}
	if s := b.View("pf"); s.Pending != spec.VFPendingRebind || !s.VFs[0].RebindPending || s.VFs[0].Use != spec.VFUsedByHost {
		t.Errorf("told %+v, want REBIND", s)
	}
}

// TestGrowKeepsSettings wants what nobody configured to survive another number.
func TestGrowKeepsSettings(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(2, map[uint16]spec.VF{0: whole(1)}))
	b.machine.devices["pf"].vfs[1].set.VLAN = 77
	b.apply(some(4, map[uint16]spec.VF{0: whole(1), 3: whole(3)}))
	b.has(0, whole(1))
	b.has(1, spec.VF{Has: spec.VFVLAN, VLAN: 77, TPID: spec.TPIDCustomer})
	b.has(3, whole(3))
}

func TestGivenBack(t *testing.T) {
	b := newBed(t, "pf")
	b.machine.hand(func(m *machine) {
		d := m.devices["pf"]
		d.vfs = []virtual{m.fresh(d, 0), m.fresh(d, 1)}
		d.vfs[1].set.VLAN = 5
	})
	was := b.machine.text()
	v := map[uint16]spec.VF{1: {Has: spec.VFVLAN | spec.VFSpoofCheck, VLAN: 9, TPID: spec.TPIDCustomer}}
	b.apply(map[string]*spec.SRIOV{"pf": {VFs: v}})
	b.has(1, v[1])
	v = map[uint16]spec.VF{1: {Has: spec.VFSpoofCheck}}
	b.apply(map[string]*spec.SRIOV{"pf": {VFs: v}})
	b.has(1, spec.VF{Has: spec.VFVLAN, VLAN: 5, TPID: spec.TPIDCustomer})
	b.open() // another instance knows what was found
	b.apply(map[string]*spec.SRIOV{"pf": {VFs: v}})
	b.apply(map[string]*spec.SRIOV{"pf": nil})
	if diff := cmp.Diff(was, b.machine.text()); diff != "" {
		t.Errorf("not as found (-want +got):\n%s", diff)
	}
	if len(b.saved) > 0 {
		t.Errorf("still ours: %v", b.saved)
	}
}

func TestFlush(t *testing.T) {
	b := newBed(t, "pf")
	was := b.machine.text()
	b.apply(map[string]*spec.SRIOV{"pf": {Number: number(3), Autoprobe: new(bool), VFs: map[uint16]spec.VF{0: whole(1)}}})
	b.open()
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was, b.machine.text()); diff != "" || len(b.saved) > 0 {
		t.Errorf("left %v, and not as found (-want +got):\n%s", b.saved, diff)
	}
}

func TestRefused(t *testing.T) {
	in := func(v spec.VF) map[uint16]spec.VF { return map[uint16]spec.VF{0: v} }
	other := map[string]*spec.SRIOV{"pf": {VFs: in(spec.VF{Has: spec.VFMAC, MAC: mac(1)})}, "pf2": {Number: number(1), VFs: in(spec.VF{Has: spec.VFMAC, MAC: mac(1)})}}
	tests := []struct {
		name   string
		change map[string]*spec.SRIOV
		ref    spec.VFRef
		reason string
	}{
		{"more than the device has", some(8, nil), spec.VFRef{VF: -1, Attribute: spec.VFNumber}, "at most 7"},
		{"a function that is not there", map[string]*spec.SRIOV{"pf": {VFs: map[uint16]spec.VF{5: {Has: spec.VFTrust}}}}, spec.VFRef{VF: 5, Attribute: spec.VFNumber}, "there are 2"},
		{"in use", some(1, nil), spec.VFRef{VF: -1, Attribute: spec.VFNumber}, "1 (HOST)"},
		{"no SR-IOV", map[string]*spec.SRIOV{"plain": {Number: number(1)}}, spec.VFRef{VF: -1}, "no virtual functions"},
		{"faster than the link", some(2, in(spec.VF{Has: spec.VFMaxRate, MaxRate: 2000})), spec.VFRef{Attribute: spec.VFMaxRate}, "1000 Mbit/s"},
		{"an assured rate on igb", some(2, in(spec.VF{Has: spec.VFMinRate, MinRate: 20})), spec.VFRef{Attribute: spec.VFMinRate}, "igb"},
		{"a link on igb", some(2, in(spec.VF{Has: spec.VFLinkState})), spec.VFRef{Attribute: spec.VFLinkState}, "igb"},
		{"a service tag on igb", some(2, in(spec.VF{Has: spec.VFVLAN, VLAN: 3, TPID: spec.TPIDService})), spec.VFRef{Attribute: spec.VFVLAN}, "TPID_0X88A8"},
		{"a mode of what has none", map[string]*spec.SRIOV{"pf2": {Eswitch: spec.EswitchSwitchdev}}, spec.VFRef{VF: -1, Attribute: spec.VFEswitch}, "no switch"},
		{"a mode while in use", map[string]*spec.SRIOV{"pf": {Eswitch: spec.EswitchSwitchdev}}, spec.VFRef{VF: -1, Attribute: spec.VFEswitch}, "1 (HOST)"},
		{"one address on two devices", other, spec.VFRef{Attribute: spec.VFMAC}, "of pf2"},
	}
	b := newBed(t, "pf", "pf2", "plain")
	b.machine.devices["plain"].incapable = true
	b.machine.devices["pf"].mode = spec.EswitchLegacy
	b.apply(some(2, map[uint16]spec.VF{1: whole(1)}))
	b.machine.hand(func(m *machine) { m.devices["pf"].vfs[1].netdev.Flags = 1 })
	was := b.machine.text()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.machine.writes = nil
			for what, err := range map[string]error{"check": b.Check(tt.change), "apply": b.try(tt.change)} {
				var refused *spec.Invalid
				if !errors.As(err, &refused) || refused.VF == nil || *refused.VF != tt.ref || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("%s: %v, want it at %+v with %q", what, err, tt.ref, tt.reason)
				}
			}
			if diff := cmp.Diff(was, b.machine.text()); diff != "" || len(b.machine.writes) > 0 {
				t.Errorf("%q were written, and it is not as before (-want +got):\n%s", b.machine.writes, diff)
			}
		})
	}
	c := some(1, map[uint16]spec.VF{0: whole(3)})
	c["pf"].Force = true
	b.apply(c)
	b.has(0, whole(3))
}

// TestUnknownDriver learns what a driver can when there are functions to ask for.
func TestUnknownDriver(t *testing.T) {
	b := newBed(t, "pf")
	b.machine.devices["pf"].driver = "other"
	b.apply(some(1, nil))
	if s := b.View("pf"); s.Can != spec.VFMaxRate|spec.VFSpoofCheck|spec.VFTrust || s.QinQ {
		t.Errorf("it can %s, service tag %t; want what it takes", s.Can, s.QinQ)
	}
	err := b.try(some(1, map[uint16]spec.VF{0: {Has: spec.VFLinkState, Link: spec.VFLinkEnable}}))
	var refused *spec.Invalid
	if !errors.As(err, &refused) {
		t.Errorf("error %v, want a refusal", err)
	}
	b.apply(map[string]*spec.SRIOV{"pf": nil})
	b.machine.devices["pf"].driver = "generous"
	v := spec.VF{Has: spec.VFLinkState | spec.VFMinRate | spec.VFVLAN, Link: spec.VFLinkDisable, MinRate: 5, VLAN: 4, TPID: spec.TPIDService}
	b.apply(some(1, map[uint16]spec.VF{0: v}))
	b.has(0, v)
}

// TestForgotten has devices forget everything in each way that they do.
func TestForgotten(t *testing.T) {
	for name, happens := range map[string]func(*bed){
		"functions made anew": func(b *bed) { b.machine.hand(func(m *machine) { m.anew("pf") }) },
		"driver loaded again": func(b *bed) {
			b.machine.hand(func(m *machine) { m.devices["pf"].vfs, m.devices["pf"].index = nil, 50 })
		},
		"unplugged and back": func(b *bed) {
			var d *device
			b.machine.hand(func(m *machine) { d = m.devices["pf"]; delete(m.devices, "pf") })
			b.step(time.Now(), true)
			if s := b.View("pf"); s == nil || s.Pending != spec.VFPendingDevice || len(s.VFs) > 0 {
				b.t.Errorf("while it is away %+v is told", s)
			}
			b.machine.hand(func(m *machine) { d.vfs, d.index = nil, 60; m.devices["pf"] = d })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "pf")
			b.apply(some(2, map[uint16]spec.VF{0: whole(1), 1: whole(2)}))
			happens(b)
			b.step(time.Now(), true)
			b.has(0, whole(1))
			b.has(1, whole(2))
			if s := b.View("pf"); s.Pending != spec.VFPendingNone || len(s.VFs) != 2 {
				t.Errorf("told %+v", s)
			}
		})
	}
}

// TestSeenInTransaction has a transaction of another interface see that
// functions were made anew: they are set all the same.
func TestSeenInTransaction(t *testing.T) {
	b := newBed(t, "pf", "pf2")
	b.apply(some(1, map[uint16]spec.VF{0: whole(1)}))
	b.machine.hand(func(m *machine) { m.anew("pf") })
	b.apply(map[string]*spec.SRIOV{"pf2": {Number: number(1)}})
	b.step(time.Now(), false)
	b.has(0, whole(1))
}

func TestDrift(t *testing.T) {
	for _, repair := range []bool{false, true} {
		t.Run(fmt.Sprint("repair ", repair), func(t *testing.T) {
			b := newBed(t, "pf")
			c := some(2, map[uint16]spec.VF{0: whole(1)})
			c["pf"].Repair = repair
			b.apply(c)
			b.machine.hand(func(m *machine) { m.devices["pf"].vfs[0].set.VLAN = 999 })
			b.step(time.Now(), false)
			want, pending := uint16(999), spec.VFPendingSet
			if repair {
				want, pending = 11, spec.VFPendingNone
			}
			if s := b.View("pf"); s.Pending != pending || s.VFs[0].VLAN != want || b.machine.devices["pf"].vfs[0].set.VLAN != want {
				t.Errorf("told %+v; want VLAN %d, %s", s, want, pending)
			}
			b.apply(c)
			b.has(0, whole(1))
			if s := b.View("pf"); s.Pending != spec.VFPendingNone {
				t.Errorf("after a Set it is told %s", s.Pending)
			}
		})
	}
}

// TestNumberByHand leaves another number until the next Set, and sets what is
// there.
func TestNumberByHand(t *testing.T) {
	b := newBed(t, "pf")
	c := some(3, map[uint16]spec.VF{0: whole(1), 2: whole(2)})
	b.apply(c)
	b.machine.hand(func(m *machine) { d := m.devices["pf"]; d.vfs = d.vfs[:1]; m.anew("pf") })
	b.step(time.Now(), true)
	b.has(0, whole(1))
	if s := b.View("pf"); s.Pending != spec.VFPendingSet || len(s.VFs) != 1 {
		t.Errorf("told %+v, want one function and SET", s)
	}
	b.apply(c)
	b.has(2, whole(2))
}

// TestRetried refuses without being asked, and is asked again later.
func TestRetried(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, map[uint16]spec.VF{0: whole(1)}))
	b.machine.hand(func(m *machine) { m.anew("pf"); m.writes, m.failAt = nil, 1 })
	now := time.Now()
	b.step(now, true)
	if s := b.View("pf"); s.Pending != spec.VFPendingRetry || !strings.Contains(s.Fault, "mac-address") {
		t.Errorf("told %+v, want RETRY and why", s)
	}
	b.step(now.Add(retryAfter+time.Second), false)
	b.has(0, whole(1))
	if s := b.View("pf"); s.Pending != spec.VFPendingNone || s.Fault != "" {
		t.Errorf("told %+v, want nothing pending", s)
	}
}

// TestFirstChangeIsNotTakenBack starts on a device that is another one now.
func TestFirstChangeIsNotTakenBack(t *testing.T) {
	b := &bed{t: t, machine: newMachine("pf")}
	b.machine.devices["pf"].total = 1
	b.open()
	b.apply(some(2, nil))
	if s := b.View("pf"); s == nil || s.Pending != spec.VFPendingRetry || !strings.Contains(s.Fault, "at most 1") {
		t.Errorf("told %+v, want RETRY and why", s)
	}
}

// TestDifferenceIsAnError has a driver that takes a value and keeps another.
func TestDifferenceIsAnError(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, nil))
	b.Keeper.kernel = forgetful{b.machine}
	err := b.try(some(1, map[uint16]spec.VF{0: {Has: spec.VFVLAN, VLAN: 12, TPID: spec.TPIDCustomer}}))
	if want := "vlan-id: wanted 12 (priority 0, type 0x8100), the kernel has 0"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// forgetful says yes and does nothing.
type forgetful struct{ *machine }

func (forgetful) SetVF(*Function, uint16, spec.VF, spec.VFAttributes) error { return nil }

// TestFaults fails each write of a change, before and after its work, and wants
// the machine, what is kept and what is told as they were.
func TestFaults(t *testing.T) {
	b := newBed(t, "pf", "pf2")
	b.machine.devices["pf"].mode = spec.EswitchLegacy
	before := some(3, map[uint16]spec.VF{0: whole(1), 2: {Has: spec.VFVLAN, VLAN: 30, TPID: spec.TPIDCustomer}})
	before["pf2"] = &spec.SRIOV{Number: number(2), VFs: map[uint16]spec.VF{1: whole(5)}}
	b.apply(before)
	off := false
	after := some(4, map[uint16]spec.VF{0: whole(2), 1: whole(3), 3: whole(4)})
	after["pf"].Autoprobe, after["pf"].Eswitch = &off, spec.EswitchSwitchdev
	after["pf2"] = nil
	b.machine.devices["pf"].vfs[1].set.VLAN = 44 // by hand
	was, kept, told := b.machine.text(), copyOriginals(b.saved), *b.View("pf")
	calls := 0
	for n := 1; ; n++ {
		failed := false
		for _, afterwards := range []bool{false, true} {
			b.machine.hand(func(m *machine) { m.writes, m.failAt, m.after = nil, n, afterwards })
			err := b.try(after)
			if len(b.machine.writes) < n {
				break // there are fewer: it went through
			}
			failed = true
			name := fmt.Sprintf("write %d, %s (after its work: %t)", n, b.machine.writes[n-1], afterwards)
			if !errors.Is(err, errInjected) {
				t.Fatalf("%s: error %v, want the injected one", name, err)
			}
			if diff := cmp.Diff(was, b.machine.text()); diff != "" {
				t.Fatalf("%s: not as before (-want +got):\n%s", name, diff)
			}
			for _, now := range []map[string]*Original{b.saved, b.originals} {
				if diff := cmp.Diff(kept, now); diff != "" {
					t.Fatalf("%s: kept is not as before (-want +got):\n%s", name, diff)
				}
			}
			if got := *b.View("pf"); got.Pending != spec.VFPendingNone || len(got.VFs) != len(told.VFs) {
				t.Fatalf("%s: told %+v, want %+v", name, got, told)
			}
		}
		if !failed {
			calls = n - 1
			break
		}
	}
	if calls < 15 {
		t.Errorf("%d writes failed in turn: the change does not touch everything", calls)
	}
	b.has(3, whole(4))
	b.machine.hand(func(m *machine) { m.writes, m.failAt = nil, 0 })
	b.apply(after)
	if len(b.machine.writes) > 0 {
		t.Errorf("applied again: %q, want nothing", b.machine.writes)
	}
}

// TestUnsaved lets what is to be kept not be kept: nothing may be touched then.
func TestUnsaved(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, nil))
	b.machine.writes = nil
	b.Keeper.save = func(map[string]*Original) error { return errInjected }
	if err := b.try(some(1, map[uint16]spec.VF{0: whole(1)})); !errors.Is(err, errInjected) || len(b.machine.writes) > 0 {
		t.Errorf("error %v and writes %q; want the injected error and nothing", err, b.machine.writes)
	}
}

// TestAbandoned begins a change that the rest of the datapath refuses.
func TestAbandoned(t *testing.T) {
	b := newBed(t, "pf")
	b.apply(some(1, nil))
	tx, err := b.Begin(some(3, nil))
	if err != nil {
		t.Fatal(err)
	}
	tx.End()
	b.step(time.Now(), true)
	if n, want := len(b.machine.devices["pf"].vfs), 1; n != want || *b.want["pf"].Number != 1 {
		t.Errorf("%d functions, wanted %d; want %d", n, *b.want["pf"].Number, want)
	}
}

// TestRun lets the goroutine do all of it.
func TestRun(t *testing.T) {
	b := newBed(t, "pf")
	go b.run()
	c := some(1, map[uint16]spec.VF{0: whole(1)})
	c["pf"].Repair = true
	b.apply(c)
	b.machine.hand(func(m *machine) { m.devices["pf"].vfs[0].set.VLAN = 999 })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		var vlan uint16
		b.machine.hand(func(m *machine) { vlan = m.devices["pf"].vfs[0].set.VLAN })
		if vlan == 11 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it was not repaired")
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if names := slices.Collect(maps.Keys(b.states)); len(names) != 1 {
		t.Errorf("told of %q", names)
	}
}

// TestCounters leaves out what a driver does not count.
func TestCounters(t *testing.T) {
	b := newBed(t, "pf", "pf2")
	b.apply(some(3, nil))
	got, err := b.Counters()
	want := map[string]map[uint16]spec.VFCounters{"pf": {1: {InFrames: 1}, 2: {InFrames: 2}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestEswitch sets the mode of a device's switch with its functions, has it changed
// by hand, and gives it back.
func TestEswitch(t *testing.T) {
	b := newBed(t, "pf")
	b.machine.devices["pf"].mode = spec.EswitchLegacy
	c := some(2, map[uint16]spec.VF{0: {Has: spec.VFMaxRate, MaxRate: 50}})
	c["pf"].Eswitch, c["pf"].Repair = spec.EswitchSwitchdev, true
	b.apply(c)
	s := b.View("pf")
	if s.Eswitch != spec.EswitchSwitchdev || len(s.VFs) != 2 || s.VFs[1].Representor != "rep1" || s.VFs[0].MaxRate != 50 || s.Pending != spec.VFPendingNone {
		t.Errorf("told %+v", s)
	}
	b.machine.hand(func(m *machine) { m.devices["pf"].mode = spec.EswitchLegacy })
	b.step(time.Now(), true)
	if s := b.View("pf"); s.Eswitch != spec.EswitchSwitchdev {
		t.Errorf("told %+v, want the mode put back", s)
	}
	b.open()
	b.apply(c)
	b.apply(map[string]*spec.SRIOV{"pf": nil})
	if d := b.machine.devices["pf"]; d.mode != spec.EswitchLegacy || len(d.vfs) > 0 || len(b.saved) > 0 {
		t.Errorf("mode %s, %d functions, kept %v; want it as it was found", d.mode, len(d.vfs), b.saved)
	}
}
