package datapath

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
	// Nothing of all that has happened.
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
