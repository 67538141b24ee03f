package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"github.com/signalbox/signalbox/integration/traffic"
)

// spread is how many destinations the frames of a miss go to: more than the
// flow cache of a CPU holds.
const spread = 1 << 13

// program measures the switch's program alone, beside one that does nothing.
func (b *bench) program(ctx context.Context) (err error) {
	p, err := newPair()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, err := p.switched(ctx, b.binary); err != nil {
		return err
	}
	attached, err := traffic.Attached(p.sw, "a")
	if err != nil {
		return err
	}
	defer attached.Close()
	empty, err := traffic.Empty()
	if err != nil {
		return err
	}
	defer empty.Close()
	cost := func(program *ebpf.Program, frame []byte) func() (float64, error) {
		return func() (float64, error) { return traffic.Cost(p.sw, "a", program, frame, 0, 1<<20) }
	}
	hit := traffic.UDP(traffic.MAC(macB), traffic.MAC(macA), 60)
	// The answer to a frame for who sent it is never kept in the flow cache: it
	// takes each step of a miss, and is dropped where a miss is sent.
	miss := traffic.UDP(traffic.MAC(macA), traffic.MAC(macA+0x100), 60)
	m, err := b.turns(ctx, []arm{
		{"empty", cost(empty, hit)}, {"hit", cost(attached, hit)}, {"miss", cost(attached, miss)},
	})
	if err != nil {
		return err
	}
	b.add(row{"program over the empty one, flow-cache hit", ns(m["hit"] - m["empty"]), "empty " + ns(m["empty"]), ratio(m["hit"], m["empty"]), "≤ 20 ns over"})
	b.add(row{"program over the empty one, without the flow cache", ns(m["miss"] - m["empty"]), "empty " + ns(m["empty"]), ratio(m["miss"], m["empty"]), "≤ 70 ns over"})
	return nil
}

func ns(v float64) string { return fmt.Sprintf("%.0f ns", v) }

// way is one way to join two hosts, ready to be measured.
type way struct {
	name string
	// join joins the hosts' ports; nil stands for a cable between the hosts.
	join func(*pair) error
}

func (b *bench) ways(ctx context.Context) []way {
	return []way{
		{"bare", (*pair).bare},
		{"signalbox", func(p *pair) (err error) {
			p.element, err = p.switched(ctx, b.binary)
			return err
		}},
		{"bridge", (*pair).bridged},
	}
}

// direct is the way without anything between the hosts.
func direct() way { return way{"direct", nil} }

// setting is a pair of hosts for each way.
type setting []*pair

