package fastpath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// EventKind is what happened to an address.
type EventKind uint8

// The kinds of events, with the numbers of enum fdb_event_kind.
const (
	Learned      EventKind = 1
	Moved        EventKind = 2
	RefusedLimit EventKind = 3 // the switch has as many entries as it may
	RefusedFull  EventKind = 4 // the table has no room for this address
)

// Event is one change of the filtering database by the program. Refusals are
// told at most once a second for each switch.
type Event struct {
	Kind    EventKind
	VLAN    VLAN
	FID     uint16
	MAC     spec.MAC
	Port    uint16
	OldPort uint16 // of Moved
}

// DrainEvents hands all events that wait to do, in their order on each CPU,
// and returns without waiting for more. lost says that some were dropped since
// the last call because nobody drained them.
func (o *Objects) DrainEvents(do func(Event)) (lost bool, err error) {
	for o.events.AvailableBytes() > 0 {
		err := o.events.ReadInto(&o.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("read events: %w", err)
		}
		if e, ok := o.parseEvent(o.record.RawSample); ok {
			do(e)
		}
	}
	n := o.eventsLost()
	lost = n != o.lost
	o.lost = n
	return lost, nil
}

func (o *Objects) eventsLost() uint64 {
	return atomic.LoadUint64(&o.globals.values[0].EventsLost)
}

// parseEvent reads a struct fdb_event, little-endian:
//
//	0  key
//	8  kind, 10 port, 12 old port, 14 reserved
func (o *Objects) parseEvent(b []byte) (Event, bool) {
	if len(b) < 16 {
		return Event{}, false
	}
	e := Event{
		Kind:    EventKind(binary.NativeEndian.Uint16(b[8:])),
		Port:    binary.NativeEndian.Uint16(b[10:]),
		OldPort: binary.NativeEndian.Uint16(b[12:]),
	}
	e.FID, e.MAC = splitKey(binary.NativeEndian.Uint64(b))
	e.VLAN = o.vlanOf(e.FID)
	return e, e.Kind >= Learned && e.Kind <= RefusedFull
}

var _ = [1]struct{}{}[Learned-EventKind(bpf.SwitchFdbEventKindFDB_LEARNED)] // the numbers are the same
