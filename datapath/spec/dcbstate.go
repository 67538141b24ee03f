package spec

import (
	"errors"
	"fmt"
	"math/bits"
)

// DCBState is what was observed of DCB at one interface. It is comparable.
type DCBState struct {
	// Reason says why there is no DCB, in the words of the kernel; "" where
	// there is. All else is then zero.
	Reason string
	// HasDCBX, HasETS, HasPFC, HasRates and HasBuffers say what the driver
	// tells at all.
	HasDCBX, HasETS, HasPFC, HasRates, HasBuffers bool

	DCBX         DCBXMode
	ETS          ETS
	PFC          PFC
	Applications DCBApplications
	// ETSClasses and PFCClasses are how many traffic classes the device has for
	// either, 1..8; 0 where the part is not told.
	ETSClasses, PFCClasses uint8
	// CreditBased is whether the device has the credit-based shaper.
	CreditBased bool
	// RateKilobits are the limits of the traffic classes in kilobits per second,
	// 0 for none.
	RateKilobits [TrafficClasses]uint64
	Buffers      DCBBuffers
	Capabilities DCBCapabilities
}

// DCBBuffers are the buffers for what comes in.
type DCBBuffers struct {
	Buffer    [Priorities]uint8 // that each priority goes to
	Octets    [8]uint32         // size of each buffer
	AllOctets uint32            // of all buffers together
}

// DCBCapabilities are what the device says that it can (dcbnl.h, DCB_CAP_ATTR_*
// and DCB_NUMTCS_ATTR_*). Zero where it does not say.
type DCBCapabilities struct {
	Known                        bool // the driver tells capabilities
	PriorityGroups               bool // bandwidth of groups of priorities
	PriorityFlowControl          bool
	PriorityMapping              bool  // from priorities to traffic classes
	GroupStrict                  bool  // strict priority of groups
	CongestionNotification       bool  // 802.1Qau, or what came before it
	ETSNumbers, PFCNumbers       uint8 // of classes that can be: bit 0 for one class
	ETSClassesNow, PFCClassesNow uint8 // how many classes it uses now; 0 where not told
	DCBX                         DCBXMode
}

// DCBCounters count the pauses of PFC at one interface, by priority.
type DCBCounters struct {
	Requests    [Priorities]uint64 // sent to the other end
	Indications [Priorities]uint64 // received from it
}

// Unsupported reports what is wanted that a device has not, as *Invalid errors.
func (d *DCB) Unsupported(port string, have *DCBState) error {
	var errs []error
	fail := func(place DCBPlace, format string, args ...any) {
		errs = append(errs, &Invalid{Port: port, DCB: place, Unsupported: true, Reason: "DCB: " + fmt.Sprintf(format, args...)})
	}
	if have.Reason != "" {
		fail(DCBPlace{Part: DCBWhole}, "%s", have.Reason)
		return errors.Join(errs...)
	}
	can := have.Capabilities.DCBX
	switch {
	case d.DCBX == 0:
	case !have.HasDCBX:
		fail(DCBPlace{Part: DCBNegotiation}, "the driver has no mode of DCBX")
	case can != 0 && d.DCBX&^can != 0:
		fail(DCBPlace{Part: DCBNegotiation}, "mode %s: the device has %s", d.DCBX, can)
	}
	switch {
	case d.ETS == nil:
	case !have.HasETS:
		fail(DCBPlace{Part: DCBETS}, "the driver has no ETS")
	default:
		d.unsupportedETS(have, fail)
	}
	switch {
	case d.PFC == nil:
	case !have.HasPFC:
		fail(DCBPlace{Part: DCBPFC}, "the driver has no PFC")
	case bits.OnesCount8(d.PFC.Enabled) > int(have.PFCClasses):
		fail(DCBPlace{Part: DCBPFC}, "%d priorities with flow control: the device has room for %d", bits.OnesCount8(d.PFC.Enabled), have.PFCClasses)
	}
	return errors.Join(errs...)
}

func (d *DCB) unsupportedETS(have *DCBState, fail func(DCBPlace, string, ...any)) {
	most := have.ETSClasses
	for class := range uint8(TrafficClasses) {
		switch named := d.Classes>>class&1 != 0; {
		case named && class >= most:
			fail(DCBPlace{DCBTrafficClass, class}, "the device has the traffic classes 0 to %d", most-1)
		case d.ETS.Algorithm[class] == CreditBased && !have.CreditBased:
			fail(DCBPlace{DCBTrafficClass, class}, "the device has no credit-based shaper")
		}
	}
	for priority, class := range d.ETS.Class {
		if class >= most {
			fail(DCBPlace{DCBPriority, uint8(priority)}, "traffic class %d: the device has the classes 0 to %d", class, most-1)
		}
	}
}
