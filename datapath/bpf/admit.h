/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * admit.h - which frames are taken in at a member of an aggregate whose other
 * end knows nothing of it (switch-independent mode).
 *
 * The switches at the other end are one network, and each member is a port of
 * it: they flood a frame to several members, and give back by one member what
 * left by another. So of what is flooded only the designated member takes in,
 * and a frame is refused whose source is at another port here.
 *
 * A frame to an address here comes in at the member by which that address's own
 * frames leave, because there the network has learned it. At another member it
 * is a second copy, of a network that floods because it has forgotten the
 * address; but for a time after the members changed, it is one that the network
 * still sends the old way.
 *
 * Maps read: lags, lag_tables, fdb.
 */
#ifndef SIGNALBOX_ADMIT_H
#define SIGNALBOX_ADMIT_H

#include "fdb.h"
#include "lag.h"
#include "passage.h"

#define ETH_P_ARP	0x0806
#define ETH_P_SLOW	0x8809
#define ETH_P_LLDP	0x88cc
#define MAC_SLOW	0x020000c28001ULL	/* 01:80:c2:00:00:02 */
#define MAC_LLDP	0x0e0000c28001ULL	/* 01:80:c2:00:00:0e */

/* For how long after a change each member takes in, in seconds. */
#define LAG_GRACE	10

/*
 * is_for_host: what the host answers. That is LLDP at each port, and LACP and
 * markers at a member.
 */
static inline bool is_for_host(struct __sk_buff *skb, const struct frame *f,
			       bool member)
{
	__u64 dst = frame_dst(f);

	if (!f->valid || f->tag_octets)
		return false;
	if (dst == MAC_LLDP)
		return skb->protocol == bpf_htons(ETH_P_LLDP);
	return member && dst == MAC_SLOW &&
	       skb->protocol == bpf_htons(ETH_P_SLOW);
}

/* The protocol addresses in an ARP packet of IPv4 over Ethernet (RFC 826). */
#define ARP_SENDER	14
#define ARP_TARGET	24

/* is_gratuitous_arp: an address tells of itself (RFC 5227, 3). */
static inline bool is_gratuitous_arp(struct __sk_buff *skb, __u32 at)
{
	__u32 sender, target;

	return !bpf_skb_load_bytes(skb, at + ARP_SENDER, &sender, sizeof(sender)) &&
	       !bpf_skb_load_bytes(skb, at + ARP_TARGET, &target, sizeof(target)) &&
	       sender == target;
}

#define PROTO_ICMPV6		58
#define NEIGHBOUR_ADVERTISEMENT	136
#define ADVERTISES_SOLICITED	0x40

/* is_unsolicited_advertisement: the same for IPv6 (RFC 4861, 7.2.6). */
static inline bool is_unsolicited_advertisement(struct __sk_buff *skb, __u32 at)
{
	struct ipv6 ip;
	struct {
		__u8 type;
		__u8 code;
		__u16 checksum;
		__u8 flags;
	} icmp;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.next != PROTO_ICMPV6)
		return false;
	return !bpf_skb_load_bytes(skb, at + sizeof(ip), &icmp, sizeof(icmp)) &&
	       icmp.type == NEIGHBOUR_ADVERTISEMENT &&
	       !(icmp.flags & ADVERTISES_SOLICITED);
}

/* is_announcement: the frame's sender tells where its address is now. */
__attribute__((noinline)) int is_announcement(struct __sk_buff *skb)
{
	__u32 found = frame_type(skb), payload = found >> 16;
	__u16 type = found;

	if (type == ETH_P_ARP)
		return is_gratuitous_arp(skb, payload);
	return type == ETH_P_IPV6 && is_unsolicited_advertisement(skb, payload);
}

/*
 * is_reflected: the source is at another port. One that announces itself has
 * moved into the network, unless it did so here just before.
 */
static inline bool is_reflected(struct __sk_buff *skb, const struct passage *p)
{
	__u32 way, word;
	struct fdb_bucket *b;

	b = fdb_find(fdb_key(frame_src(&p->frame), p->fid), &way);
	if (!b)
		return false;
	word = READ_ONCE(b->port[way & (FDB_WAYS - 1)]);
	if (!word || (word & FDB_PORT_MASK) == p->port)
		return false;
	return word & FDB_STATIC || fdb_told_lately(word, p->now) ||
	       !(frame_dst(&p->frame) & MAC_GROUP) || !is_announcement(skb);
}

/* lag_designated is the member that takes in what is flooded. */
static inline __u32 lag_designated(__u32 table, const struct lag_table *t)
{
	return lag_live(table, t->designated) ? t->designated : lag_any(table);
}

/* admit says why a frame is refused that came in at a member. */
__attribute__((noinline)) int admit(struct __sk_buff *skb, struct passage *p,
				    __u32 number)
{
	__u32 table = lag_current(number), to = 0, slot;
	struct lag_table *t = lag_table(table);
	__u64 dst, pin;

	if (!t || !p || !(t->flags & LAG_INDEPENDENT))
		return DROP_NONE;
	if (is_reflected(skb, p))
		return DROP_LAG_REFLECTION;
	dst = frame_dst(&p->frame);
	if (!(dst & MAC_GROUP))
		to = fdb_port(dst, p->fid);
	if (!to) {
		slot = lag_designated(table, t);
	} else {
		if (to == p->port || p->now - t->changed < LAG_GRACE * hz)
			return DROP_NONE;
		pin = lag_pin(t->distribution, dst, p->vlan, to);
		slot = lag_slot(table, pin >> BUCKET_BITS, LAG_NO_MEMBER);
	}
	if (slot >= LAG_MEMBERS || lag_at(t, slot)->way.port != p->in_port)
		return DROP_LAG_DUPLICATE;
	return DROP_NONE;
}

#endif
