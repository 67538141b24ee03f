package fastpath

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// MaxInstances are the ports that classify or police (MAX_INSTANCES of
// datapath/bpf/qos_abi.h).
const MaxInstances = 1023

// QueueHandle is the upper half of skb->priority: the handle of the queueing
// disciplines that know a frame's class by the lower half.
const QueueHandle = 0x5b0b

// Classifier is a list of terms in the program's own form. The zero value has
// none.
type Classifier struct {
	terms uint32
	term  [spec.MaxTerms]bpf.SwitchClassTerm
}

// NewClassifier translates a classifier; queue gives the number of a queue's
// name. Terms beyond spec.MaxTerms are left out: spec.Port.Check refuses them.
func NewClassifier(c *spec.Classifier, queue func(string) uint16) Classifier {
	var all Classifier
	for i := range c.Terms[:min(len(c.Terms), spec.MaxTerms)] {
		t := &c.Terms[i]
		all.term[i] = newTerm(&t.Match)
		all.term[i].Queue = queue(t.Queue)
		all.term[i].Dscp, all.term[i].Pcp = t.Remark.DSCP, t.Remark.PCP
		if t.Remark != spec.Unmarked {
			all.term[i].Flags = uint8(bpf.SwitchQosFlagsQOS_REMARKS)
		}
		all.terms++
	}
	return all
}

// Where a key has its fields, in octets (struct class_key of qos_abi.h). Numbers
// are little-endian there, as the program is compiled for such machines.
const (
	keyDestination = 0
	keySource      = 6
	keyVLAN        = 12
	keyType        = 14
	keySource6     = 16
	keyDest6       = 32
	keySource4     = 16
	keyDest4       = 20
	keyProtocol    = 48
	keyDSCP        = 49
	keyTTL         = 50
	keyTCPFlags    = 51
	keyKinds       = 52
	keyOctets      = 56 // what terms compare; the ports are behind

	keyTagged = 0x8000 // beside the VLAN
	keyPCPs   = 0x7000
)

// condition is what a term compares, octet by octet.
type condition struct{ value, mask [keyOctets]byte }

func (c *condition) octets(at int, value, mask []byte) {
	for i, m := range mask {
		c.value[at+i], c.mask[at+i] = value[i]&m, m
	}
}

func (c *condition) octet(at int, value, mask byte) { c.octets(at, []byte{value}, []byte{mask}) }

func (c *condition) number(at int, value, mask uint16) {
	for i := range 2 {
		c.mask[at+i] |= byte(mask >> (8 * i))
		c.value[at+i] |= byte(value >> (8 * i))
	}
}

// kinds wants all of these of the frame.
func (c *condition) kinds(k bpf.SwitchKeyKinds) { c.number(keyKinds, uint16(k), uint16(k)) }

// prefix wants an address in a prefix; where it stands depends on the version.
func (c *condition) prefix(at4, at6 int, p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	c.version(p.Addr().Is6())
	at := at4
	if p.Addr().Is6() {
		at = at6
	}
	address := p.Masked().Addr().AsSlice()
	mask := make([]byte, len(address))
	for bit := range p.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	c.octets(at, address, mask)
}

func (c *condition) version(six bool) {
	if six {
		c.kinds(bpf.SwitchKeyKindsKIND_IPV6)
	} else {
		c.kinds(bpf.SwitchKeyKindsKIND_IPV4)
	}
}

func newTerm(m *spec.Match) bpf.SwitchClassTerm {
	var c condition
	c.octets(keyDestination, m.Destination[:], m.DestinationMask[:])
	c.octets(keySource, m.Source[:], m.SourceMask[:])
	if m.VLAN != 0 {
		c.number(keyVLAN, m.VLAN, spec.MaxVLAN+1)
	}
	if m.EtherType != 0 {
		c.number(keyType, m.EtherType, math.MaxUint16)
	}
	if m.PCPs != 0 {
		c.number(keyVLAN, keyTagged, keyTagged)
	}
	c.layer3(m)
	t := bpf.SwitchClassTerm{Dscps: m.DSCPs, Pcps: m.PCPs, SportLast: math.MaxUint16, DportLast: math.MaxUint16}
	c.layer4(m, &t)
	t.Value, t.Mask = words(&c.value), words(&c.mask)
	return t
}

