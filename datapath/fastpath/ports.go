package fastpath

import (
	"fmt"
	"sync/atomic"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// Port is a switch port as the program has it.
type Port struct {
	// IfIndex is where frames leave; 0 where the interface is not there, and of
	// an aggregate.
	IfIndex uint32
	// MTU in octets above the Ethernet header and its tag.
	MTU uint32
	// Switch is the number of its switch, 1..spec.MaxSwitches; of a member it
	// may be 0, since its aggregate's counts.
	Switch uint16
	// PVID is the VLAN of untagged frames, 0 for none.
	PVID uint16
	// Forwarding is false where every frame is dropped. Of a member it says
	// whether frames are taken in there (collecting); of an aggregate it lets
	// frames in and out at all.
	Forwarding bool
	// Peer lets frames leave straight to the other end of a veth pair
	// (bpf_redirect_peer). That end must be in another network namespace: the
	// kernel drops the frames otherwise.
	Peer bool
	// Trunk takes tagged frames, those of the VLANs in Tagged and of the PVID.
	Trunk bool
	// Tagged are the VLANs that a trunk carries with a tag. The PVID's bit is
	// ignored, and so is all of it where Trunk is false.
	Tagged spec.VLANSet
	// LAG makes the port an aggregate: its number in LAGs, 1..spec.MaxAggregates.
	LAG uint16
	// MemberOf makes the port a member: the port number of its aggregate. Its
	// frames are counted by the member's number, and all else goes by the
	// aggregate's port: switch, VLANs, MTU, learning and flooding.
	MemberOf uint16
	// NoTeaming keeps addresses that are known at another port from moving to
	// this one (spec.DropAddressElsewhere).
	NoTeaming bool
	// Detour is the interface whose queues hold back what comes in at the port,
	// before the switch sees it; 0 for none. What has passed it comes in at an
	// interface whose number in PortNumbers has HeldBack.
	Detour uint32
	QoS    PortQoS
}

// PortQoS is what is done with the class and the rate of what comes in at a
// port; the zero value is nothing.
type PortQoS struct {
	// Queue is the class of what no term of Classifier fits, 0 for the default
	// class.
	Queue uint16
	// Instance is the number by which the frames of the classifier's terms and of
	// policers are counted, 1..MaxInstances; 0 without both.
	Instance uint16
	// Classifier is its number in Classifiers, 0 for none.
	Classifier uint8
	// Policers is how many of the instance's policers are asked.
	Policers uint8
}

// Ports is the table of ports by number, 1..spec.MaxPorts.
type Ports struct{ o *Objects }

// Ports is the table of ports.
func (o *Objects) Ports() Ports { return Ports{o} }

// List reads the table.
func (t Ports) List() (map[uint16]Port, error) {
	all := map[uint16]Port{}
	for i := range t.o.ports.values {
		v := &t.o.ports.values[i]
		how := loadWord(&v.How)
		flags := bpf.SwitchPortFlags(how.Flags)
		if how.Sw == 0 && flags&bpf.SwitchPortFlagsPORT_MEMBER == 0 {
			continue
		}
		p := Port{
			IfIndex: v.Ifindex, MTU: v.Mtu, Switch: how.Sw, PVID: how.Pvid,
			Forwarding: flags&bpf.SwitchPortFlagsPORT_FORWARDING != 0,
			Peer:       flags&bpf.SwitchPortFlagsPORT_PEER != 0,
			Trunk:      flags&bpf.SwitchPortFlagsPORT_TRUNK != 0,
			NoTeaming:  flags&bpf.SwitchPortFlagsPORT_NO_TEAMING != 0,
			LAG:        v.Lag, MemberOf: v.Aggregate, Detour: v.Detour,
			QoS: PortQoS{v.Qos.Queue, v.Qos.Instance, v.Qos.Classifier, v.Qos.Policers},
		}
		for w := range v.Tagged {
			p.Tagged[w] = atomic.LoadUint64(&v.Tagged[w])
		}
		all[uint16(i)] = p
	}
	return all, nil
}

// Put writes a port. On the same switch a frame passes by the old value or by
// the new one; a port that changes its switch drops tagged frames while it
// does.
func (t Ports) Put(number uint16, p Port) error {
	if number == 0 || number > spec.MaxPorts {
		return fmt.Errorf("port number %d: want 1..%d", number, spec.MaxPorts)
	}
	if p.Switch == 0 && p.MemberOf == 0 || p.Switch > spec.MaxSwitches || p.PVID > spec.MaxVLAN {
		return fmt.Errorf("port %d: switch %d, PVID %d: want switch 1..%d and PVID 0..%d",
			number, p.Switch, p.PVID, spec.MaxSwitches, spec.MaxVLAN)
	}
	if p.LAG > spec.MaxAggregates || p.MemberOf > spec.MaxPorts || p.MemberOf == number || p.LAG != 0 && (p.MemberOf != 0 || p.IfIndex != 0) {
		return fmt.Errorf("port %d: aggregate %d, member of port %d, interface %d: want one of aggregate 1..%d and member of another port 1..%d",
			number, p.LAG, p.MemberOf, p.IfIndex, spec.MaxAggregates, spec.MaxPorts)
	}
	v := &t.o.ports.values[number]
	var final, between spec.VLANSet
	if p.Trunk {
		final = p.Tagged
		final.Remove(p.PVID)
	}
	if v.How.Sw == p.Switch { // meanwhile what either value carries
		between = spec.VLANSet(v.Tagged)
		between.Union(&final)
	}
	storeVLANs(v, &between)
	atomic.StoreUint64(word(&v.Ifindex), uint64(p.IfIndex)|uint64(p.MTU)<<32)
	atomic.StoreUint64(word(&v.Lag), uint64(p.LAG)|uint64(p.MemberOf)<<16|uint64(p.Detour)<<32)
	storeWord(&v.Qos, t.qos(p.QoS))
	how := v.How
	how.Flags, how.Sw, how.Pvid = portFlags(p), p.Switch, p.PVID
	how.Version++
	storeWord(&v.How, how)
	storeVLANs(v, &final)
	t.o.newGeneration()
	return nil
}

// qos is the word of a port; its classifier is there already.
func (t Ports) qos(q PortQoS) bpf.SwitchPortQos {
	word := bpf.SwitchPortQos{Queue: q.Queue, Instance: q.Instance, Classifier: q.Classifier, Policers: q.Policers}
	const byMark = bpf.SwitchClassifierFlagsCLASSIFIER_BY_DSCP | bpf.SwitchClassifierFlagsCLASSIFIER_BY_PCP
	if flags := t.o.classifiers.values[q.Classifier].Flags; bpf.SwitchClassifierFlags(flags)&byMark != 0 {
		word.Flags = uint8(bpf.SwitchQosFlagsQOS_BY_MARK)
	}
	if q.Classifier == 0 && (q.Queue != 0 || q.Policers != 0) {
		word.Flags = uint8(bpf.SwitchQosFlagsQOS_RESOLVED)
	}
	return word
}

func portFlags(p Port) uint16 {
	var flags bpf.SwitchPortFlags
	if p.Forwarding {
		flags |= bpf.SwitchPortFlagsPORT_FORWARDING
	}
	if p.Peer {
		flags |= bpf.SwitchPortFlagsPORT_PEER
	}
	if p.Trunk {
		flags |= bpf.SwitchPortFlagsPORT_TRUNK
	}
	if p.LAG != 0 {
		flags |= bpf.SwitchPortFlagsPORT_AGGREGATE
	}
	if p.MemberOf != 0 {
		flags |= bpf.SwitchPortFlagsPORT_MEMBER
	}
	if p.NoTeaming {
		flags |= bpf.SwitchPortFlagsPORT_NO_TEAMING
	}
	return uint16(flags)
}

func storeVLANs(v *bpf.SwitchPort, set *spec.VLANSet) {
	for w := range set {
		if v.Tagged[w] != set[w] {
			atomic.StoreUint64(&v.Tagged[w], set[w])
		}
	}
}

// Delete removes a port; its counters stay until ResetCounters.
func (t Ports) Delete(number uint16) error {
	if number == 0 || number > spec.MaxPorts {
		return nil
	}
	v := &t.o.ports.values[number]
	how := v.How
	how.Flags, how.Sw, how.Pvid = 0, 0, 0
	how.Version++
	storeWord(&v.How, how)
	atomic.StoreUint64(word(&v.Ifindex), 0)
	atomic.StoreUint64(word(&v.Lag), 0)
	storeWord(&v.Qos, bpf.SwitchPortQos{})
	storeVLANs(v, &spec.VLANSet{})
	t.o.newGeneration()
	return nil
}
