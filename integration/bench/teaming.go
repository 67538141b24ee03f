package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// The loads of the measurements of teams.
const (
	teamFlows    = 16
	teamRate     = 20_000 // frames a second
	sharedFlows  = 10_000
	announcedMAC = 1000
)

// teaming measures what is lost and how long it takes when members of a team
// come and go, between two elements with wires between them.
func (b *bench) teaming(ctx context.Context) error {
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"carrier", b.carrier}, {"mute", b.mute}, {"attach", b.attach}, {"shares", b.shares},
		{"announcements", b.announcements}, {"cost", b.teamCost},
	} {
		b.say("teaming: %s", part.name)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// pairOf makes two elements with a team of LACP, or a static one.
func (b *bench) pairOf(ctx context.Context, members int, lacp bool) (*teaming.Pair, error) {
	p, err := teaming.NewPair(ctx, b.binary, members)
	if err != nil {
		return nil, err
	}
	team := element.Team{LACP: lacp}
	if lacp {
		team.Protocol = map[string]any{"interval": "FAST"}
	}
	err = p.Configure(ctx, team, team)
	if err == nil {
		err = p.Ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// carrier pulls a member's cable under load and puts it back, every other time
// right after another link has lost its carrier.
func (b *bench) carrier(ctx context.Context) (err error) {
	const rounds = 10
	p, err := b.pairOf(ctx, 3, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := teaming.NewStream(p.HostA, p.HostB, teamFlows, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	var down, back teaming.Loss
	worst := int64(0)
	role := "/interfaces/interface[name=m01]/team-member/state/role"
	for i := range rounds {
		lost, err := during(s, func() error {
			if i%2 == 1 {
				if err := otherCarrier(p.A.Namespace); err != nil {
					return err
				}
			}
			return errors.Join(p.Wires[0].Cut(), p.A.Leaf(ctx, role, "DOWN"))
		})
		if err != nil {
			return err
		}
		again, err := during(s, func() error {
			return errors.Join(p.Wires[0].Mend(), p.A.Leaf(ctx, role, "ACTIVE"), p.B.Leaf(ctx, role, "ACTIVE"))
		})
		if err != nil {
			return err
		}
		worst = max(worst, lost.Lost)
		down.Lost, down.Sent, down.Dropped = down.Lost+lost.Lost, down.Sent+lost.Sent, down.Dropped+lost.Dropped
		back.Lost, back.Sent, back.Dropped = back.Lost+again.Lost, back.Sent+again.Sent, back.Dropped+again.Dropped
	}
	what := fmt.Sprintf("%d flows at %d kpps, %d times", teamFlows, teamRate/1000, rounds)
	b.add(row{"carrier loss of a team's member, " + what, fmt.Sprintf("%d lost, %d at most at once", down.Lost, worst), beside(down), "–", "≤ 1 lost each"})
	b.add(row{"carrier of the member back, " + what, fmt.Sprintf("%d lost", back.Lost), beside(back), "–", "0 lost"})
	return nil
}

// beside says of how many frames some were lost, and what the machine did.
func beside(l teaming.Loss) string {
	s := fmt.Sprintf("%d sent", l.Sent)
	if l.Dropped > 0 {
		s += fmt.Sprintf(", %d dropped by a busy machine", l.Dropped)
	}
	return s
}

// during counts what is lost while something is done.
func during(s *teaming.Stream, do func() error) (teaming.Loss, error) {
	s.Start(teamRate)
	err := s.Flowing(1000)
	if err == nil {
		err = do()
	}
	if err == nil {
		err = s.Flowing(1000)
	}
	loss, settleErr := s.Settle()
	return loss, errors.Join(err, settleErr)
}

// otherCarrier has another link of a namespace lose its carrier, after which the
// kernel holds news of links back for a second (net/core/link_watch.c).
func otherCarrier(n *topology.Namespace) error {
	other, err := topology.New()
	if err != nil {
		return err
	}
	defer other.Close()
	err = topology.Cable(topology.End{Namespace: n, Name: "other"}, topology.End{Namespace: other, Name: "far"})
	if err != nil {
		return err
	}
	return errors.Join(n.AwaitRunning("other", teaming.Soon), other.SetUp("far", false), n.DeleteLink("other"))
}

// mute loses the partner's PDUs while the carrier stays: the time is from the
// last PDU until no frame leaves by the member any more, as state tells it.
func (b *bench) mute(ctx context.Context) (err error) {
	p, err := b.pairOf(ctx, 2, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var took []float64
	for range 3 {
		l, err := listen(p.Wires[0].Namespace, traffic.Right, func(uint8) bool { return true })
		if err != nil {
			return err
		}
		err = errors.Join(l.await(), p.Wires[0].Mute(true))
		_, silent := l.heard()
		err = errors.Join(err, p.A.Members(ctx, "team", "m02"))
		out := time.Now()
		err = errors.Join(err, l.close(), p.Wires[0].Mute(false), p.Ready(ctx))
		if err != nil {
			return err
		}
		took = append(took, float64(out.Sub(silent)))
	}
	b.add(row{"mute partner with LACP fast: last PDU → member out, median of 3", ms(median(took)), "LACP's time 3,000 ms", ratio(median(took), float64(3*time.Second)), "≤ 3,050 ms"})
	return nil
}

// attach measures how long a member takes to carry traffic after both ends have
// said that they are ready for it (0x3F).
func (b *bench) attach(ctx context.Context) (err error) {
	p, err := b.pairOf(ctx, 2, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := teaming.NewStream(p.HostA, p.HostB, 256, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	var agreed, whole []float64
	w := p.Wires[0]
	for range 5 {
		if err := errors.Join(w.Cut(), p.A.Members(ctx, "team", "m02"), p.B.Members(ctx, "team", "m02"), w.FromA.Reset()); err != nil {
			return err
		}
		ready := func(state uint8) bool { return state&0x3d == 0x3d } // with the fast rate or without
		left, err := listen(w.Namespace, traffic.Left, ready)
		if err != nil {
			return err
		}
		right, err := listen(w.Namespace, traffic.Right, ready)
		if err != nil {
			return errors.Join(err, left.close())
		}
		s.Start(teamRate)
		start := time.Now()
		err = errors.Join(w.Mend(), teaming.Await(func() error {
			total, err := w.FromA.Total()
			if err == nil && total.Frames == 0 {
				err = errors.New("nothing leaves by the member")
			}
			return err
		}))
		carries := time.Now()
		_, settleErr := s.Settle()
		err = errors.Join(err, settleErr, left.await(), right.await(), left.close(), right.close())
		if err != nil {
			return err
		}
		both, _ := left.heard()
		if other, _ := right.heard(); other.After(both) {
			both = other
		}
		agreed = append(agreed, float64(max(0, carries.Sub(both))))
		whole = append(whole, float64(carries.Sub(start)))
	}
	b.add(row{"both ends at 0x3F → traffic on the member, median of 5", ms(median(agreed)), "carrier → traffic " + ms(median(whole)), "–", "≤ 1,000 ms"})
	return nil
}

// listener notes when an end of a wire has sent LACPDUs.
type listener struct {
	socket *traffic.Socket
	stop   chan struct{}
	done   chan error
	mu     sync.Mutex // guards the times
	first  time.Time
	last   time.Time
}

// listen notes the PDUs whose sender's state is wanted.
func listen(n *topology.Namespace, side string, want func(state uint8) bool) (*listener, error) {
	socket, err := traffic.Open(n, side)
	if err != nil {
		return nil, err
	}
	l := &listener{socket: socket, stop: make(chan struct{}), done: make(chan error, 1)}
	// A LACPDU is 0x8809, subtype 1; the sender's state is its octet 18
	// (IEEE 802.1AX-2020, 6.4.2.3).
	keep := func(f traffic.Frame) bool {
		return f.Type == 0x8809 && len(f.Payload) > 18 && f.Payload[0] == 1 && want(f.Payload[18])
	}
	go func() { l.done <- l.run(keep) }()
	return l, nil
}

func (l *listener) run(keep func(traffic.Frame) bool) error {
	for {
		select {
		case <-l.stop:
			return l.socket.Close()
		default:
		}
		_, err := l.socket.Receive(20*time.Millisecond, keep)
		if errors.Is(err, traffic.ErrTimeout) {
			continue
		} else if err != nil {
			return errors.Join(err, l.socket.Close())
		}
		l.mu.Lock()
		if l.last = time.Now(); l.first.IsZero() {
			l.first = l.last
		}
		l.mu.Unlock()
	}
}

// heard gives when the first and the last PDU came.
func (l *listener) heard() (first, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.last
}

// await waits for a first PDU.
func (l *listener) await() error {
	return teaming.Await(func() error {
		if first, _ := l.heard(); first.IsZero() {
			return errors.New("no PDU came")
		}
		return nil
	})
}

func (l *listener) close() error {
	close(l.stop)
	return <-l.done
}
