package main

import (
	"context"
	"errors"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// guest is a further host at a port of the switch, with a number for its
// addresses, that knows host B.
func (s *shaped) guest(ctx context.Context, port string, number uint32) (*topology.Namespace, error) {
	n, err := s.namespace()
	if err != nil {
		return nil, err
	}
	end := s.endA()
	mac := traffic.MAC(0x10000 + number)
	end.Namespace, end.MAC, end.Address = n, mac, prefixOf(number)
	err = errors.Join(
		topology.Cable(end, topology.End{Namespace: s.sw, Name: port}),
		n.Neighbour("eth0", receiver, traffic.MAC(macB)),
		s.b.Neighbour("eth0", end.Address.Addr(), mac))
	if err == nil {
		err = s.element.Configure(ctx, element.Access(port, 10))
	}
	if err == nil {
		err = await(ctx, s.element, "/interfaces/interface[name="+port+"]/state/oper-status", "UP")
	}
	if err != nil {
		return nil, fmt.Errorf("guest at %s: %w", port, err)
	}
	return n, nil
}

// qosCost measures what classes cost a frame: in the program, and on the whole
// way.
func (b *bench) qosCost(ctx context.Context) error {
	ways := []way{
		{"none", nil},
		{"elsewhere", func(p *pair) error { // port b classifies and holds back what it takes in
			return p.element.Configure(ctx, append(element.Queues(), element.Trusts("b"), element.Bandwidth("b", map[string]any{"maximum-bandwidth": uint64(gigabit)}))...)
		}},
		{"trusted", func(p *pair) error {
			return p.element.Configure(ctx, append(element.Queues(), element.Trusts("a"))...)
		}},
		{"classified", func(p *pair) error {
			return p.element.Configure(ctx, append(element.Queues(), element.Classifies("a", 1)...)...)
		}},
		{"held", func(p *pair) error {
			return p.element.Configure(ctx, element.Bandwidth("b", map[string]any{"maximum-bandwidth": uint64(400 * gigabit)}))
		}},
	}
	var program, whole []arm
	frame := traffic.UDP(traffic.MAC(macB), traffic.MAC(macA), 60)
	pairs, err := layElements(ctx, b.binary, ways, func(w way, p *pair) error {
		attached, err := traffic.Attached(p.sw, "a")
		if err != nil {
			return err
		}
		p.defers(attached.Close)
		program = append(program, arm{w.name, func() (float64, error) { return traffic.Cost(p.sw, "a", attached, frame, 0, 1<<20) }})
		g, err := p.hostGenerator()
		if err != nil {
			return err
		}
		whole = append(whole, arm{w.name, func() (float64, error) { return g.Measure(0, b.window) }})
		return p.sink()
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pairs.close()) }()
	m, err := b.turns(ctx, program)
	if err != nil {
		return err
	}
	base := m["none"]
	over := func(v float64) string { return fmt.Sprintf("%.1f ns", v-base) }
	b.add(row{"program for a port without classes while another one has some, flow-cache hit", over(m["elsewhere"]) + " over", "none " + ns(base), ratio(m["elsewhere"], base), "0 ns over"})
	b.add(row{"program for a port that trusts the DSCP, flow-cache hit", over(m["trusted"]) + " over", "none " + ns(base), ratio(m["trusted"], base), "≤ 2 ns over"})
	b.add(row{"program for a port with a classifier of layer 4, flow-cache hit", over(m["classified"]) + " over", "none " + ns(base), ratio(m["classified"], base), "≤ 2 ns over"})
	if m, err = b.turns(ctx, whole); err != nil {
		return err
	}
	b.add(row{"veth → veth, 64 octets, whole way, through HTB that does not hold back", ns(m["held"] - m["none"]), "without " + ns(m["none"]), ratio(m["held"], m["none"]), "–"})
	return pairs.arrived(ways)
}

// layElements makes two hosts at an element for each way.
func layElements(ctx context.Context, binary string, ways []way, prepare func(way, *pair) error) (s setting, err error) {
	for _, w := range ways {
		p, err := newPair()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s = append(s, p)
		if p.element, err = p.switched(ctx, binary); err == nil && w.join != nil {
			err = w.join(p)
		}
		if err == nil {
			err = prepare(w, p)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", w.name, err), s.close())
		}
	}
	return s, nil
}

// qosPorts gives each of a thousand ports a policy of eight queues in one Set,
// and then changes what one port has.
func (b *bench) qosPorts(ctx context.Context) (err error) {
	f, err := newFabric(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close(ctx)) }()
	if err := f.grow(ctx, usual); err != nil {
		return err
	}
	policy := func(name string, line uint64) *gpb.Update {
		weights := map[int]int{}
		for class := 1; class < element.Classes; class++ {
			weights[class] = class
		}
		return element.Policy{Name: name, Default: 1, Groups: []element.SchedulerGroup{
			{Maximum: line}, {Strict: true, Weights: map[int]int{0: 1}}, {Minimum: line / 2, Weights: weights},
		}}.Update()
	}
	updates := append(element.Queues(), policy("all", gigabit), policy("one", gigabit))
	for i := range usual {
		name := "all"
		if i == 5 {
			name = "one"
		}
		updates = append(updates, element.Trusts(portName(i)), element.Schedules(portName(i), name))
	}
	took, err := timed(func() error { return f.Configure(ctx, updates...) })()
	if err != nil {
		return err
	}
	b.add(row{fmt.Sprintf("Set of eight queues at each of %d ports, from nothing", usual), ms(took), "–", "–", "≤ 5,000 ms"})
	rate, number := uint64(gigabit), 0
	changes, err := takeTurns(ctx, 51, []arm{
		{"change", timed(func() error {
			rate += megabit
			return f.Configure(ctx, policy("one", rate))
		})},
		{"description", timed(func() error {
			number++
			return f.Configure(ctx, element.Update("/interfaces/interface[name=p5]/config/description", fmt.Sprint("number ", number)))
		})},
	})
	if err != nil {
		return err
	}
	b.add(row{fmt.Sprintf("… then a change of one port's rate, at %d ports", usual), ms(changes["change"]), "a description " + ms(changes["description"]), ratio(changes["change"], changes["description"]), "≤ 2 ms"})
	return nil
}
