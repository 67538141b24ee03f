/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * remark.h - changes the marks of a frame: DSCP (RFC 2474) in the frame itself,
 * PCP (IEEE 802.1Q-2022, 9.6) in the tag that it will leave with.
 *
 * Packet pointers are void afterwards.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_REMARK_H
#define SIGNALBOX_REMARK_H

#include "hash.h"
#include "parse.h"
#include "qos_abi.h"

#define IP_CHECKSUM_AT	10
#define IP_ECN		0x03	/* stays */
#define IPV6_CLASS	0x0ff0	/* of the first two octets */

static inline void remark_ipv4(struct __sk_buff *skb, __u32 at, __u8 dscp)
{
	__u16 was, now;	/* the first two octets: what the checksum is made of */

	if (bpf_skb_load_bytes(skb, at, &was, sizeof(was)))
		return;
	now = bpf_htons((bpf_ntohs(was) & (0xff00 | IP_ECN)) | dscp << 2);
	if (now == was || bpf_l3_csum_replace(skb, at + IP_CHECKSUM_AT, was, now, sizeof(now)))
		return;
	bpf_skb_store_bytes(skb, at, &now, sizeof(now), 0);
}

static inline void remark_ipv6(struct __sk_buff *skb, __u32 at, __u8 dscp)
{
	__u16 was, now;

	if (bpf_skb_load_bytes(skb, at, &was, sizeof(was)))
		return;
	now = bpf_ntohs(was);
	now = bpf_htons((now & ~(IPV6_CLASS & ~(IP_ECN << 4))) | dscp << 6);
	if (now != was)
		bpf_skb_store_bytes(skb, at, &now, sizeof(now), BPF_F_RECOMPUTE_CSUM);
}

/* remark gives a frame other marks; MARK_NONE leaves one. */
__attribute__((noinline)) int remark(struct __sk_buff *skb, struct frame *f,
				     __u32 dscp, __u32 pcp)
{
	__u32 found, at;
	__u16 type;

	if (!f)
		return 0;
	if (pcp <= 7)
		f->priority = (f->priority & 0x1000) | pcp << 13;
	if (dscp > 63)
		return 0;
	found = frame_type(skb);
	type = found;
	at = found >> 16;
	if (type == ETH_P_IP)
		remark_ipv4(skb, at, dscp);
	else if (type == ETH_P_IPV6)
		remark_ipv6(skb, at, dscp);
	return 0;
}

#endif
