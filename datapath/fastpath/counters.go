package fastpath

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// ReadCounters sums the counters of the ports 0..len(dst)-1 over all CPUs in
// one batch; dst is by port number, at most spec.MaxPorts+1 long. Any
// goroutine may call it.
func (o *Objects) ReadCounters(dst []spec.Counters) error {
	if len(dst) == 0 {
		return nil
	}
	o.countersMu.Lock()
	defer o.countersMu.Unlock()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	if need := len(dst) * cpus; cap(o.counters) < need {
		o.counters = make([]bpf.SwitchPortCounters, need)
	} else {
		o.counters = o.counters[:need]
	}
	keys := make([]uint32, len(dst))
	var cursor ebpf.MapBatchCursor
	n, err := o.maps[bpf.SwitchMapCounters].BatchLookup(&cursor, keys, o.counters, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read counters: %w", err)
	}
	clear(dst)
	for i := range n {
		for _, c := range o.counters[i*cpus : (i+1)*cpus] {
			addDirection(&dst[keys[i]].In, c.In.Octets, c.In.Unicast, c.In.Multicast, c.In.Broadcast, &c.In.Drops)
			addDirection(&dst[keys[i]].Out, c.Out.Octets, c.Out.Unicast, c.Out.Multicast, c.Out.Broadcast, &c.Out.Drops)
		}
	}
	return nil
}

// dropSlots is DROP_SLOTS of datapath/bpf/abi.h.
const dropSlots = len(bpf.SwitchPortCounters{}.In.Drops)

func addDirection(d *spec.Direction, octets, unicast, multicast, broadcast uint64, drops *[dropSlots]uint64) {
	d.Octets += octets
	d.Unicast += unicast
	d.Multicast += multicast
	d.Broadcast += broadcast
	for r := range d.Drops {
		d.Drops[r] += drops[r]
	}
}

// ResetCounters makes the counters of a port zero, for a new port that gets a
// number used before. The port must not be forwarding.
func (o *Objects) ResetCounters(port uint16) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("reset counters: %w", err)
	}
	zero := make([]bpf.SwitchPortCounters, cpus)
	if err := o.maps[bpf.SwitchMapCounters].Put(uint32(port), zero); err != nil {
		return fmt.Errorf("reset counters of port %d: %w", port, err)
	}
	return nil
}

// FoldCounters adds the counters of one port to those of another and makes them
// zero: a member that leaves its aggregate leaves there what it counted. The
// port that they are taken from must not be forwarding.
func (o *Objects) FoldCounters(from, into uint16) error {
	if from == 0 || from > spec.MaxPorts || into == 0 || into > spec.MaxPorts || from == into {
		return fmt.Errorf("fold counters of port %d into port %d: want two ports 1..%d", from, into, spec.MaxPorts)
	}
	args := struct{ From, Into uint32 }{uint32(from), uint32(into)}
	if _, err := o.fold.Run(&ebpf.RunOptions{Context: args}); err != nil {
		return fmt.Errorf("fold counters of port %d into port %d: %w", from, into, err)
	}
	return nil
}
