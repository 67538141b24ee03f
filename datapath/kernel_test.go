package datapath

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// bench is a host namespace with a datapath in it, and hosts behind veths.
type bench struct {
	*Datapath
	t     testing.TB
	ns    *lab.NS
	hosts map[string]*lab.NS
	dir   string
	bpffs string
}

// newBench makes a namespace and opens a datapath in it.
func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, ns: lab.New(t), hosts: make(map[string]*lab.NS), dir: t.TempDir()}
	var err error
	if b.bpffs, _, err = fastpath.FindBPFFS(); err != nil {
		t.Fatal(err)
	}
	b.open()
	t.Cleanup(func() {
		if b.Datapath == nil {
			return
		}
		if err := b.Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	})
	return b
}

func (b *bench) open() {
	b.t.Helper()
	b.ns.Do(b.t, func() {
		var err error
		log := slog.New(slog.NewTextHandler(b.t.Output(), nil))
		b.Datapath, err = Open(context.Background(), Options{BPFFS: b.bpffs, StateDir: b.dir, Log: log})
		if err != nil {
			b.t.Errorf("open: %v", err)
		}
	})
}

// host makes a namespace with one interface, whose other end is here.
func (b *bench) host(port string) *lab.Wire {
	b.t.Helper()
	ns := lab.New(b.t)
	b.hosts[port] = ns
	b.ns.Veth(b.t, port, ns, "eth0")
	return ns.Wire(b.t, "eth0")
}

func (b *bench) apply(c spec.Change) {
	b.t.Helper()
	if err := b.Apply(context.Background(), c); err != nil {
		b.t.Fatalf("apply: %v", err)
	}
}

// carries waits until interfaces are told up and forwarding, and the hosts
// behind them may send.
func (b *bench) carries(ports ...string) {
	b.t.Helper()
	for _, p := range ports {
		b.wait(p+" forwards", func(i *spec.Interface) bool {
			return i != nil && i.Oper == spec.OperUp && i.Port != nil && i.Port.Forwarding
		}, p)
		if host := b.hosts[p]; host != nil {
			host.WaitUp(b.t, "eth0")
		}
	}
}

func (b *bench) wait(what string, ok func(*spec.Interface) bool, port string) {
	b.t.Helper()
	lab.Wait(b.t, what, func() bool { return ok(b.State().Interfaces[port]) })
}

func access(name, sw string, vlan uint16) *spec.Port {
	return &spec.Port{Name: name, Enabled: true, Switched: &spec.Switched{Switch: sw, Mode: spec.Access, PVID: vlan}}
}

func trunk(name, sw string, native uint16, vlans ...uint16) *spec.Port {
	s := &spec.Switched{Switch: sw, Mode: spec.Trunk, PVID: native, AllVLANs: len(vlans) == 0}
	for _, v := range vlans {
		s.Tagged.Add(v)
	}
	return &spec.Port{Name: name, Enabled: true, Switched: s}
}

func ports(ps ...*spec.Port) spec.Change {
	c := spec.Change{Ports: make(map[string]*spec.Port)}
	for _, p := range ps {
		c.Ports[p.Name] = p
	}
	return c
}

// station is the address of the n-th host.
func station(n byte) spec.MAC { return spec.MAC{2, 0, 0, 0, 0, n} }

var broadcast = spec.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// testType is an EtherType for experiments (IEEE 802, 0x88b5).
const testType = 0x88b5

// frame builds a short frame with a number in it; vlan 0 is untagged.
func frame(dst, src spec.MAC, vlan uint16, number uint32) []byte {
	b := append(dst[:], src[:]...)
	if vlan != 0 {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, vlan)
	}
	b = binary.BigEndian.AppendUint16(b, testType)
	b = binary.BigEndian.AppendUint32(b, number)
	return append(b, make([]byte, 44)...)
}

// expect wants exactly this frame to come next at the wire, others of the
// kernel's own apart.
func expect(t *testing.T, w *lab.Wire, want []byte) {
	t.Helper()
	if got := nextTest(w, 5*time.Second); string(got) != string(want) {
		t.Errorf("received % x\nwant     % x", got, want)
	}
}

// silent wants no frame of the test to wait at the wire. It is called when a
// frame sent later has already come in elsewhere.
func silent(t *testing.T, w *lab.Wire) {
	t.Helper()
	if got := nextTest(w, 0); got != nil {
		t.Errorf("received % x, want nothing", got)
	}
}

func nextTest(w *lab.Wire, within time.Duration) []byte {
	for {
		f := w.Receive(within)
		if f == nil {
			return nil
		}
		at := 12
		if binary.BigEndian.Uint16(f[at:]) == 0x8100 {
			at += 4
		}
		if binary.BigEndian.Uint16(f[at:]) == testType {
			return f
		}
	}
}

func TestSwitch(t *testing.T) {
	b := newBench(t)
	w1, w2, w3, up := b.host("p1"), b.host("p2"), b.host("p3"), b.host("up")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10), access("p3", "default", 20), trunk("up", "default", 0)))
	b.carries("p1", "p2", "p3", "up")

	w1.Send(frame(broadcast, station(1), 0, 1))
	expect(t, w2, frame(broadcast, station(1), 0, 1))
	expect(t, up, frame(broadcast, station(1), 10, 1))
	w2.Send(frame(station(1), station(2), 0, 2))
	expect(t, w1, frame(station(1), station(2), 0, 2))
	up.Send(frame(broadcast, station(4), 20, 3))
	expect(t, w3, frame(broadcast, station(4), 0, 3))
	silent(t, w1)
	silent(t, w2)
	silent(t, w3)
	silent(t, up)
}