func (c *condition) layer3(m *spec.Match) {
	if m.DSCPs != 0 {
		c.kinds(bpf.SwitchKeyKindsKIND_IP)
	}
	if m.Version != 0 {
		c.version(m.Version == 6)
	}
	c.prefix(keySource4, keySource6, m.SourcePrefix)
	c.prefix(keyDest4, keyDest6, m.DestinationPrefix)
	if m.HasTTL {
		c.kinds(bpf.SwitchKeyKindsKIND_IP)
		c.octet(keyTTL, m.TTL, math.MaxUint8)
	}
	if m.HasProtocol {
		c.kinds(bpf.SwitchKeyKindsKIND_PROTOCOL)
		c.octet(keyProtocol, m.Protocol, math.MaxUint8)
	}
}

func (c *condition) layer4(m *spec.Match, t *bpf.SwitchClassTerm) {
	if m.TCPFlags != 0 {
		c.kinds(bpf.SwitchKeyKindsKIND_TCP)
		c.octet(keyTCPFlags, m.TCPFlags, m.TCPFlags)
	}
	if r := m.SourcePorts; !r.IsZero() {
		c.kinds(bpf.SwitchKeyKindsKIND_PORTS)
		t.SportFirst, t.SportLast = r.First, r.Last
	}
	if r := m.DestinationPorts; !r.IsZero() {
		c.kinds(bpf.SwitchKeyKindsKIND_PORTS)
		t.DportFirst, t.DportLast = r.First, r.Last
	}
}

func words(octets *[keyOctets]byte) (w [keyOctets / 8]uint64) {
	for i := range w {
		w[i] = binary.NativeEndian.Uint64(octets[i*8:])
	}
	return w
}

// looksAt is what any term looks at, which is all that the program compares in
// its cache, and how far it must read for that.
func (c *Classifier) looksAt() (mask [keyOctets/8 + 1]uint64, flags bpf.SwitchClassifierFlags) {
	for i := range c.term[:c.terms] {
		t := &c.term[i]
		for w := range t.Mask {
			mask[w] |= t.Mask[w]
		}
		if t.Dscps != 0 {
			mask[keyDSCP/8] |= 0x3f << (keyDSCP % 8 * 8)
		}
		if t.Pcps != 0 {
			mask[keyVLAN/8] |= keyPCPs << (keyVLAN % 8 * 8)
		}
		if t.SportFirst != 0 || t.SportLast != math.MaxUint16 {
			mask[keyOctets/8] |= math.MaxUint16
		}
		if t.DportFirst != 0 || t.DportLast != math.MaxUint16 {
			mask[keyOctets/8] |= math.MaxUint16 << 16
		}
	}
	const layer2 = math.MaxUint32 | uint64(spec.MaxVLAN+1)<<(keyVLAN%8*8)
	const layer4 = uint64(math.MaxUint8) | math.MaxUint8<<(keyTCPFlags%8*8) |
		uint64(bpf.SwitchKeyKindsKIND_PROTOCOL|bpf.SwitchKeyKindsKIND_PORTS|bpf.SwitchKeyKindsKIND_TCP)<<(keyKinds%8*8)
	above := mask[1] &^ layer2
	for _, m := range mask[2:] {
		above |= m
	}
	if above == 0 {
		flags |= bpf.SwitchClassifierFlagsCLASSIFIER_BY_FLOW
	}
	if mask[keyProtocol/8]&layer4 != 0 {
		flags |= bpf.SwitchClassifierFlagsCLASSIFIER_BY_LAYER4
	}
	return mask, flags
}

// noPCP is the PCP of a frame without a tag in a table by PCP (NO_PCP).
const noPCP = 8

