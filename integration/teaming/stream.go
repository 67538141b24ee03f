package teaming

import (
	"errors"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// Stream is flows from one host to another, each frame of which is counted.
type Stream struct {
	flows *traffic.Flows
	sink  *traffic.FlowCount
	// What was there at the last Settle.
	sent    uint64
	seen    traffic.Flow
	dropped uint64
}

// NewStream makes a stream of so many flows; a TCI other than 0 tags them.
func NewStream(from, to *Host, flows int, tci uint16) (*Stream, error) {
	return NewStreamFrom(from, to, flows, func(flow uint32) []byte {
		return traffic.FlowFrame(to.MAC, from.MAC, flow, tci)
	})
}

// NewStreamFrom makes a stream of the given frames.
func NewStreamFrom(from, to *Host, flows int, frame func(flow uint32) []byte) (*Stream, error) {
	frames := make([][]byte, flows)
	for i := range frames {
		frames[i] = frame(uint32(i))
	}
	if err := awaitRunning(from.Namespace, to.Namespace); err != nil {
		return nil, err
	}
	s := &Stream{}
	var err error
	if s.flows, err = traffic.NewFlows(from.Namespace, "eth0", frames); err != nil {
		return nil, err
	}
	if s.sink, err = traffic.NewFlowSink(to.Namespace, "eth0"); err != nil {
		return nil, errors.Join(err, s.flows.Close())
	}
	s.dropped, err = traffic.Dropped()
	return s, err
}

func awaitRunning(namespaces ...*topology.Namespace) error {
	for _, n := range namespaces {
		if err := n.AwaitRunning("eth0", Soon); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the stream.
func (s *Stream) Close() error { return errors.Join(s.flows.Close(), s.sink.Close()) }

// Send sends count frames as fast as one thread can.
func (s *Stream) Send(count int) error { return s.flows.Send(count) }

// Start sends so many frames a second until Settle.
func (s *Stream) Start(perSecond int) { s.flows.Start(perSecond) }

// Flowing waits until so many further frames have arrived.
func (s *Stream) Flowing(frames uint64) error {
	before, err := s.sink.Total()
	if err != nil {
		return err
	}
	return Await(func() error {
		now, err := s.sink.Total()
		if err == nil && now.Frames < before.Frames+frames {
			err = fmt.Errorf("%d frames arrived, want %d", now.Frames-before.Frames, frames)
		}
		return err
	})
}

// Loss is what became of the frames of a stream.
type Loss struct {
	Sent uint64
	// Lost is how many did not arrive; less than none where some arrived twice.
	Lost int64
	Late uint64 // arrived behind a later one of their flow, or again
	// Dropped is how many frames the machine itself lost in the meantime,
	// because it was too busy to look at them.
	Dropped uint64
}

func (l Loss) String() string {
	s := fmt.Sprintf("%d of %d lost, %d late", l.Lost, l.Sent, l.Late)
	if l.Dropped > 0 {
		s += fmt.Sprintf(", %d dropped by a busy machine", l.Dropped)
	}
	return s
}

// Exceeds reports whether more frames were lost than that, and than the machine
// dropped, or any came twice.
func (l Loss) Exceeds(most int64) bool { return l.Lost > most+int64(l.Dropped) || l.Lost < 0 }

// Settle ends Start and gives what became of what was sent since the last
// Settle.
func (s *Stream) Settle() (Loss, error) {
	if _, err := s.flows.Stop(); err != nil {
		return Loss{}, err
	}
	return s.Count()
}

// Count gives what became of what was sent since the last time.
func (s *Stream) Count() (Loss, error) {
	sent := s.flows.Sent()
	seen, err := s.sink.Total()
	// What has not arrived a moment later never will.
	for deadline := time.Now().Add(500 * time.Millisecond); err == nil && seen.Frames-s.seen.Frames != sent-s.sent && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
		seen, err = s.sink.Total()
	}
	dropped, dropErr := traffic.Dropped()
	loss := Loss{Dropped: dropped - s.dropped, Sent: sent - s.sent, Lost: int64(sent-s.sent) - int64(seen.Frames-s.seen.Frames), Late: seen.Late - s.seen.Late}
	s.sent, s.seen, s.dropped = sent, seen, dropped
	return loss, errors.Join(err, dropErr)
}

// Burst sends frames and gives what became of them.
func (s *Stream) Burst(count int) (Loss, error) {
	if err := s.Send(count); err != nil {
		return Loss{}, err
	}
	return s.Count()
}

// Carried is how many of the first count flows each wire carried from A to B,
// by the number of the wire, and by which wire each flow went; -1 for none and
// -2 for several. It covers everything since the wires were made or the last
// reset.
func Carried(wires []*traffic.Wire, count int) (byFlow []int, frames []uint64, err error) {
	byFlow, frames = make([]int, count), make([]uint64, len(wires))
	for i := range byFlow {
		byFlow[i] = -1
	}
	for i, w := range wires {
		flows, err := w.FromA.Flows(count)
		if err != nil {
			return nil, nil, err
		}
		for flow, f := range flows {
			frames[i] += f.Frames
			switch {
			case f.Frames == 0:
			case byFlow[flow] == -1:
				byFlow[flow] = i
			default:
				byFlow[flow] = -2
			}
		}
	}
	return byFlow, frames, nil
}
