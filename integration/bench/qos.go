package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

const (
	megabit = 1_000_000
	gigabit = 1_000_000_000
)

// qosMaximum measures what ports are held to.
func (b *bench) qosMaximum(ctx context.Context) error { return b.withShaped(ctx, b.maximum) }

// qosShares measures what classes and ports are guaranteed and lent, with real
// TCP and UDP between hosts. Octets are counted where they arrive.
func (b *bench) qosShares(ctx context.Context) error {
	for _, part := range []struct {
		name string
		do   func(context.Context, *shaped) error
	}{{"minimum", b.minimum}, {"weights", b.weights}, {"lending", b.lending}, {"default class", b.defaultClass}, {"uplink", b.uplink}} {
		b.say("shares: %s", part.name)
		if err := b.withShaped(ctx, part.do); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// qosStrict measures the delay in the most urgent class.
func (b *bench) qosStrict(ctx context.Context) error { return b.withShaped(ctx, b.strict) }

// shaped is two hosts at the ports a and b of an element, whose marks are
// trusted. The receiver is host B.
type shaped struct {
	*pair
	count *traffic.PortCount
	// policies are how many there were; each is another one.
	policies int
}

// receiver is host B.
var receiver = netip.MustParseAddr("10.9.0.2")

func (b *bench) withShaped(ctx context.Context, do func(context.Context, *shaped) error) (err error) {
	p, err := newPair()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	s := &shaped{pair: p}
	if p.element, err = p.switched(ctx, b.binary); err != nil {
		return err
	}
	if s.count, err = traffic.NewPortCount(p.b, "eth0"); err != nil {
		return err
	}
	p.defers(s.count.Close)
	if err := p.element.Configure(ctx, append(element.Queues(), element.Trusts("a"))...); err != nil {
		return err
	}
	return do(ctx, s)
}

// schedule has groups divide what leaves by port b.
func (s *shaped) schedule(ctx context.Context, line uint64, defaultClass int, groups ...element.SchedulerGroup) error {
	s.policies++
	p := element.Policy{Name: fmt.Sprint("policy", s.policies), Default: defaultClass,
		Groups: append([]element.SchedulerGroup{{Maximum: line}}, groups...)}
	return s.element.Configure(ctx, p.Update(), element.Schedules("b", p.Name))
}

// load is one of a traffic class, sent by host A or another host.
type load struct {
	from  *topology.Namespace // nil is host A
	class int
	tcp   bool
	// own is what it is given when others want more too, bit/s.
	own uint64
	// line is what it may get at most, bit/s: UDP sends half as much again,
	// of which the rest is dropped. Without bounds it takes a whole CPU, and a
	// queue that no CPU serves is not what is measured. 0 is as own.
	line uint64
}

// kind names it for people.
func (l load) kind() string {
	if l.tcp {
		return "TCP"
	}
	return "UDP"
}

// manySegments is how many datagrams are handed over at once where single ones
// take more than a CPU has.
const manySegments = 40

func (l load) start(from, to *topology.Namespace) (*traffic.Sender, error) {
	t := traffic.Load{Port: l.port(), DSCP: uint8(l.class << 3), TCP: l.tcp, CPU: -1}
	if !l.tcp {
		line := max(l.own, l.line)
		t.Rate = line * 3 / 2
		if line >= gigabit/2 {
			t.Segments = manySegments
		}
	}
	return traffic.StartLoad(from, to, receiver, t)
}

func (l load) port() uint16 { return traffic.FirstPort + uint16(l.class) }

const (
	warmUp     = 2 * time.Second
	shortest   = time.Second
	rateRounds = 5
	// A window is long enough for so many octets, so that one GSO frame more or
	// less is nothing.
	windowOctets = 30 << 20
	longest      = 20 * time.Second
)

// windowFor is how long a rate is measured.
func windowFor(rate uint64) time.Duration {
	return min(max(shortest, time.Duration(windowOctets*8/float64(rate)*float64(time.Second))), longest)
}

// rates sends loads at the same time, and gives the median of what each got, in
// bit/s of whole frames.
func (s *shaped) rates(ctx context.Context, loads ...load) (got []float64, err error) {
	stop, err := s.send(loads...)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return nil, err
	}
	time.Sleep(warmUp)
	slowest := uint64(math.MaxUint64)
	for _, l := range loads {
		slowest = min(slowest, l.own)
	}
	window, rounds := windowFor(slowest), rateRounds
	if window > 5*shortest {
		rounds = 1
	}
	all := make([][]float64, len(loads))
	for range rounds {
		if err := s.window(ctx, loads, window, all); err != nil {
			return nil, err
		}
	}
	for _, values := range all {
		got = append(got, median(values))
	}
	return got, nil
}

// send starts loads, and gives what stops those that it started.
func (s *shaped) send(loads ...load) (stop func() error, err error) {
	var senders []*traffic.Sender
	stop = func() (err error) {
		for _, sender := range senders {
			err = errors.Join(err, sender.Stop())
		}
		return err
	}
	for _, l := range loads {
		from := s.a
		if l.from != nil {
			from = l.from
		}
		sender, err := l.start(from, s.b)
		if err != nil {
			return stop, err
		}
		senders = append(senders, sender)
	}
	return stop, nil
}

// window adds what each load got in one.
func (s *shaped) window(ctx context.Context, loads []load, window time.Duration, all [][]float64) error {
	octets := func() (octets []uint64, at []time.Time, err error) {
		for _, l := range loads {
			r, failed := s.count.Port(l.port())
			octets, at, err = append(octets, r.Octets), append(at, time.Now()), errors.Join(err, failed)
		}
		return octets, at, err
	}
	before, start, err := octets()
	if err != nil {
		return err
	}
	select {
	case <-time.After(window):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, end, err := octets()
	for i := range loads {
		all[i] = append(all[i], float64(after[i]-before[i])*8/end[i].Sub(start[i]).Seconds())
	}
	return err
}

// bitrate is a rate for people.
func bitrate[N uint64 | float64](v N) string {
	switch {
	case v >= gigabit:
		return fmt.Sprintf("%.4g Gb/s", float64(v)/gigabit)
	default:
		return fmt.Sprintf("%.4g Mb/s", float64(v)/megabit)
	}
}

// exact is a ratio of which a thousandth counts.
func exact(a, b float64) string { return fmt.Sprintf("%.4f×", a/b) }
