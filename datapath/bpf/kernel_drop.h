/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kernel_drop.h - tells of frames that the kernel drops at a port, before the
 * switch has them or after it gave them out: in a queue, by a filter of the
 * host, for lack of memory.
 *
 * It is attached only while a trace session asks for it.
 *
 * Maps read: port_of_ifindex, globals. Maps written: kernel_drops.
 */
#ifndef SIGNALBOX_KERNEL_DROP_H
#define SIGNALBOX_KERNEL_DROP_H

#include "device.h"
#include "maps.h"
#include "trace_abi.h"

/* Set at load: what the kernel says of the switch's own drops. */
const volatile __u32 kernel_own_reason;

/* Records. The program writes, the element polls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} kernel_drops SEC(".maps");

#define NO_MAC_HEADER	0xffff

/* drop_capture copies the frame's beginning, where it has one. */
static inline void drop_capture(struct kernel_drop *e, const struct sk_buff *skb)
{
	__u32 at = skb->mac_header, octets = skb->tail - at;

	e->captured = 0;
	if (at == NO_MAC_HEADER || octets > 0xffff)
		return;
	if (octets > sizeof(e->octets))
		octets = sizeof(e->octets);
	/* The check and the use in one register. */
	asm volatile("" : "+r"(octets));
	if (octets > sizeof(e->octets))
		return;
	if (!bpf_probe_read_kernel(e->octets, octets, skb->head + at))
		e->captured = octets;
}

/* drop_note tells of one frame. */
static inline void drop_note(const struct sk_buff *skb, __u32 port, __u32 reason)
{
	struct kernel_drop *e = bpf_ringbuf_reserve(&kernel_drops, sizeof(*e), 0);

	if (!e)
		return;
	e->time = bpf_ktime_get_ns();
	e->reason = reason;
	e->length = skb->len;
	e->port = port;
	e->tag = skb->vlan_tci || skb->vlan_proto ?
		 (__u32)bpf_ntohs(skb->vlan_proto) << 16 | skb->vlan_tci : 0;
	e->reserved = 0;
	drop_capture(e, skb);
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

#endif
