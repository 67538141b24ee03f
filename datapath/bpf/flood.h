/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * flood.h - a copy of a frame to each other port that is a member of its FID.
 *
 * A copy goes out when the next port is found; so the last one is left over
 * and leaves as the frame itself, like a unicast frame, without a copy.
 * Copies go through the transmit queue of their device (bpf_clone_redirect),
 * also to a veth: there the kernel looks at the destination address anew.
 *
 * Maps read: flood, ports, lags, lag_tables. Maps written: counters, fdb.
 */
#ifndef SIGNALBOX_FLOOD_H
#define SIGNALBOX_FLOOD_H

#include "admit.h"
#include "counters.h"
#include "maps.h"
#include "output.h"
#include "parse.h"
#include "passage.h"
#include "trace.h"

struct flooding {
	struct __sk_buff *skb;
	struct passage *p;	/* its act is of the copy that is still to go */
	__u64 summary;		/* words that are still to be looked at */
	__u64 word;		/* members of the word at `base` to come */
	__u32 base;
};

/*
 * lowest_bit is the number of the lowest bit set: BPF has no instruction for
 * it, so the bit, multiplied by a de Bruijn sequence, selects from a table.
 */
static const __u8 bit_number[64] = {
	 0,  1, 48,  2, 57, 49, 28,  3, 61, 58, 50, 42, 38, 29, 17,  4,
	62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12,  5,
	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
	46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19,  9, 13,  8,  7,  6,
};

static inline __u32 lowest_bit(__u64 word)
{
	return bit_number[(word & -word) * 0x03f79d71b4cb0a89ULL >> 58];
}

/* count_copy is count_out, verified by itself. */
__attribute__((noinline)) int count_copy(__u32 port, __u32 cast, __u32 octets,
					 __u32 reason)
{
	count_out(port, cast, octets, reason);
	return 0;
}

/*
 * flood_member chooses the member of an aggregate that a copy leaves by. An
 * aggregate has one copy, as it has one port.
 */
__attribute__((noinline)) int flood_member(struct __sk_buff *skb, struct passage *p)
{
	enum drop_reason reason;
	struct way way;

	if (!p)
		return DROP_TRANSMIT;
	way = p->act.way;
	reason = lag_choose(skb, &p->frame, &p->act, p->now, &way);
	way.flags &= ~OUT_PEER;
	p->act.way = way;
	return noted_out(tracing, p, TRACE_LAG, reason, way.port, p->act.tag, false);
}

/* flood_copy sends a copy to the port that was found last. */
static inline void flood_copy(struct __sk_buff *skb, struct passage *p)
{
	enum drop_reason reason = DROP_NONE;

	if (p->act.way.flags & OUT_LAG)
		reason = flood_member(skb, p);
	if (!reason) {
		reason = prepare(skb, &p->frame, &p->act, p->act.way.ifindex);
		if (!reason && !explaining &&
		    bpf_clone_redirect(skb, p->act.way.ifindex, 0))
			reason = DROP_TRANSMIT;
		noted_out(tracing, p, TRACE_OUTPUT, reason, p->act.way.port,
			  p->act.tag, true);
	}
	count_copy(p->act.way.port, frame_cast(&p->frame),
		   p->frame.octets + p->frame.tag_octets, reason);
}

static inline void flood_port(struct flooding *x, __u32 port)
{
	struct passage *p = x->p;
	enum drop_reason reason;

	if (port == p->port)
		return;
	p->members++;
	if (p->act.way.port)
		flood_copy(x->skb, p);
	reason = egress(&p->frame, port, p->sw, p->vlan, p->port, &p->act);
	p->act.way.flags &= ~OUT_PEER;
	if (reason) {
		set_way(&p->act.way, 0, 0, 0);
		count_copy(port, CAST_UNICAST, 0, reason);
		noted(tracing, p, TRACE_EGRESS, reason, port, p->vlan);
	}
}

/* flood_step takes one port; it ends the loop when there is none. */
static long flood_step(__u32 step, struct flooding *x)
{
	struct flood_set *set;
	__u32 bit;

	if (!x->word) {
		if (!x->summary)
			return 1;
		bit = lowest_bit(x->summary) & (PORT_WORDS - 1);
		x->summary &= x->summary - 1;
		set = bpf_map_lookup_elem(&flood, &x->p->fid);
		if (!set)
			return 1;
		x->base = bit * 64;
		x->word = READ_ONCE(set->ports[bit]);
		if (!x->word)
			return 0;
	}
	bit = lowest_bit(x->word);
	x->word &= x->word - 1;
	flood_port(x, x->base + bit);
	return 0;
}

/*
 * flood_frame notes who announces itself, and sends all copies of a frame but the last, which is left to the
 * caller as the frame's action.
 */
__attribute__((noinline)) int flood_frame(struct __sk_buff *skb, struct passage *p)
{
	struct flooding x = { .skb = skb, .p = p };
	struct flood_set *set;

	if (!p)
		return 0;
	set = bpf_map_lookup_elem(&flood, &p->fid);
	if (!set)
		return 0;
	if (!explaining && frame_dst(&p->frame) & MAC_GROUP && is_announcement(skb))
		fdb_tells(fdb_key(frame_src(&p->frame), p->fid), p->port, p->now);
	p->members = 0;
	x.summary = READ_ONCE(set->summary);
	bpf_loop(MAX_PORTS + PORT_WORDS, flood_step, &x, 0);
	if (!p->members)
		p->in = DROP_EMPTY_PORT_LIST;
	note(tracing, p, TRACE_FLOOD, p->in ? TRACE_DROPPED : TRACE_FLOODED, p->in, 0,
	     p->vlan, false, p->members);
	if (p->act.way.flags & OUT_LAG)
		p->out = flood_member(skb, p);
	return 0;
}

#endif
