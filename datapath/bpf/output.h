/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * output.h - how a frame leaves through a port: whether it may, with which
 * tag, and by which helper.
 *
 * Maps read: ports, lags, lag_tables.
 */
#ifndef SIGNALBOX_OUTPUT_H
#define SIGNALBOX_OUTPUT_H

#include "counters.h"
#include "lag.h"
#include "maps.h"
#include "parse.h"
#include "vlan.h"

/*
 * An action is soon read in words, which is slow where it was written in
 * smaller pieces: so it is written in words.
 */
static inline void set_way(struct way *way, __u32 ifindex, __u16 port, __u16 flags)
{
	*(__u64 *)way = ifindex | (__u64)port << 32 | (__u64)flags << 48;
}

static inline void set_form(struct action *act, __u32 max_octets, __u32 tag)
{
	*(__u64 *)&act->max_octets = max_octets | (__u64)tag << 32;
}

/*
 * egress resolves how a frame of a switch's VLAN leaves through a port; `from`
 * is the port that it came in at.
 */
static inline enum drop_reason egress(const struct frame *f, __u32 number,
				      __u16 sw, __u16 vlan, __u32 from,
				      struct action *act)
{
	struct port *port = bpf_map_lookup_elem(&ports, &number);
	struct port_how how;
	__u32 ifindex;
	__u16 via;

	if (!port)
		return DROP_EGRESS_DOWN;
	how = port_how(port);
	ifindex = port->ifindex;
	if (unlikely(how.flags & PORT_AGGREGATE))
		via = lag_resolve(f, port->lag, vlan, from, act);
	else
		via = how.flags & PORT_PEER ? OUT_PEER : 0;
	set_way(&act->way, ifindex, number, via);
	if (!(how.flags & PORT_FORWARDING) || !(ifindex || via & OUT_LAG))
		return DROP_EGRESS_DOWN;
	if (how.sw != sw)
		return DROP_EGRESS_VLAN;
	if (!carries(port, &how, vlan))
		return DROP_EGRESS_VLAN;
	set_form(act, port->mtu + ETH_HLEN, vlan == how.pvid ? 0 : TAG_PRESENT | vlan);
	return DROP_NONE;
}

/*
 * too_big compares with the port's MTU. A GSO unit may be longer: its segments
 * must fit.
 */
static inline bool too_big(struct __sk_buff *skb, const struct frame *f,
			   const struct action *act, __u32 ifindex)
{
	__u32 mtu = 0;

	if (f->octets <= act->max_octets)
		return false;
	if (!skb->gso_size)
		return true;
	return bpf_check_mtu(skb, ifindex, &mtu, 0,
			     BPF_MTU_CHK_SEGS) != BPF_MTU_CHK_RET_SUCCESS;
}

/*
 * retag gives the frame the tag that the port wants; the priority stays.
 * Packet pointers are void afterwards.
 */
static inline int retag(struct __sk_buff *skb, struct frame *f,
			const struct action *act)
{
	__u32 want = act->tag ? act->tag | f->priority : 0;

	if (f->tag == want)
		return 0;
	if (f->tag) {
		if (bpf_skb_vlan_pop(skb))
			return -1;
		f->tag = 0;
		f->tag_octets -= VLAN_HLEN;
	}
	if (want) {
		if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), want))
			return -1;
		f->tag = want;
		f->tag_octets += VLAN_HLEN;
	}
	return 0;
}

/*
 * prepare makes the frame what leaves through the port by an interface, or
 * says why not.
 */
static inline enum drop_reason prepare(struct __sk_buff *skb, struct frame *f,
				       const struct action *act, __u32 ifindex)
{
	if (too_big(skb, f, act, ifindex))
		return DROP_TOO_BIG;
	return retag(skb, f, act) ? DROP_TRANSMIT : DROP_NONE;
}

/* send hands the frame itself over; the result is the program's. */
static inline int send(struct way way)
{
	if (way.flags & OUT_PEER)
		return bpf_redirect_peer(way.ifindex, 0);
	return bpf_redirect(way.ifindex, 0);
}

#endif
