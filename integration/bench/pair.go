package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// Addresses of the two hosts of each pair; the low 16 bits of the others that a
// pair may have are the generator's.
const (
	macA = 0x10001
	macB = 0x10002
)

// pair is two hosts and what joins them: in namespace sw, port a to host A and
// port b to host B.
type pair struct {
	a, b, sw *topology.Namespace
	element  *element.Process // where one joins the ports
	sinks    []*traffic.Sink
	sources  []*traffic.Generator
	closers  []func() error
}

// newPair makes the hosts, their ports and the neighbours' entries.
func newPair() (*pair, error) {
	return newHosts(func(p *pair) error {
		var err error
		if p.sw, err = p.namespace(); err != nil {
			return err
		}
		return errors.Join(
			topology.Cable(p.endA(), topology.End{Namespace: p.sw, Name: "a"}),
			topology.Cable(p.endB(), topology.End{Namespace: p.sw, Name: "b"}))
	})
}

// newDirect makes two hosts with one cable between them.
func newDirect() (*pair, error) {
	return newHosts(func(p *pair) error { return topology.Cable(p.endA(), p.endB()) })
}

// newHosts makes two hosts, lays the cables and enters the neighbours.
func newHosts(cables func(*pair) error) (*pair, error) {
	p := &pair{}
	var err error
	if p.a, err = p.namespace(); err == nil {
		p.b, err = p.namespace()
	}
	if err == nil {
		err = cables(p)
	}
	if err == nil {
		err = p.neighbours()
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// namespace makes one that ends with the pair.
func (p *pair) namespace() (*topology.Namespace, error) {
	n, err := topology.New()
	if err == nil {
		p.defers(n.Close)
	}
	return n, err
}

func (p *pair) endA() topology.End {
	return topology.End{Namespace: p.a, Name: "eth0", MAC: traffic.MAC(macA), Address: netip.MustParsePrefix("10.9.0.1/24")}
}

func (p *pair) endB() topology.End {
	return topology.End{Namespace: p.b, Name: "eth0", MAC: traffic.MAC(macB), Address: netip.MustParsePrefix("10.9.0.2/24")}
}

// prefixOf is the address of a further host.
func prefixOf(number uint32) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(number)}), 24)
}

func (p *pair) neighbours() error {
	return errors.Join(
		p.a.Neighbour("eth0", netip.MustParseAddr("10.9.0.2"), traffic.MAC(macB)),
		p.b.Neighbour("eth0", netip.MustParseAddr("10.9.0.1"), traffic.MAC(macA)),
	)
}

// defers keeps what close has to do, last first.
func (p *pair) defers(f func() error) { p.closers = append(p.closers, f) }

func (p *pair) close() error {
	var err error
	for i := len(p.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, p.closers[i]())
	}
	p.closers = nil
	return err
}

// bridged joins the ports by the Linux bridge.
func (p *pair) bridged() error { return p.sw.Bridge("br0", "a", "b") }

// bare joins the ports by programs that only redirect.
func (p *pair) bare() error {
	for _, way := range [][2]string{{"a", "b"}, {"b", "a"}} {
		l, err := traffic.RedirectPeer(p.sw, way[0], way[1])
		if err != nil {
			return err
		}
		p.defers(l.Close)
	}
	return nil
}

// switched joins the ports by an element.
func (p *pair) switched(ctx context.Context, binary string) (*element.Process, error) {
	state, err := os.MkdirTemp("", "signalbox-bench-")
	if err != nil {
		return nil, err
	}
	p.defers(func() error { return os.RemoveAll(state) })
	e, err := element.Start(ctx, element.Options{Binary: binary, Namespace: p.sw, StateDir: state})
	if err != nil {
		return nil, err
	}
	p.defers(func() error { return element.Flush(context.WithoutCancel(ctx), binary, p.sw) })
	p.defers(e.Stop)
	if err := e.Configure(ctx, element.Access("a", 10), element.Access("b", 10)); err != nil {
		return nil, err
	}
	for _, port := range []string{"a", "b"} {
		if err := await(ctx, e, "/interfaces/interface[name="+port+"]/state/oper-status", "UP"); err != nil {
			return nil, err
		}
	}
	return e, p.learn(0)
}

// await waits until a leaf has a value.
func await(ctx context.Context, e *element.Process, path, want string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := e.Text(ctx, path)
		if err == nil && got == want {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s is %q after ten seconds, want %q", path, got, want), err)
		}
	}
}

// learn has the hosts send one frame each, and host B further ones from the
// addresses 0..others-1, so that a switch knows them behind port b.
func (p *pair) learn(others uint32) error {
	for _, side := range []struct {
		n        *topology.Namespace
		src, dst uint32
	}{{p.a, macA, macB}, {p.b, macB, macA}} {
		if err := side.n.AwaitRunning("eth0", 10*time.Second); err != nil {
			return err
		}
		s, err := traffic.Open(side.n, "eth0")
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Send(traffic.UDP(traffic.MAC(side.dst), traffic.MAC(side.src), 60)); err != nil {
			return err
		}
		if side.n != p.b {
			continue
		}
		for i := range others {
			if err := s.Send(traffic.UDP(traffic.MAC(macA), traffic.MAC(i), 60)); err != nil {
				return fmt.Errorf("address %d of %d: %w", i, others, err)
			}
		}
	}
	return nil
}

// sink drops what reaches host B before its stack sees it.
func (p *pair) sink() error {
	s, err := traffic.NewSink(p.b, "eth0")
	if err == nil {
		p.defers(s.Close)
		p.sinks = append(p.sinks, s)
	}
	return err
}

// source keeps a generator for arrived and close.
func (p *pair) source(g *traffic.Generator) {
	p.defers(g.Close)
	p.sources = append(p.sources, g)
}

// arrived is an error where frames were lost, or sent twice: then the time of a
// frame says nothing.
func (p *pair) arrived() error {
	var sent, got uint64
	for _, g := range p.sources {
		n, err := g.Sent()
		if err != nil {
			return err
		}
		sent += n
	}
	for _, s := range p.sinks {
		n, err := s.Count()
		if err != nil {
			return err
		}
		got += n
	}
	if float64(got) < 0.99*float64(sent) || float64(got) > 1.01*float64(sent) {
		return fmt.Errorf("of %d frames %d arrived", sent, got)
	}
	return nil
}
