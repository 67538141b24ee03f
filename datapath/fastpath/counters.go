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

func addDirection(d *spec.Direction, octets, unicast, multicast, broadcast uint64, drops *[20]uint64) {
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
