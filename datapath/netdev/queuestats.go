package netdev

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// QueueStat is what the kernel counts of a queue since it was made.
type QueueStat struct {
	// SentPackets and SentOctets left it; each segment of a GSO frame counts, and
	// its headers.
	SentPackets, SentOctets uint64
	// Dropped found no room or went early, Marked got congestion experienced
	// instead. A GSO frame counts as one. Both begin again at 2^32.
	Dropped, Marked uint32
	// BacklogOctets and BacklogPackets wait now; a GSO frame is one packet.
	BacklogOctets, BacklogPackets uint32
}

// QueueStats reads what is counted of the queues of ours, all in one dump.
func (c *Conn) QueueStats() (map[ClassKey]QueueStat, error) {
	found := make(map[ClassKey]QueueStat)
	err := c.eachQdisc(func(o *tcObject) error {
		k, ok := queueKey(o)
		if !ok {
			return nil
		}
		s, err := parseQueueStat(o.stats)
		if o.kind != early {
			s.Marked = 0
		}
		found[k] = s
		return err
	})
	return found, err
}

// parseQueueStat reads TCA_STATS2 (include/uapi/linux/gen_stats.h): octets (8)
// and packets (4), packets where they need 64 bits; then packets and octets that
// wait, drops, requeues and overlimits; and of RED early, over the limit, other,
// marked.
func parseQueueStat(stats []byte) (s QueueStat, err error) {
	err = eachAttribute(stats, func(kind uint16, value []byte) error {
		switch kind {
		case nl.TCA_STATS_BASIC:
			if len(value) < 12 {
				return fmt.Errorf("basic statistics of %d octets", len(value))
			}
			s.SentOctets = binary.NativeEndian.Uint64(value)
			s.SentPackets = max(s.SentPackets, uint64(binary.NativeEndian.Uint32(value[8:])))
		case nl.TCA_STATS_PKT64:
			if len(value) < 8 {
				return fmt.Errorf("packets of %d octets", len(value))
			}
			s.SentPackets = max(s.SentPackets, binary.NativeEndian.Uint64(value))
		case nl.TCA_STATS_QUEUE:
			return numbers("queue statistics", value, &s.BacklogPackets, &s.BacklogOctets, &s.Dropped)
		case nl.TCA_STATS_APP:
			if len(value) >= 16 {
				s.Marked = binary.NativeEndian.Uint32(value[12:])
			}
		}
		return nil
	})
	return s, err
}