// lay makes and joins the hosts for each way, and prepares what is measured.
func lay(ways []way, prepare func(way, *pair) error) (s setting, err error) {
	for _, w := range ways {
		make := newPair
		if w.join == nil {
			make = newDirect
		}
		p, err := make()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s = append(s, p)
		if w.join != nil {
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

func (s setting) close() (err error) {
	for _, p := range s {
		err = errors.Join(err, p.close())
	}
	return err
}

// arrived is an error where a way lost frames, or sent some twice.
func (s setting) arrived(ways []way) (err error) {
	for i, p := range s {
		if lost := p.arrived(); lost != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", ways[i].name, lost))
		}
	}
	return err
}

// forward measures 64-byte frames (60 and the FCS) across the switch.
func (b *bench) forward(ctx context.Context) error {
	if err := b.forwardNIC(ctx); err != nil {
		return fmt.Errorf("NIC to veth: %w", err)
	}
	if err := b.forwardVeth(ctx); err != nil {
		return fmt.Errorf("veth to veth: %w", err)
	}
	return nil
}

// forwardNIC has frames come in as a NIC's do: from a driver's poll, outside of
// any socket buffer. It measures one flow and spread flows.
func (b *bench) forwardNIC(ctx context.Context) (err error) {
	var arms []arm
	ways := b.ways(ctx)
	pairs, err := lay(ways, func(w way, p *pair) error {
		if err := errors.Join(traffic.GRO(p.sw, "a", true), p.learn(spread), p.sink()); err != nil {
			return err
		}
		if p.element != nil { // each destination is known: nothing is flooded
			const entries = "/network-instances/network-instance[name=default]/fdb/state/dynamic-entries"
			if err := await(ctx, p.element, entries, fmt.Sprint(spread+2)); err != nil {
				return err
			}
		}
		for _, kind := range []struct {
			name  string
			dst   uint32 // where flows are spread, the lowest 16 bits are drawn
			flows uint16
		}{{"", macB, 0}, {", flows", 0, spread}} {
			g, err := traffic.NewGenerator(p.a, "eth0", traffic.UDP(traffic.MAC(kind.dst), traffic.MAC(macA), 60), kind.flows)
			if err != nil {
				return err
			}
			p.source(g)
			arms = append(arms, arm{w.name + kind.name, func() (float64, error) { return g.Measure(0, b.window) }})
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pairs.close()) }()
	m, err := b.turns(ctx, arms)
	if err != nil {
		return err
	}
	b.beside("NIC → veth, 64 octets", m, "", "≤ 1.10×", "≤ 0.45×")
	b.beside(fmt.Sprintf("NIC → veth, 64 octets, %d random destinations", spread), m, ", flows", "–", "–")
	return pairs.arrived(ways)
}

// forwardVeth has frames come in as a container's do.
func (b *bench) forwardVeth(ctx context.Context) (err error) {
	var arms []arm
	ways := append(b.ways(ctx), direct())
	pairs, err := lay(ways, func(w way, p *pair) error {
		if w.join != nil {
			if err := p.learn(0); err != nil {
				return err
			}
		}
		g, err := p.hostGenerator()
		if err != nil {
			return err
		}
		arms = append(arms, arm{w.name, func() (float64, error) { return g.Measure(0, b.window) }})
		return p.sink()
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pairs.close()) }()
	m, err := b.turns(ctx, arms)
	if err != nil {
		return err
	}
	b.beside("veth → veth, 64 octets", m, "", "–", "–")
	b.add(row{"veth → veth, 64 octets, whole way", ns(m["signalbox"]), "direct veth " + ns(m["direct"]), ratio(m["signalbox"], m["direct"]), "–"})
	return pairs.arrived(ways)
}

// beside adds the two lines that compare with bare redirect_peer and the bridge.
func (b *bench) beside(what string, m map[string]float64, suffix, goalBare, goalBridge string) {
	own := m["signalbox"+suffix]
	b.add(row{what, ns(own), "bare redirect_peer " + ns(m["bare"+suffix]), ratio(own, m["bare"+suffix]), goalBare})
	b.add(row{what, ns(own), "Linux bridge " + ns(m["bridge"+suffix]), ratio(own, m["bridge"+suffix]), goalBridge})
}

// hostGenerator makes frames in host A as its own stack would.
func (p *pair) hostGenerator() (*traffic.Generator, error) {
	if err := p.a.Tap("inject"); err != nil {
		return nil, err
	}
	g, onward, err := traffic.NewHostGenerator(p.a, "inject", "eth0", traffic.UDP(traffic.MAC(macB), traffic.MAC(macA), 60))
	if err != nil {
		return nil, err
	}
	p.defers(onward.Close)
	p.source(g)
	return g, nil
}

// tcp measures TCP between containers: round trips and a stream.
func (b *bench) tcp(ctx context.Context) (err error) {
	var trips, streams []arm
	pairs, err := lay(append(b.ways(ctx), direct()), func(w way, p *pair) error {
		trip, err := traffic.Dial(p.a, p.b, netip.MustParseAddrPort("10.9.0.2:7777"), traffic.Echo, 1)
		if err != nil {
			return err
		}
		p.defers(trip.Close)
		stream, err := traffic.Dial(p.a, p.b, netip.MustParseAddrPort("10.9.0.2:7778"), traffic.Discard, 0)
		if err != nil {
			return err
		}
		p.defers(stream.Close)
		trips = append(trips, arm{w.name, func() (float64, error) {
			took, err := trip.RoundTrip(0, b.window)
			return float64(took) / float64(time.Microsecond), err
		}})
		streams = append(streams, arm{w.name, func() (float64, error) {
			rate, err := stream.Stream(0, b.window)
			return rate / 1e9, err
		}})
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pairs.close()) }()
	m, err := b.turns(ctx, trips)
	if err != nil {
		return fmt.Errorf("round trip: %w", err)
	}
	micro := func(v float64) string { return fmt.Sprintf("%.1f µs", v) }
	b.add(row{"TCP round trip, container ↔ container", micro(m["signalbox"]), "direct veth " + micro(m["direct"]), ratio(m["signalbox"], m["direct"]), "≤ 1.03×"})
	b.add(row{"TCP round trip, container ↔ container", micro(m["signalbox"]), "Linux bridge " + micro(m["bridge"]), ratio(m["signalbox"], m["bridge"]), "< 0.93×"})
	if m, err = b.turns(ctx, streams); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	giga := func(v float64) string { return fmt.Sprintf("%.1f Gbit/s", v) }
	b.add(row{"TCP stream on one CPU, container → container", giga(m["signalbox"]), "direct veth " + giga(m["direct"]), ratio(m["signalbox"], m["direct"]), "≥ 0.97×"})
	b.add(row{"TCP stream on one CPU, container → container", giga(m["signalbox"]), "Linux bridge " + giga(m["bridge"]), ratio(m["signalbox"], m["bridge"]), "≥ 1.0×"})
	return nil
}
