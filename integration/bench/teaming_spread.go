package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// shares spreads flows over members, and takes one of them away.
func (b *bench) shares(ctx context.Context) error {
	for _, members := range []int{2, 4, 8} {
		if err := b.share(ctx, members); err != nil {
			return fmt.Errorf("%d members: %w", members, err)
		}
	}
	return nil
}

func (b *bench) share(ctx context.Context, members int) (err error) {
	p, err := b.pairOf(ctx, members, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := teaming.NewStream(p.HostA, p.HostB, sharedFlows, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	loss, err := s.Burst(5 * sharedFlows)
	if err != nil {
		return err
	}
	before, frames, err := teaming.Carried(p.Wires, sharedFlows)
	if err != nil {
		return err
	}
	even, worst := float64(loss.Sent)/float64(members), 0.0
	for _, n := range frames {
		worst = max(worst, math.Abs(float64(n)/even-1))
	}
	flows := fmt.Sprintf("%d flows on %d members", sharedFlows, members)
	b.add(row{flows + ": furthest from an even share", fmt.Sprintf("%.2f %%", 100*worst), fmt.Sprintf("%.1f %% each", 100/float64(members)), "–", "≤ 3 %"})
	b.add(row{flows + ": frames that were overtaken", fmt.Sprint(loss.Late), fmt.Sprintf("%d sent, %d lost", loss.Sent, loss.Lost), "–", "0"})
	if err := p.Wires[0].Cut(); err != nil {
		return err
	}
	for _, n := range []*teaming.Node{p.A, p.B} {
		if err := n.Members(ctx, "team", p.Names[1:]...); err != nil {
			return err
		}
	}
	for _, w := range p.Wires {
		if err := w.FromA.Reset(); err != nil {
			return err
		}
	}
	if _, err := s.Burst(sharedFlows); err != nil {
		return err
	}
	after, _, err := teaming.Carried(p.Wires, sharedFlows)
	if err != nil {
		return err
	}
	own, others := 0, 0
	for flow, way := range before {
		switch {
		case way == 0:
			own++
		case after[flow] != way:
			others++
		}
	}
	b.add(row{flows + ": flows of others that move when one fails", fmt.Sprint(others), fmt.Sprintf("its own %d", own), ratio(float64(others), float64(own)), "≤ 1 %"})
	return nil
}

// announcements takes the active member from a team of which the switches know
// nothing, with a thousand local addresses.
func (b *bench) announcements(ctx context.Context) (err error) {
	p, err := teaming.NewPair(ctx, b.binary, 2)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	team := element.Team{Options: map[string]any{"switch-independent": true, "distribution": "ACTIVE_BACKUP", "primary": "m01"}}
	if err := p.Configure(ctx, team, element.Team{}); err != nil {
		return err
	}
	if err := teaming.Reach(p.HostA, p.HostB); err != nil {
		return err
	}
	s, err := traffic.Open(p.HostA.Namespace, "eth0")
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range uint32(announcedMAC - 1) { // and the host's own
		if err := s.Send(traffic.UDP(p.HostB.MAC, traffic.MAC(0x2000+i), 60)); err != nil {
			return err
		}
	}
	const entries = "/network-instances/network-instance[name=default]/fdb/state/dynamic-entries"
	if err := p.A.Leaf(ctx, entries, fmt.Sprint(announcedMAC+1)); err != nil {
		return err
	}
	ears, err := traffic.Open(p.Wires[1].Namespace, traffic.Left)
	if err != nil {
		return err
	}
	defer ears.Close()
	if err := p.Wires[0].Cut(); err != nil {
		return err
	}
	start := time.Now()
	reverse := func(f traffic.Frame) bool { return f.Type == 0x8035 } // RFC 903
	heard := map[string]bool{}
	for len(heard) < announcedMAC {
		f, err := ears.Receive(teaming.Soon, reverse)
		if err != nil {
			return fmt.Errorf("%d of %d addresses were announced: %w", len(heard), announcedMAC, err)
		}
		heard[string(f.Src)] = true
	}
	b.add(row{fmt.Sprintf("carrier loss → last of %d announcements", announcedMAC), ms(float64(time.Since(start))), "–", "–", "≤ 100 ms"})
	return nil
}

// teamCost measures the program where a frame leaves by a team, beside a port.
func (b *bench) teamCost(ctx context.Context) (err error) {
	n, err := teaming.NewNode(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	port, members := uint32(0x3001), uint32(0x3002)
	for _, name := range append(teaming.MemberNames(4), "in", "out") {
		far, err := topology.New()
		if err != nil {
			return err
		}
		defer far.Close()
		if err := topology.Cable(topology.End{Namespace: n.Namespace, Name: name}, topology.End{Namespace: far, Name: "eth0"}); err != nil {
			return err
		}
	}
	team := element.Team{Name: "team", Members: teaming.MemberNames(4), VLAN: element.AccessVLAN(10)}
	err = n.Apply(ctx, team.Updates(), []*gpb.Update{element.Access("in", 10), element.Access("out", 10),
		element.Update("/network-instances/network-instance[name=default]/config", map[string]any{"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}),
		element.VLAN("default", 10),
		element.StaticEntry("default", traffic.MAC(port).String(), 10, "out"), element.StaticEntry("default", traffic.MAC(members).String(), 10, "team")})
	if err == nil {
		err = n.Members(ctx, "team", teaming.MemberNames(4)...)
	}
	if err != nil {
		return err
	}
	attached, err := traffic.Attached(n.Namespace, "in")
	if err != nil {
		return err
	}
	defer attached.Close()
	cost := func(to uint32) func() (float64, error) {
		return func() (float64, error) {
			return traffic.Cost(n.Namespace, "in", attached, traffic.UDP(traffic.MAC(to), traffic.MAC(macA), 60), 0, 1<<20)
		}
	}
	m, err := b.turns(ctx, []arm{{"port", cost(port)}, {"team", cost(members)}})
	if err != nil {
		return err
	}
	b.add(row{"a team of four over a port, flow-cache hit", fmt.Sprintf("%.1f ns", m["team"]-m["port"]), "port " + ns(m["port"]), ratio(m["team"], m["port"]), "≤ 3 ns over"})
	return b.teamMiss(ctx)
}

// teamMiss has the program's own benchmark measure what only it can: the program
// without its flow cache.
func (b *bench) teamMiss(ctx context.Context) error {
	if _, err := exec.LookPath("go"); err != nil {
		b.say("teaming: without Go nothing is measured without the flow cache: %v", err)
		return nil
	}
	c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkLAG$/^TRANSPORT_PORTS$", "-benchtime", "200x", "./datapath/fastpath")
	c.Dir = testenv.Root()
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", c.Args, err, out)
	}
	number := func(unit string) (float64, error) {
		m := regexp.MustCompile(`([0-9.-]+) ` + regexp.QuoteMeta(unit) + `\s`).FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("%v says nothing in %s: %s", c.Args, unit, out)
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	more, err := number("ns/miss-LAG-more")
	plain, plainErr := number("ns/miss")
	if err := errors.Join(err, plainErr); err != nil {
		return err
	}
	b.add(row{"a team of four over a port, without the flow cache", fmt.Sprintf("%.1f ns", more), "port " + ns(plain) + " over the empty program", ratio(plain+more, plain), "≤ 25 ns over"})
	return nil
}
