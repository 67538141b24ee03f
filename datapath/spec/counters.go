package spec

// Counters of one port, summed over CPUs at one moment; they only ever grow
// while the port exists, also over a restart of the element. A frame is
// counted once when it comes in at a port, and once for each port it goes out
// of. Octets count the frame from its destination address to the end of its
// payload, its tag included and the FCS not; a frame that the kernel carries
// as one GSO unit counts as one frame.
type Counters struct {
	In, Out Direction
}

// Direction is one direction of a port's counters.
type Direction struct {
	Octets, Unicast, Multicast, Broadcast uint64
	// Drops by reason, indexed by DropReason. In: frames that came in at this
	// port and were dropped because of it or of the switch. Out: copies dropped
	// at this port on their way out; these are not in the other Out counters.
	Drops [NumDropReasons]uint64
}

// Add adds the counters of another port.
func (c *Counters) Add(o *Counters) {
	c.In.add(&o.In)
	c.Out.add(&o.Out)
}

func (d *Direction) add(o *Direction) {
	d.Octets += o.Octets
	d.Unicast += o.Unicast
	d.Multicast += o.Multicast
	d.Broadcast += o.Broadcast
	for r, n := range o.Drops {
		d.Drops[r] += n
	}
}

// Frames is the number of frames, whatever their kind.
func (d *Direction) Frames() uint64 { return d.Unicast + d.Multicast + d.Broadcast }

// Discards is the sum over all reasons.
func (d *Direction) Discards() uint64 {
	var n uint64
	for _, v := range d.Drops {
		n += v
	}
	return n
}

// LinkCounters are the kernel's own counters of an interface
// (rtnl_link_stats64, include/uapi/linux/if_link.h). For an interface that is
// no switch port they are all there is; for a port, the errors are.
type LinkCounters struct {
	InOctets, InFrames, InMulticast, InErrors, InDiscards, InFCSErrors uint64
	OutOctets, OutFrames, OutErrors, OutDiscards                       uint64
}

// Add adds the counters of another interface.
func (c *LinkCounters) Add(o *LinkCounters) {
	c.InOctets += o.InOctets
	c.InFrames += o.InFrames
	c.InMulticast += o.InMulticast
	c.InErrors += o.InErrors
	c.InDiscards += o.InDiscards
	c.InFCSErrors += o.InFCSErrors
	c.OutOctets += o.OutOctets
	c.OutFrames += o.OutFrames
	c.OutErrors += o.OutErrors
	c.OutDiscards += o.OutDiscards
}

// InterfaceCounters joins what the kernel and the datapath count of one
// interface. Port is nil where the interface is neither a switch port nor a
// member of an aggregate. An aggregate has the sums over its members; its Port
// also what members carried that have left it.
type InterfaceCounters struct {
	Name string
	Link LinkCounters
	Port *Counters
}
