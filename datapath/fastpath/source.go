package fastpath

import "github.com/signalbox/signalbox/datapath/spec"

// The constants of datapath/bpf/hash.h that a source's number is made with.
const (
	hashUpperSource uint64 = 0x9e3779b97f4a7c15
	hashLowerSource uint64 = 0x3bce0a595788a379
	bucketBits             = 56
)

// SourceBucket is the bucket that the program puts all frames of a source into
// which come in at a port (lag_pin in datapath/bpf/lag.h); false for the
// distributions that do not go by the source alone.
func SourceBucket(d spec.Distribution, mac spec.MAC, vlan, port uint16) (bucket uint8, ok bool) {
	switch d {
	case spec.VLANSourceMAC:
		number := uint64(0)
		for _, octet := range mac {
			number = number<<8 | uint64(octet)
		}
		return uint8((number*hashLowerSource + uint64(vlan)*hashUpperSource) >> bucketBits), true
	case spec.SwitchPort:
		return uint8(uint64(port) * hashUpperSource >> bucketBits), true
	case spec.ActiveBackup:
		return 0, true
	}
	return 0, false
}
