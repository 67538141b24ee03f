package dcb

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// reply is an answer of dcbnl, or what it says of a change.
type reply struct {
	name  string // of the interface, where it is told
	state spec.DCBState
	// counters are what PFC counts, ets and pfc the octets that they came in.
	counters spec.DCBCounters
	ets, pfc []byte
	// verdict is what a driver says of a change: nil where the answer has none.
	verdict *uint8
}

// parse reads the answer to any command that this package sends. What the
// kernel tells beyond what is known here is passed over; what is shorter than
// it must be is an error.
func parse(m []byte) (reply, error) {
	var r reply
	if len(m) < headerSize {
		return r, fmt.Errorf("a message of %d octets: want at least %d", len(m), headerSize)
	}
	err := each(m[headerSize:], func(attribute uint16, value []byte) error {
		switch attribute {
		case attrName:
			r.name = unix.ByteSliceToString(value)
		case attrDCBX:
			return r.dcbx(m[1], value)
		case attrIEEE:
			if command := m[1]; command != cmdGetIEEE && len(value) == 1 {
				r.verdict = &value[0]
				return nil
			}
			return r.ieee(value)
		case attrCapabilities:
			r.state.Capabilities.Known = true
			return each(value, r.capability)
		case attrClasses:
			return each(value, r.classes)
		}
		return nil
	})
	return r, err
}

// each hands over the attributes that octets consist of; the library's own way
// wants the last one padded.
//
//	0  length (2 octets) of header and value    2  type (2 octets)
//	4  value, padded to 4 octets
func each(b []byte, f func(attribute uint16, value []byte) error) error {
	for len(b) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return fmt.Errorf("attribute of %d octets among %d", n, len(b))
		}
		if err := f(binary.NativeEndian.Uint16(b[2:])&attributeType, b[unix.SizeofRtAttr:n]); err != nil {
			return err
		}
		b = b[min((n+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
	}
	return nil
}

// dcbx is the mode or, in the answer to a change of it, the driver's verdict.
func (r *reply) dcbx(command uint8, value []byte) error {
	if len(value) < 1 {
		return short("mode of DCBX", value, 1)
	}
	if command == cmdSetDCBX {
		r.verdict = &value[0]
		return nil
	}
	r.state.HasDCBX, r.state.DCBX = true, spec.DCBXMode(value[0])
	return nil
}

func short(what string, value []byte, want int) error {
	return fmt.Errorf("%s of %d octets: want at least %d", what, len(value), want)
}

func (r *reply) ieee(nest []byte) error {
	return each(nest, func(attribute uint16, value []byte) error {
		switch attribute {
		case ieeeETS:
			return r.parseETS(value)
		case ieeePFC:
			return r.parsePFC(value)
		case ieeeApplications:
			return r.parseApplications(value)
		case ieeeMaxRate:
			return r.parseMaxRate(value)
		case ieeeBuffer:
			return r.parseBuffer(value)
		}
		return nil
	})
}

func (r *reply) parseETS(b []byte) error {
	if len(b) < etsSize {
		return short("ETS", b, etsSize)
	}
	s := &r.state
	r.ets, s.HasETS = b, true
	s.ETS.Willing = b[etsWilling] != 0
	s.ETSClasses, s.CreditBased = most(b[etsClasses]), b[etsCBS] != 0
	copy(s.ETS.Bandwidth[:], b[etsBandwidth:])
	copy(s.ETS.Class[:], b[etsClassOf:])
	for class := range s.ETS.Algorithm {
		s.ETS.Algorithm[class] = spec.Algorithm(b[etsAlgorithm+class])
		if class >= int(s.ETSClasses) {
			s.ETS.Algorithm[class] = spec.StrictPriority
		}
		if s.ETS.Algorithm[class] != spec.EnhancedTS { // drivers say 0 or 100, and mean nothing by it
			s.ETS.Bandwidth[class] = 0
		}
	}
	return nil
}

// most is a number of traffic classes: the standard's three bits say 8 by 0.
func most(classes uint8) uint8 {
	if classes == 0 || classes > spec.TrafficClasses {
		return spec.TrafficClasses
	}
	return classes
}

func (r *reply) parsePFC(b []byte) error {
	if len(b) < pfcSize {
		return short("PFC", b, pfcSize)
	}
	r.pfc, r.state.HasPFC, r.state.PFCClasses = b, true, most(b[pfcClasses])
	r.state.PFC = spec.PFC{
		Enabled: b[pfcEnabled], MACsecBypass: b[pfcBypass] != 0, Delay: binary.NativeEndian.Uint16(b[pfcDelay:]),
	}
	for p := range r.counters.Requests {
		r.counters.Requests[p] = binary.NativeEndian.Uint64(b[pfcRequests+8*p:])
		r.counters.Indications[p] = binary.NativeEndian.Uint64(b[pfcIndications+8*p:])
	}
	return nil
}

// parseApplications reads the standard's entries; those of the kernel's own
// kind (PCP) come in another attribute, and stay as they are.
func (r *reply) parseApplications(table []byte) error {
	var list []spec.DCBApplication
	err := each(table, func(attribute uint16, value []byte) error {
		if attribute != application {
			return nil
		}
		if len(value) < applicationSize {
			return short("application", value, applicationSize)
		}
		list = append(list, spec.DCBApplication{
			Selector: spec.DCBSelector(value[0]), Priority: value[1], Protocol: binary.NativeEndian.Uint16(value[2:]),
		})
		return nil
	})
	r.state.Applications = spec.NewDCBApplications(list)
	return err
}

func (r *reply) parseMaxRate(b []byte) error {
	if len(b) < maxRateSize {
		return short("rates", b, maxRateSize)
	}
	r.state.HasRates = true
	for class := range r.state.RateKilobits {
		if rate := binary.NativeEndian.Uint64(b[8*class:]); rate != ^uint64(0) {
			r.state.RateKilobits[class] = rate
		}
	}
	return nil
}

func (r *reply) parseBuffer(b []byte) error {
	if len(b) < bufferSize {
		return short("buffers", b, bufferSize)
	}
	r.state.HasBuffers = true
	buffers := &r.state.Buffers
	copy(buffers.Buffer[:], b)
	for i := range buffers.Octets {
		buffers.Octets[i] = binary.NativeEndian.Uint32(b[bufferSizes+4*i:])
	}
	buffers.AllOctets = binary.NativeEndian.Uint32(b[bufferTotal:])
	return nil
}

func (r *reply) capability(attribute uint16, value []byte) error {
	if len(value) < 1 {
		return short("capability", value, 1)
	}
	c, n := &r.state.Capabilities, value[0]
	switch attribute {
	case capPriorityGroups:
		c.PriorityGroups = n != 0
	case capPFC:
		c.PriorityFlowControl = n != 0
	case capPriorityMapping:
		c.PriorityMapping = n != 0
	case capGroupClasses:
		c.ETSNumbers = n
	case capPFCClasses:
		c.PFCNumbers = n
	case capGroupStrict:
		c.GroupStrict = n != 0
	case capCongestion:
		c.CongestionNotification = n != 0
	case capDCBX:
		c.DCBX = spec.DCBXMode(n)
	}
	return nil
}

func (r *reply) classes(attribute uint16, value []byte) error {
	if len(value) < 1 {
		return short("number of classes", value, 1)
	}
	switch attribute {
	case classesGroups:
		r.state.Capabilities.ETSClassesNow = value[0]
	case classesPFC:
		r.state.Capabilities.PFCClassesNow = value[0]
	}
	return nil
}