// byMark is the table of a classifier of which the DSCP or the PCP decides
// alone, with the flag that says which; no flag for others.
func (c *Classifier) byMark() (table [64]bpf.SwitchMarkClass, flag bpf.SwitchClassifierFlags) {
	marks := 64
	switch mask, _ := c.looksAt(); mask {
	case dscpOnly:
		flag = bpf.SwitchClassifierFlagsCLASSIFIER_BY_DSCP
	case pcpOnly:
		flag, marks = bpf.SwitchClassifierFlagsCLASSIFIER_BY_PCP, noPCP+1
	default:
		return table, 0
	}
	for mark := range marks {
		for i := range c.term[:c.terms] {
			t := &c.term[i]
			set := t.Dscps
			if flag == bpf.SwitchClassifierFlagsCLASSIFIER_BY_PCP {
				set = uint64(t.Pcps)
			}
			if set == 0 || set>>mark&1 != 0 {
				table[mark] = bpf.SwitchMarkClass{Queue: t.Queue, Term: uint8(i + 1), Flags: t.Flags}
				break
			}
		}
	}
	return table, flag
}

// What terms look at that have sets of DSCPs, or of PCPs, and no more.
var (
	dscpOnly = [keyOctets/8 + 1]uint64{keyDSCP / 8: 0x3f<<(keyDSCP%8*8) | uint64(bpf.SwitchKeyKindsKIND_IP)<<(keyKinds%8*8)}
	pcpOnly  = [keyOctets/8 + 1]uint64{keyVLAN / 8: (keyPCPs | keyTagged) << (keyVLAN % 8 * 8)}
)

// Classifiers is the table of classifiers by number, 1..spec.MaxClassifiers.
type Classifiers struct{ o *Objects }

// Classifiers is the table of classifiers.
func (o *Objects) Classifiers() Classifiers { return Classifiers{o} }

// List reads the table.
func (t Classifiers) List() (map[uint8]Classifier, error) {
	all := map[uint8]Classifier{}
	for i := range t.o.classifiers.values {
		n := atomic.LoadUint32(&t.o.classifiers.values[i].Terms)
		if n == 0 || n > spec.MaxTerms {
			continue
		}
		c := Classifier{terms: n}
		copy(c.term[:n], t.o.terms.values[i][:n])
		all[uint8(i)] = c
	}
	return all, nil
}

// Put writes a classifier. One that frames go by must not be changed: give
// another number to what is different, so that each frame sees all of the old
// list or all of the new one.
func (t Classifiers) Put(number uint8, c Classifier) error {
	if number == 0 || c.terms == 0 {
		return fmt.Errorf("classifier %d of %d terms: want a number from 1 and a term", number, c.terms)
	}
	v := &t.o.classifiers.values[number]
	atomic.StoreUint64(word(&v.Terms), 0)
	t.o.terms.values[number] = c.term
	mask, flags := c.looksAt()
	table, flag := c.byMark()
	v.Mask, v.ByMark = mask, table
	flags |= flag
	atomic.StoreUint64(word(&v.Terms), uint64(c.terms)|uint64(flags)<<32)
	t.o.newGeneration()
	return nil
}

// Delete removes a classifier; what goes by it falls on no term.
func (t Classifiers) Delete(number uint8) error {
	if number == 0 {
		return nil
	}
	v := &t.o.classifiers.values[number]
	atomic.StoreUint64(word(&v.Terms), 0)
	for mark := range v.ByMark {
		v.ByMark[mark] = bpf.SwitchMarkClass{}
	}
	t.o.newGeneration()
	return nil
}

// A key and the program's own are of one size.
var _ = [unsafe.Sizeof(bpf.SwitchClassKey{}.Word)]byte([keyOctets + 8]byte{})

// String is the terms, one behind the other.
func (c Classifier) String() string {
	var b strings.Builder
	for i := range c.term[:c.terms] {
		t := &c.term[i]
		fmt.Fprintf(&b, "[%x&%x dscp %x pcp %x ports %d-%d %d-%d: queue %d mark %d %d]", t.Value, t.Mask, t.Dscps, t.Pcps,
			t.SportFirst, t.SportLast, t.DportFirst, t.DportLast, t.Queue, t.Dscp, t.Pcp)
	}
	return b.String()
}
