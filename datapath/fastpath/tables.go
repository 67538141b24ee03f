package fastpath

import (
	"fmt"
	"sync/atomic"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// newGeneration voids every cached flow: each table does so when it has changed
// what a flow stands on.
func (o *Objects) newGeneration() { atomic.AddUint32(&o.globals.values[0].Generation, 1) }

// HeldBack with a port number in PortNumbers says that what comes in at the
// interface has passed the port's queues (Port.Detour).
const HeldBack = 1 << 15

// PortNumbers is the table that says which port an interface is: ifindex to
// port number, 1..spec.MaxPorts, with or without HeldBack.
type PortNumbers struct{ o *Objects }

// PortNumbers is the table of port numbers by ifindex.
func (o *Objects) PortNumbers() PortNumbers { return PortNumbers{o} }

// List reads the table.
func (t PortNumbers) List() (map[uint32]uint16, error) {
	all := map[uint32]uint16{}
	for i := range t.o.index.values {
		for w := range t.o.index.values[i].Slot {
			if s := loadWord(&t.o.index.values[i].Slot[w]); s.Ifindex != 0 {
				all[s.Ifindex] = uint16(s.Port)
			}
		}
	}
	return all, nil
}

// Put gives an interface its port number. It fails where four other
// interfaces with the same low bits of their ifindex are ports already.
func (t PortNumbers) Put(ifindex uint32, port uint16) error {
	if n := port &^ HeldBack; ifindex == 0 || n == 0 || n > spec.MaxPorts {
		return fmt.Errorf("interface %d: port number %d: want 1..%d", ifindex, port, spec.MaxPorts)
	}
	set := t.set(ifindex)
	free := -1
	for w := range set.Slot {
		switch set.Slot[w].Ifindex {
		case ifindex:
			free = w
		case 0:
			if free < 0 || set.Slot[free].Ifindex != ifindex {
				free = w
			}
		}
	}
	if free < 0 {
		return fmt.Errorf("interface %d: no room for its port number beside those of interfaces %d, %d, %d, %d",
			ifindex, set.Slot[0].Ifindex, set.Slot[1].Ifindex, set.Slot[2].Ifindex, set.Slot[3].Ifindex)
	}
	storeWord(&set.Slot[free], bpf.SwitchPortSlot{Ifindex: ifindex, Port: uint32(port)})
	t.o.newGeneration()
	return nil
}

// Delete makes the interface no port; that it is none is no error.
func (t PortNumbers) Delete(ifindex uint32) error {
	set := t.set(ifindex)
	for w := range set.Slot {
		if ifindex != 0 && set.Slot[w].Ifindex == ifindex {
			storeWord(&set.Slot[w], bpf.SwitchPortSlot{})
			t.o.newGeneration()
		}
	}
	return nil
}

func (t PortNumbers) set(ifindex uint32) *bpf.SwitchPortSet {
	return &t.o.index.values[int(ifindex)&(len(t.o.index.values)-1)]
}

// Switch is a switch as the program has it.
type Switch struct {
	Enabled, Learning bool
	AgeingSeconds     uint32 // 0: entries stay for ever
	MaxEntries        uint32 // learned ones; 0: no bound
}

// SwitchStats is what is counted of a switch.
type SwitchStats struct {
	Dynamic, Static uint32 // entries
	Moves           uint64 // entries that changed their port
	Refused         uint64 // frames whose source was not learned for lack of room
}

// Switches is the table of switches by number, 1..spec.MaxSwitches.
type Switches struct{ o *Objects }

// Switches is the table of switches.
func (o *Objects) Switches() Switches { return Switches{o} }

// List reads the table.
func (t Switches) List() (map[uint16]Switch, error) {
	all := map[uint16]Switch{}
	for i := range t.o.switches.values {
		v := &t.o.switches.values[i]
		flags := bpf.SwitchSwitchFlags(atomic.LoadUint32(&v.Flags))
		if flags&bpf.SwitchSwitchFlagsSWITCH_EXISTS == 0 {
			continue
		}
		all[uint16(i)] = Switch{
			Enabled:       flags&bpf.SwitchSwitchFlagsSWITCH_ENABLED != 0,
			Learning:      flags&bpf.SwitchSwitchFlagsSWITCH_LEARNING != 0,
			AgeingSeconds: v.Ageing,
			MaxEntries:    v.MaxEntries,
		}
	}
	return all, nil
}

// Put writes a switch. Its counts stay.
func (t Switches) Put(number uint16, s Switch) error {
	if number == 0 || number > spec.MaxSwitches {
		return fmt.Errorf("switch number %d: want 1..%d", number, spec.MaxSwitches)
	}
	v := &t.o.switches.values[number]
	flags := bpf.SwitchSwitchFlagsSWITCH_EXISTS
	if s.Enabled {
		flags |= bpf.SwitchSwitchFlagsSWITCH_ENABLED
	}
	if s.Learning {
		flags |= bpf.SwitchSwitchFlagsSWITCH_LEARNING
	}
	atomic.StoreUint32(&v.Ageing, s.AgeingSeconds)
	atomic.StoreUint32(&v.MaxEntries, s.MaxEntries)
	atomic.StoreUint32(&v.Flags, uint32(flags))
	t.o.newGeneration()
	return nil
}

// Delete removes a switch and its counts of moves and refusals. Its entries
// must have been deleted from the filtering database before.
func (t Switches) Delete(number uint16) error {
	if number == 0 || number > spec.MaxSwitches {
		return nil
	}
	v := &t.o.switches.values[number]
	atomic.StoreUint32(&v.Flags, 0)
	atomic.StoreUint32(&v.Ageing, 0)
	atomic.StoreUint32(&v.MaxEntries, 0)
	atomic.StoreUint64(&v.Moves, 0)
	atomic.StoreUint64(&v.Refused, 0)
	t.o.newGeneration()
	return nil
}

// Stats reads what is counted of a switch; any goroutine may.
func (t Switches) Stats(number uint16) SwitchStats {
	if number > spec.MaxSwitches {
		return SwitchStats{}
	}
	v := &t.o.switches.values[number]
	return SwitchStats{
		Dynamic: atomic.LoadUint32(&v.Dynamic),
		Static:  atomic.LoadUint32(&v.Fixed),
		Moves:   atomic.LoadUint64(&v.Moves),
		Refused: atomic.LoadUint64(&v.Refused),
	}
}
