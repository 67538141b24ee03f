package dcb

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A message of dcbnl is struct dcbmsg, then attributes:
//
//	0  family    1  command    2  padding (2 octets)
//	4  attributes
const headerSize = 4

// header is struct dcbmsg.
type header [headerSize]byte

func (h header) Len() int { return len(h) }

func (h header) Serialize() []byte { return h[:] }

// Commands (enum dcbnl_commands).
const (
	cmdGetCapabilities = 11
	cmdGetClasses      = 12 // DCB_CMD_GNUMTCS
	cmdSetIEEE         = 20
	cmdGetIEEE         = 21
	cmdGetDCBX         = 22
	cmdSetDCBX         = 23
	cmdDeleteIEEE      = 27
)

// Attributes of a message (enum dcbnl_attrs).
const (
	attrName         = 1 // DCB_ATTR_IFNAME
	attrCapabilities = 9 // nested
	attrClasses      = 10
	attrIEEE         = 13
	attrDCBX         = 14
)

// Attributes within attrIEEE (enum ieee_attrs), and within its table of
// applications (enum ieee_attrs_app).
const (
	ieeeETS          = 1
	ieeePFC          = 2
	ieeeApplications = 3
	ieeeMaxRate      = 7
	ieeeBuffer       = 10

	application = 1 // DCB_ATTR_IEEE_APP
)

// Attributes within attrCapabilities (enum dcbnl_cap_attrs) and attrClasses
// (enum dcbnl_numtcs_attrs).
const (
	capAll                    = 1
	capPriorityGroups         = 2
	capPFC                    = 3
	capPriorityMapping        = 4
	capGroupClasses           = 5
	capPFCClasses             = 6
	capGroupStrict            = 7
	capCongestion             = 8
	capDCBX                   = 9
	classesAll                = 1
	classesGroups             = 2
	classesPFC                = 3
	attributeType      uint16 = 0x3fff // NLA_TYPE_MASK
)

// struct ieee_ets; each list has an octet for each traffic class, or for each
// priority.
//
//	 0  willing          1  classes the device has (0: 8)    2  credit-based shaper
//	 3  bandwidth of transmission    11  of reception    19  algorithm
//	27  class of each priority
//	35  recommended bandwidth        43  algorithm       51  class of each priority
const (
	etsWilling   = 0
	etsClasses   = 1
	etsCBS       = 2
	etsBandwidth = 3
	etsAlgorithm = 19
	etsClassOf   = 27
	etsSize      = 59
)

// struct ieee_pfc:
//
//	0  classes the device has (0: 8)    1  enabled priorities    2  MBC
//	4  delay (2 octets)
//	8  requests (8 octets for each priority)    72  indications
const (
	pfcClasses     = 0
	pfcEnabled     = 1
	pfcBypass      = 2
	pfcDelay       = 4
	pfcRequests    = 8
	pfcIndications = 72
	pfcSize        = 136
)

// struct ieee_maxrate: 8 octets for each class, in kilobits per second; -1 or 0
// is no limit.
const maxRateSize = 64

// struct dcbnl_buffer:
//
//	0  buffer of each priority    8  size of each (4 octets)    40  of all together
const (
	bufferSizes = 8
	bufferTotal = 40
	bufferSize  = 44
)

// struct dcb_app:
//
//	0  selector    1  priority    2  protocol (2 octets)
const applicationSize = 4

// message begins a request to an interface.
func message(kind int, command uint8, name string) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, 0)
	r.AddData(header{unix.AF_UNSPEC, command})
	if name != "" {
		r.AddData(nl.NewRtAttr(attrName, nl.ZeroTerminated(name)))
	}
	return r
}

// everything asks for all of a nested attribute: its flag "all".
func everything(attribute, all int) *nl.RtAttr {
	nest := nl.NewRtAttr(attribute, nil)
	nest.AddRtAttr(all, nil)
	return nest
}
