package netdev

import (
	"errors"
	"math"
	"math/bits"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of RED (include/uapi/linux/pkt_sched.h).
const (
	redParms = 1 // TCA_RED_PARMS
	redStab  = 2 // TCA_RED_STAB
	redMaxP  = 3 // TCA_RED_MAX_P
	redECN   = 1 // TC_RED_ECN
)

const (
	maxRED      = 1 << 26 // octets, so that its average has room in the kernel's 32 bits
	redPacket   = 1500    // octets of an average frame
	redShare    = 0.02    // of frames at RedMax: as tc-red(8) recommends
	redIdleRate = 125e6   // octets/s at which the average falls while nothing waits
	redStabLen  = 256     // octets of TCA_RED_STAB
	redLeast    = 31      // bits by which the kernel shifts at most
)

// HasRED asks whether the kernel has RED. It tries to make one that the kernel
// refuses in any case, at the loopback interface, or at another one where that
// has a root qdisc of somebody's.
func (c *Conn) HasRED() bool {
	roots, err := c.RootQdiscs()
	if err != nil {
		return false
	}
	const loopback = 1 // in each namespace
	indexes := []uint32{loopback}
	for index := range roots {
		indexes = append(indexes, index)
	}
	for _, index := range indexes {
		// Without parameters RED is refused with EINVAL; ENOENT says that there is no RED.
		err := c.tcSet(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, rootHandle, tcRoot,
			kindOf(early), nl.NewRtAttr(nl.TCA_OPTIONS, nil))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return errors.Is(err, unix.EINVAL)
		}
	}
	return false
}

// writeRED makes or changes a RED and the FIFO below it, whose limit is that of
// the queue. RED's own limit is given only when it is made: with one, each
// change gives it an empty FIFO.
func (t queues) writeRED(k ClassKey, v Queue) error {
	set := func(flags int, limit uint32) error {
		return t.conn.tcSet(unix.RTM_NEWQDISC, flags, k.IfIndex, k.queueHandle(), k.handle(), kindOf(early), v.redOptions(limit))
	}
	err := set(unix.NLM_F_CREATE|unix.NLM_F_EXCL, v.Octets)
	if errors.Is(err, unix.EEXIST) {
		err = set(0, 0)
	}
	if err != nil {
		return err
	}
	return t.conn.tcSet(unix.RTM_NEWQDISC, unix.NLM_F_CREATE, k.IfIndex, k.queueHandle()+belowRED, k.queueHandle()|1,
		kindOf(fifoOctets), fifoOptions(v.Octets))
}

// redOptions is TCA_OPTIONS of RED. TCA_RED_PARMS is struct tc_red_qopt:
//
//	octet  0  limit   4  lower threshold   8  upper threshold
//	      12  log2 of the average's weight, of P divided by the thresholds'
//	          distance, of the idle table's scale; flags
func (v Queue) redOptions(limit uint32) *nl.RtAttr {
	weight := redWeight(v.RedMin, v.RedMax)
	distance := float64(v.RedMax - v.RedMin)
	plog := uint8(min(max(math.Ceil(math.Log2(distance/redShare)), 0), 31))
	scale, table := redIdle(weight)
	var flags uint8
	if v.ECN {
		flags = redECN
	}
	parms := append(nl.Uint32Attr(limit), nl.Uint32Attr(v.RedMin)...)
	parms = append(parms, nl.Uint32Attr(v.RedMax)...)
	parms = append(parms, weight, plog, scale, flags)
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(redParms, parms)
	options.AddRtAttr(redStab, table)
	probability := redShare * (1 << 32)
	options.AddRtAttr(redMaxP, nl.Uint32Attr(uint32(probability)))
	return options
}

// redWeight is -log2 of the weight of one sample, so that the average follows a
// burst up to about the thresholds (the note on RED parameters that tc-red(8)
// points to).
//
// The average shifted by it must have room in 32 bits.
func redWeight(least, most uint32) uint8 {
	room := uint8(31 - bits.Len32(most))
	burst := (2*float64(least) + float64(most)) / (3 * redPacket)
	average := float64(least) / redPacket
	if burst+1 <= average { // it would never get there
		return 1
	}
	w := 0.5
	for log := uint8(1); log < room; log++ {
		if average <= burst+1-(1-math.Pow(1-w, burst))/w {
			return log
		}
		w /= 2
	}
	return room
}

// redIdle is by how many bits the average falls after some idle time, in steps
// of a microsecond shifted by the scale.
func redIdle(weight uint8) (scale uint8, table []byte) {
	const packet = redPacket / redIdleRate * 1e6 // microseconds that one takes
	perMicrosecond := -math.Log2(1-1/float64(uint64(1)<<weight)) / packet
	fall := func(cell int) float64 { return float64(uint64(cell)<<scale) * perMicrosecond }
	for scale < 31 && fall(redStabLen) < redLeast {
		scale++
	}
	table = make([]byte, redStabLen)
	for i := range table {
		table[i] = uint8(min(fall(i), redLeast))
	}
	return scale, table
}

func (v *Queue) parseRED(options []byte) error {
	return eachAttribute(options, func(kind uint16, value []byte) error {
		if kind != redParms {
			return nil
		}
		var logs uint32
		err := numbers("a red", value, &v.Octets, &v.RedMin, &v.RedMax, &logs)
		if err == nil {
			v.ECN = value[15]&redECN != 0
		}
		return err
	})
}
