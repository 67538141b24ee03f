package datapath

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// would is an explanation in one line.
func would(x spec.Explanation) string {
	s := fmt.Sprintf("%v %v vlan %d", x.Verdict, x.Reason, x.VLAN)
	for _, o := range x.Outputs {
		s += fmt.Sprintf(" > %s", o.Port)
		if o.Member != "" {
			s += "/" + o.Member
		}
		if o.Tagged {
			s += fmt.Sprintf(".%d", o.VLAN)
		}
		if o.Reason != spec.DropNone {
			s += " " + o.Reason.String()
		}
	}
	return s
}

func TestExplain(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	b.host("p3")
	b.host("up")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10), access("p3", "default", 20), trunk("up", "default", 0)))
	b.carries("p1", "p2", "p3", "up")
	w2.Send(frame(broadcast, station(2), 0, 1))
	expect(t, w1, frame(broadcast, station(2), 0, 1))

	held := access("p1", "default", 10)
	held.Enabled = false
	small := access("p2", "default", 10)
	small.MTU = 1000
	suspended := spec.NewSwitch("default")
	suspended.VLANs = map[uint16]spec.VLAN{10: {ID: 10, Suspended: true}}
	static := spec.NewSwitch("default")
	static.Static = map[spec.FDBKey]string{{VLAN: 10, MAC: station(9)}: "up"}
	long := append(frame(station(2), station(1), 0, 2), make([]byte, 1200)...)
	for _, c := range []struct {
		name   string
		port   string
		frame  []byte
		change *spec.Change
		want   string
	}{
		{"known", "p1", frame(station(2), station(1), 0, 2), nil, "FORWARD NONE vlan 10 > p2"},
		{"unknown", "p1", frame(station(7), station(1), 0, 2), nil, "FLOOD NONE vlan 10 > p2 > up.10"},
		{"tagged at access", "p1", frame(station(2), station(1), 10, 2), nil, "DROP TAG_MISMATCH vlan 10"},
		{"port off", "p1", frame(station(2), station(1), 0, 2), change(ports(held)), "DROP PORT_DOWN vlan 10"},
		{"moved to VLAN 20", "p1", frame(station(2), station(1), 0, 2), change(ports(access("p1", "default", 20))), "FLOOD NONE vlan 20 > p3 > up.20"},
		{"a VLAN that is new", "up", frame(broadcast, station(1), 30, 2), change(ports(access("p3", "default", 30))), "FLOOD NONE vlan 30 > p3"},
		{"as it was", "up", frame(broadcast, station(1), 30, 2), nil, "DROP INGRESS_VLAN vlan 30"},
		{"suspended", "p1", frame(station(2), station(1), 0, 2), &spec.Change{Switches: map[string]*spec.Switch{"default": suspended}}, "DROP VLAN_SUSPENDED vlan 10"},
		{"smaller", "p1", long, change(ports(small)), "DROP TOO_BIG vlan 10 > p2 TOO_BIG"},
		{"as large", "p1", long, nil, "FORWARD NONE vlan 10 > p2"},
		{"static", "p1", frame(station(9), station(1), 0, 2), &spec.Change{Switches: map[string]*spec.Switch{"default": static}}, "FORWARD NONE vlan 10 > up.10"},
		{"port removed", "p1", frame(station(2), station(1), 0, 2), &spec.Change{Ports: map[string]*spec.Port{"p2": nil}}, "FLOOD NONE vlan 10 > up.10"},
		{"aggregate", "p1", frame(station(7), station(1), 0, 2), change(ports(team("t", spec.StaticLAG, nil), member("p3", "t"))), "FLOOD NONE vlan 10 > p2 > up.10 > t/p3"},
	} {
		x, err := b.Explain(context.Background(), c.port, c.frame, c.change)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if would(x) != c.want {
			t.Errorf("%s: %s, want %s; steps %+v", c.name, would(x), c.want, x.Steps)
		}
	}
	// The MTU that an interface was found with is that of a port without one.
	b.apply(ports(small))
	for _, c := range []struct {
		change *spec.Change
		want   string
	}{
		{nil, "DROP TOO_BIG vlan 10 > p2 TOO_BIG"},
		{change(ports(access("p2", "default", 10))), "FORWARD NONE vlan 10 > p2"},
	} {
		if x, err := b.Explain(context.Background(), "p1", long, c.change); err != nil || would(x) != c.want {
			t.Errorf("with an MTU of 1000 and %v: %s, %v; want %s", c.change, would(x), err, c.want)
		}
	}
	// Nothing of all that is explained has happened.
	w1.Send(frame(station(2), station(1), 0, 3))
	expect(t, w2, frame(station(2), station(1), 0, 3))
	for port, f := range map[string][]byte{"p9": frame(station(2), station(1), 0, 2), "p1": {1, 2, 3}} {
		_, err := b.Explain(context.Background(), port, f, nil)
		var invalid *spec.Invalid
		if !errors.As(err, &invalid) || invalid.Port != port {
			t.Errorf("%d octets at %s: %v; want *spec.Invalid", len(f), port, err)
		}
	}
}

func change(c spec.Change) *spec.Change { return &c }

// TestExplainForetellsAChange explains random frames with random changes, then
// makes the changes: what was foretold is then so, and until then all is as it
// was.
func TestExplainForetellsAChange(t *testing.T) {
	b := newBench(t)
	for i := range 6 {
		b.host(fmt.Sprintf("p%d", i))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	first := spec.Change{Ports: map[string]*spec.Port{}}
	for i := range 6 {
		name := fmt.Sprintf("p%d", i)
		first.Ports[name] = access(name, fmt.Sprintf("s%d", i%2), uint16(1+i%3))
	}
	b.apply(first)
	answers := func(c *spec.Change) (all []string) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 3))
		for range 6 {
			dst := station(byte(r.IntN(3)))
			if r.IntN(3) == 0 {
				dst = broadcast
			}
			f := frame(dst, station(byte(3+r.IntN(2))), uint16(r.IntN(5)), 1)
			x, err := b.Explain(context.Background(), fmt.Sprintf("p%d", r.IntN(6)), f, c)
			all = append(all, fmt.Sprintf("%s %+v %v", would(x), x.Steps, err))
		}
		return all
	}
	made := 0
	for i := range 12 {
		seed += uint64(i)
		c := randomChange(r)
		for name, p := range c.Ports {
			if p != nil {
				p.HoldUp, p.HoldDown, p.Aggregate, p.Member = 0, 0, nil, nil
			}
			if name[0] != 'p' {
				delete(c.Ports, name)
			}
		}
		before := answers(nil)
		foretold := answers(&c)
		if after := answers(nil); !slices.Equal(before, after) {
			t.Fatalf("change %d: to explain it altered what is:\n%v\nnow\n%v", i, before, after)
		}
		if b.Apply(context.Background(), c) != nil {
			continue // refused, and so was each explanation
		}
		made++
		if is := answers(nil); !slices.Equal(is, foretold) {
			t.Fatalf("change %d: foretold\n%s\nis\n%s", i, strings.Join(foretold, "\n"), strings.Join(is, "\n"))
		}
	}
	if made == 0 {
		t.Error("every change was refused")
	}
}
