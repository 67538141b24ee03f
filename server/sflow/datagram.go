package sflow

import (
	"encoding/binary"
	"net/netip"
)

// Formats of samples and records; all are of enterprise 0, sflow.org.
const (
	formatFlow     = 1
	formatCounters = 2
	formatDrop     = 5

	recordRawHeader      = 1
	recordExtendedSwitch = 1001
	recordInterface      = 1
)

const (
	version        = 5
	headerEthernet = 1 // header_protocol of a frame of ISO 8803-3
	// Where a frame goes: a number of interfaces, or nowhere for a reason.
	outputMultiple  = 2 << 30
	outputDiscarded = 1 << 30
	// unknownReason is that of a frame that goes nowhere.
	unknownReason = 256
)

// Flow is a sampled frame.
type Flow struct {
	// Source is the ifindex of the interface it was sampled at; Sequence counts
	// the samples of that interface.
	Source, Sequence uint32
	// Rate is how many frames one sample stands for, Pool how many there were,
	// Lost how many samples were lost.
	Rate, Pool, Lost uint32
	Frame
}

// Drop is a frame that was dropped.
type Drop struct {
	Source, Sequence, Lost uint32
	Reason                 uint16 // spec.DropReason.SFlowCode
	Frame
}

// Frame is what is told of a frame.
type Frame struct {
	In, Out uint32 // ifindex; 0 is unknown
	// Outputs is how many interfaces it went to; more than one is a flood.
	Outputs uint32
	Length  uint32 // octets, the FCS not
	Header  []byte // the first of them
	// VLAN and Priority are those it came in with, VLANOut the one it left with;
	// 0 is none.
	VLAN, Priority, VLANOut uint16
}

// Interface are the counters of an interface.
type Interface struct {
	Index, Sequence                        uint32
	SpeedBitsPerSecond                     uint64
	FullDuplex, AdminUp, OperUp            bool
	InOctets, OutOctets                    uint64
	InUnicast, InMulticast, InBroadcast    uint32
	InDiscards, InErrors                   uint32
	OutUnicast, OutMulticast, OutBroadcast uint32
	OutDiscards, OutErrors                 uint32
}

// header begins a datagram:
//
//	version 5 | address type 1 or 2 | agent address | sub-agent |
//	sequence | milliseconds since the agent began | samples | …
//
// each in 32 bits and network byte order, the address of IPv6 in 128.
type header struct {
	agent    netip.Addr
	sequence uint32
	uptime   uint32 // milliseconds
	samples  uint32
}

func (h *header) append(dst []byte) []byte {
	family := uint32(1)
	if h.agent.Is6() {
		family = 2
	}
	dst = words(dst, version, family)
	dst = append(dst, h.agent.AsSlice()...)
	return words(dst, 0, h.sequence, h.uptime, h.samples)
}

func words(dst []byte, all ...uint32) []byte {
	for _, w := range all {
		dst = binary.BigEndian.AppendUint32(dst, w)
	}
	return dst
}

// block appends a format, the length of what body appends, and that.
func block(dst []byte, format uint32, body func([]byte) []byte) []byte {
	dst = words(dst, format, 0)
	at := len(dst)
	dst = body(dst)
	binary.BigEndian.PutUint32(dst[at-4:], uint32(len(dst)-at))
	return dst
}

// append is a flow_sample:
//
//	sequence | source | rate | pool | drops | input | output | records | …
func (f *Flow) append(dst []byte) []byte {
	return block(dst, formatFlow, func(dst []byte) []byte {
		dst = words(dst, f.Sequence, f.Source, f.Rate, f.Pool, f.Lost, f.In, f.output())
		return f.records(dst)
	})
}

// output is where the frame goes, as the format packs it.
func (f *Frame) output() uint32 {
	switch {
	case f.Outputs > 1:
		return outputMultiple | f.Outputs
	case f.Outputs == 0 && f.Out == 0:
		return outputDiscarded | unknownReason
	}
	return f.Out
}

// append is a discarded_packet:
//
//	sequence | source class 0 | source | drops | input | output | reason | records | …
func (d *Drop) append(dst []byte) []byte {
	return block(dst, formatDrop, func(dst []byte) []byte {
		dst = words(dst, d.Sequence, 0, d.Source, d.Lost, d.In, d.Out, uint32(d.Reason))
		return d.records(dst)
	})
}

// records appends what is told of a frame: its first octets, its VLANs.
func (f *Frame) records(dst []byte) []byte {
	dst = words(dst, 2)
	dst = block(dst, recordRawHeader, func(dst []byte) []byte {
		dst = words(dst, headerEthernet, f.Length+4, 4, uint32(len(f.Header))) // the FCS is stripped
		dst = append(dst, f.Header...)
		return append(dst, make([]byte, -len(f.Header)&3)...)
	})
	return block(dst, recordExtendedSwitch, func(dst []byte) []byte {
		return words(dst, uint32(f.VLAN), uint32(f.Priority), uint32(f.VLANOut), uint32(f.Priority))
	})
}

// append is a counters_sample with one record, if_counters of RFC 3635:
//
//	sequence | source | records | index | type | speed (64) | direction | status |
//	in: octets (64), unicast, multicast, broadcast, discards, errors, unknown |
//	out: octets (64), unicast, multicast, broadcast, discards, errors | promiscuous
func (i *Interface) append(dst []byte) []byte {
	const ethernet, full, half, unknown = 6, 1, 2, ^uint32(0)
	direction, state := uint32(half), uint32(0)
	if i.FullDuplex {
		direction = full
	}
	if i.AdminUp {
		state |= 1
	}
	if i.OperUp {
		state |= 2
	}
	return block(dst, formatCounters, func(dst []byte) []byte {
		dst = words(dst, i.Sequence, i.Index, 1)
		return block(dst, recordInterface, func(dst []byte) []byte {
			dst = words(dst, i.Index, ethernet)
			dst = binary.BigEndian.AppendUint64(dst, i.SpeedBitsPerSecond)
			dst = words(dst, direction, state)
			dst = binary.BigEndian.AppendUint64(dst, i.InOctets)
			dst = words(dst, i.InUnicast, i.InMulticast, i.InBroadcast, i.InDiscards, i.InErrors, unknown)
			dst = binary.BigEndian.AppendUint64(dst, i.OutOctets)
			return words(dst, i.OutUnicast, i.OutMulticast, i.OutBroadcast, i.OutDiscards, i.OutErrors, 0)
		})
	})
}
