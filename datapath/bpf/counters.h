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
	__u32 slot = reason;

	/* The check and the use in one register: older verifiers want that. */
	asm volatile("" : "+r"(slot));
	if (slot < DROP_SLOTS)
		d->drops[slot]++;
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

struct fold_request {
	__u32 from;
	__u32 into;
};

#define COUNTER_WORDS	(sizeof(struct port_counters) / sizeof(__u64))
#define MAX_CPUS	8192

/*
 * fold_step adds what one CPU has counted at a port to another port's counters
 * of the CPU that runs this. Here a frame may come between the reading and the
 * writing of a word: one instruction does both.
 */
static long fold_step(__u32 cpu, struct fold_request *r)
{
	__u64 *from = bpf_map_lookup_percpu_elem(&counters, &r->from, cpu);
	__u64 *into = bpf_map_lookup_elem(&counters, &r->into);

	if (!from || !into)
		return 1;
	for (__u32 i = 0; i < COUNTER_WORDS; i++) {
		__sync_fetch_and_add(&into[i], from[i]);
		from[i] = 0;
	}
	return 0;
}

#endif
