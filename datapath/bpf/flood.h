/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * flood.h - a copy of a frame to each other member of its FID.
 *
 * A copy goes out when the next member is found; so the last one is left over
 * and leaves as the frame itself, like a unicast frame, without a copy.
 * Copies go through the transmit queue of their device (bpf_clone_redirect),
 * also to a veth: there the kernel looks at the destination address anew.
 *
 * Maps read: flood, ports. Maps written: counters.
 */
#ifndef SIGNALBOX_FLOOD_H
#define SIGNALBOX_FLOOD_H

#include "counters.h"
#include "maps.h"
#include "output.h"
#include "parse.h"

struct flooding {
	struct __sk_buff *skb;
	struct frame frame;
	struct action last;	/* of the member whose copy is still to go */
	__u64 summary;		/* words that are still to be looked at */
	__u64 word;		/* members of the word at `base` to come */
	__u32 base;
	__u32 fid;
	__u32 in_port;
	__u32 members;
	__u16 sw;
	__u16 vlan;
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

/* flood_copy sends a copy to the member that was found last. */
static inline void flood_copy(struct flooding *x)
{
	enum drop_reason reason = prepare(x->skb, &x->frame, &x->last);

	if (!reason && bpf_clone_redirect(x->skb, x->last.ifindex, 0))
		reason = DROP_TRANSMIT;
	count_copy(x->last.port, frame_cast(&x->frame),
		   x->frame.octets + x->frame.tag_octets, reason);
}

static inline void flood_member(struct flooding *x, __u32 port)
{
	struct action act;
	enum drop_reason reason;

	if (port == x->in_port)
		return;
	x->members++;
	reason = egress(port, x->sw, x->vlan, &act);
	if (reason) {
		count_copy(port, CAST_UNICAST, 0, reason);
		return;
	}
	if (x->last.port)
		flood_copy(x);
	act.flags &= ~OUT_PEER;
	x->last = act;
}

/* flood_step takes one member; it ends the loop when there is none. */
static long flood_step(__u32 step, struct flooding *x)
{
	struct flood_set *set;
	__u32 bit;

	if (!x->word) {
		if (!x->summary)
			return 1;
		bit = lowest_bit(x->summary) & (PORT_WORDS - 1);
		x->summary &= x->summary - 1;
		set = bpf_map_lookup_elem(&flood, &x->fid);
		if (!set)
			return 1;
		x->base = bit * 64;
		x->word = READ_ONCE(set->ports[bit]);
		if (!x->word)
			return 0;
	}
	bit = lowest_bit(x->word);
	x->word &= x->word - 1;
	flood_member(x, x->base + bit);
	return 0;
}

/* What a flood starts with and what is left of it. */
struct flood_request {
	struct frame frame;
	__u32 fid;
	__u32 in_port;
	__u16 sw;
	__u16 vlan;
	__u32 members;		/* result: how many there were */
	struct action last;	/* result: of the last copy, left to the caller */
};

/* flood_frame sends all copies of a frame but the last. */
__attribute__((noinline)) int flood_frame(struct __sk_buff *skb,
					  struct flood_request *r)
{
	struct flooding x = {};
	struct flood_set *set;

	if (!r)
		return 0;
	set = bpf_map_lookup_elem(&flood, &r->fid);
	if (!set)
		return 0;
	x.skb = skb;
	x.frame = r->frame;
	x.summary = READ_ONCE(set->summary);
	x.fid = r->fid;
	x.in_port = r->in_port;
	x.sw = r->sw;
	x.vlan = r->vlan;
	bpf_loop(MAX_PORTS + PORT_WORDS, flood_step, &x, 0);
	r->frame = x.frame;
	r->members = x.members;
	r->last = x.last;
	return 0;
}

#endif
