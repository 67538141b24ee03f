package netdev

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// statsHeader is the length of struct if_stats_msg (include/uapi/linux/if_link.h):
//
//	0  family, 1 padding (3 octets)
//	4  ifindex    8  filter: bit n-1 asks for attribute n
const statsHeader = 12

// Stats reads what the kernel counts of all interfaces in one dump
// (RTM_GETSTATS) and hands them over by ifindex. The time is the moment
// before the dump.
//
// The library has no RTM_GETSTATS. The statistics of its LinkList are the
// same, but come with all else that is known of an interface: that takes more
// than ten times as long.
func (c *Conn) Stats(each func(index uint32, counters *spec.LinkCounters)) (time.Time, error) {
	header := make([]byte, statsHeader)
	binary.NativeEndian.PutUint32(header[8:], 1<<(unix.IFLA_STATS_LINK_64-1))
	r := c.request(unix.RTM_GETSTATS, unix.NLM_F_DUMP)
	r.AddRawData(header)
	at := time.Now()
	messages, err := execute(r, unix.RTM_NEWSTATS)
	if err != nil {
		return at, fmt.Errorf("read interface counters: %w", err)
	}
	for _, m := range messages {
		index := binary.NativeEndian.Uint32(m[4:])
		counters, err := parseStats(m[statsHeader:])
		if err != nil {
			return at, fmt.Errorf("interface %d: read counters: %w", index, err)
		}
		each(index, &counters)
	}
	return at, nil
}

// parseStats finds struct rtnl_link_stats64 among the attributes.
func parseStats(b []byte) (c spec.LinkCounters, err error) {
	attributes, err := nl.ParseRouteAttr(b)
	if err != nil {
		return c, err
	}
	for _, a := range attributes {
		if a.Attr.Type != unix.IFLA_STATS_LINK_64 {
			continue
		}
		var s netlink.LinkStatistics64
		if _, err := binary.Decode(a.Value, binary.NativeEndian, &s); err != nil {
			return c, err
		}
		c = spec.LinkCounters{
			InFrames: s.RxPackets, InOctets: s.RxBytes, InErrors: s.RxErrors,
			InDiscards: s.RxDropped, InMulticast: s.Multicast, InFCSErrors: s.RxCrcErrors,
			OutFrames: s.TxPackets, OutOctets: s.TxBytes, OutErrors: s.TxErrors, OutDiscards: s.TxDropped,
		}
	}
	return c, nil
}
