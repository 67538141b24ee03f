/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * counters.h - count a frame where it comes in and where it goes out.
 *
 * The values are per CPU, and a program on the way of packets is not
 * interrupted by another one: plain additions do.
 *
 * Maps written: counters.
 */
#ifndef SIGNALBOX_COUNTERS_H
#define SIGNALBOX_COUNTERS_H

#include "maps.h"
#include "parse.h"

/* unicast, multicast and broadcast stand in the order of enum cast. */
static inline void count(struct direction *d, enum cast cast, __u32 octets)
{
	d->octets += octets;
	(&d->unicast)[cast & 3]++;
}

static inline void count_drop(struct direction *d, enum drop_reason reason)
{
	if (reason < DROP_SLOTS)
		d->drops[reason]++;
}

/* count_in notes a frame at its ingress port, and why it was dropped there. */
static inline void count_in(__u32 port, enum cast cast, __u32 octets,
			    enum drop_reason reason)
{
	struct port_counters *c = bpf_map_lookup_elem(&counters, &port);

	if (!c)
		return;
	count(&c->in, cast, octets);
	if (reason != DROP_NONE)
		count_drop(&c->in, reason);
}

/*
 * count_out notes a copy at its egress port: as sent, or else only as dropped.
 */
static inline void count_out(__u32 port, enum cast cast, __u32 octets,
			     enum drop_reason reason)
{
	struct port_counters *c = bpf_map_lookup_elem(&counters, &port);

	if (!c)
		return;
	if (reason != DROP_NONE)
		count_drop(&c->out, reason);
	else
		count(&c->out, cast, octets);
}

#endif
