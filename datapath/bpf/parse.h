/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * parse.h - the frame as the stages see it.
 *
 * The kernel takes the outer tag out of a frame before a tcx program runs and
 * keeps it beside the frame ("accelerated"). Only frames that are handed to
 * BPF_PROG_TEST_RUN still have it in the band. A tag of another TPID (0x88a8)
 * is payload here: to a customer bridge such a frame is untagged.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_PARSE_H
#define SIGNALBOX_PARSE_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define inline		inline __attribute__((always_inline))

/* include/uapi/linux/bpf.h of Linux 6.6, enum tcx_action_base */
#define TCX_NEXT	(-1)
#define TCX_DROP	2

#define ETH_HLEN	14
#define VLAN_HLEN	4
#define ETH_P_8021Q	0x8100
#define VID_MASK	0x0fff
#define PRIORITY_MASK	0xf000			/* with DEI */
#define MAC_MASK	0x0000ffffffffffffULL
#define MAC_GROUP	0x1ULL			/* first octet is lowest */
#define MAC_RESERVED	0x0000c28001ULL		/* 01:80:c2:00:00:0x */

#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))

/* What happens seldom must not take the registers of what happens always. */
#define unlikely(x)		__builtin_expect(!!(x), 0)

#define TAG_PRESENT	0x10000

enum cast {
	CAST_UNICAST,
	CAST_MULTICAST,
	CAST_BROADCAST,
};

struct frame {
	__u64 word0;		/* octets 0-7 as they lie in memory */
	__u32 word1;		/* octets 8-11 */
	__u32 ifindex;		/* where it came in */
	__u32 octets;		/* without its outer tag */
	__u32 tag;		/* TAG_PRESENT | priority, DEI, VLAN id; or 0 */
	__u32 priority;		/* and DEI of the tag it came with, in place */
	__u16 tag_octets;	/* of the outer tag, whatever its TPID */
	bool valid;		/* false: too short for its headers */
};

static inline __u64 frame_dst(const struct frame *f)
{
	return f->word0 & MAC_MASK;
}

static inline __u64 frame_src(const struct frame *f)
{
	return f->word0 >> 48 | (__u64)f->word1 << 16;
}

/* A frame that is too short for an address counts as unicast. */
static inline enum cast frame_cast(const struct frame *f)
{
	if (!(f->word0 & MAC_GROUP))
		return CAST_UNICAST;
	return frame_dst(f) == MAC_MASK ? CAST_BROADCAST : CAST_MULTICAST;
}

static inline void set_tag(struct frame *f, __u32 tci)
{
	f->tag = TAG_PRESENT | tci;
	f->priority = tci & PRIORITY_MASK;
}

static inline void parse_tag(struct __sk_buff *skb, struct frame *f,
			     const void *data, const void *end)
{
	if (skb->vlan_present) {
		f->tag_octets = VLAN_HLEN;
		if (skb->vlan_proto == bpf_htons(ETH_P_8021Q))
			set_tag(f, skb->vlan_tci);
		return;
	}
	if (*(const __u16 *)(data + 12) != bpf_htons(ETH_P_8021Q))
		return;
	f->valid = data + ETH_HLEN + VLAN_HLEN <= end;
	if (!f->valid)
		return;
	f->octets -= VLAN_HLEN;
	f->tag_octets = VLAN_HLEN;
	set_tag(f, bpf_ntohs(*(const __u16 *)(data + 14)));
}

static inline void parse(struct __sk_buff *skb, struct frame *f)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;

	f->word0 = 0;
	f->word1 = 0;
	f->ifindex = skb->ifindex;
	f->octets = skb->len;
	f->tag_octets = 0;
	f->tag = 0;
	f->priority = 0;
	f->valid = data + ETH_HLEN <= end;
	if (!f->valid)
		return;
	f->word0 = *(const __u64 *)data;
	f->word1 = *(const __u32 *)(data + 8);
	parse_tag(skb, f, data, end);
}

#endif
