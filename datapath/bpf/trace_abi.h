/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * trace_abi.h - the shapes of tracing that the program and the element share.
 *
 * Maps read or written: none. Those of tracing live no longer than the element
 * that made them, so a change here needs no new layout version.
 */
#ifndef SIGNALBOX_TRACE_ABI_H
#define SIGNALBOX_TRACE_ABI_H

#include "abi.h"

/* spec.Stage has the same numbers and says what each one is. */
enum trace_stage {
	TRACE_INGRESS = 1,
	TRACE_CACHE,
	TRACE_GUARD,
	TRACE_VLAN,
	TRACE_ADMIT,
	TRACE_LEARN,
	TRACE_LOOKUP,
	TRACE_FLOOD,
	TRACE_CLASS,
	TRACE_EGRESS,
	TRACE_LAG,
	TRACE_OUTPUT,
	TRACE_KERNEL,
	NUM_TRACE_STAGES,
};

/* spec.Verdict */
enum trace_verdict {
	TRACE_PASS = 1,
	TRACE_FORWARDED,
	TRACE_FLOODED,
	TRACE_PUNTED,
	TRACE_DROPPED,
	NUM_TRACE_VERDICTS,
};

/* spec.TraceDetail */
enum trace_detail {
	TRACE_NOTHING,
	TRACE_HIT,
	TRACE_MISS,
	TRACE_KNOWN,
	TRACE_NEW,
	TRACE_MOVED,
	TRACE_STATIC,
	TRACE_OFF,
	TRACE_UNKNOWN,
	TRACE_GROUP,
};

enum trace_step_flags {
	TRACE_TAGGED = 1 << 0,	/* it leaves with a tag */
};

/* What one stage did with a frame. */
struct trace_step {
	__u8 stage;
	__u8 verdict;
	__u8 reason;	/* enum drop_reason */
	__u8 flags;	/* enum trace_step_flags */
	__u16 port;	/* 0: none */
	__u16 vlan;	/* 0: not known */
	__u32 detail;
};

#define TRACE_SESSIONS	16
#define TRACE_STEPS	48
#define TRACE_SNAP	65535	/* octets of a frame at most */

/*
 * One frame's way. What is told ends after `steps` of the steps, and the frame's
 * octets follow at once, `captured` of them: as they were when it left, `present`
 * in all. Where that is `octets` and the frame had a tag, the tag is not among
 * them.
 */
struct trace_head {
	__u64 time;	/* ns, CLOCK_MONOTONIC */
	__u64 packet;	/* CPU << 56 | number of the frame there */
	__u32 sessions;	/* bit i: it is told to session i */
	__u32 ifindex;	/* where it came in, */
	__u32 octets;	/* how long, without its outer tag, */
	__u32 tag;	/* and with which: TPID << 16 | TCI, or 0 */
	__u32 captured;
	__u32 present;
	__u16 in_port;
	__u16 aggregate; /* of in_port, or 0 */
	__u16 out_port;
	__u16 vlan;
	__u8 verdict;
	__u8 reason;	/* the first one */
	__u8 steps;
	__u8 cut;	/* there were more steps */
	__u32 reasons;	/* bit r: a copy was dropped for reason r */
	__u32 size;	/* of the whole record, a multiple of eight */
	__u32 unused;
};

struct trace_record {
	struct trace_head head;
	struct trace_step step[TRACE_STEPS];
};

/*
 * What one CPU tells: records in a ring of octets, which follows this and is a
 * power of two long. A record begins at a multiple of eight and may go on behind
 * the ring's end, where there is room for the longest one. The record in work
 * stands at `head` already; it is told when `head` goes behind it. There is always
 * room for one without the frame's octets.
 */
struct trace_ring {
	/* The program writes: */
	__u64 head;	/* octets told since ever */
	__u64 bound;	/* head stays below: what it last saw of tail */
	__u64 packets;	/* told */
	__u32 late;	/* of the record in work: sessions of which the output port */
	__u32 left;	/* decides, and has */
	__u64 reserved[4];
	/* The element writes, in a cache line of its own: */
	__u64 tail;	/* octets read since ever */
	__u64 unused[7];
};

enum trace_session_flags {
	TRACE_IN	= 1 << 0,	/* ports: where frames come in, */
	TRACE_OUT	= 1 << 1,	/* where they leave */
	TRACE_VLANS	= 1 << 2,	/* only the VLANs in vlans */
	TRACE_REASONS	= 1 << 3,	/* only dropped for one in reasons */
	TRACE_SAMPLED	= 1 << 4,	/* one frame in so many */
};

/*
 * A session's conditions. They are constants of a loaded program, which is
 * exchanged when they change: what no session asks for is then not in it.
 */
struct trace_session {
	__u32 flags;		/* enum trace_session_flags */
	__u32 reasons;		/* bit r: reason r */
	__u32 sample;		/* of TRACE_SAMPLED: one frame in so many */
	__u32 limit;		/* frames in a second; 0: no limit */
	__u32 snap;		/* octets of a frame */
	__u32 reserved;
	__u64 ports[PORT_WORDS];
	__u64 vlans[VLAN_WORDS];
};

/* What a session has counted on a CPU. */
struct trace_count {
	__u64 matched;	/* frames that fit its conditions, sampling included, of which */
	__u64 limited;	/* are held back by its limit */
	__u64 lost;	/* and for lack of room in the ring */
};

/* A frame that the kernel dropped at a port. */
#define DROP_SNAP	128

struct kernel_drop {
	__u64 time;	/* ns, CLOCK_MONOTONIC */
	__u32 reason;	/* enum skb_drop_reason of the running kernel */
	__u32 length;	/* without its outer tag */
	__u32 tag;	/* TPID << 16 | TCI, or 0 */
	__u16 port;
	__u16 captured;
	__u64 reserved;
	__u8 octets[DROP_SNAP];	/* without the tag */
};

/* When sessions sample, by the number of a frame on a CPU. */
struct trace_samples {
	__u64 seen;	/* frames */
	__u64 next;	/* the first of what follows */
	__u64 due[TRACE_SESSIONS];
};

#endif
