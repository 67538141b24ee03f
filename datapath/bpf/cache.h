/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * cache.h - what was resolved for a flow of known unicast frames.
 *
 * A flow is void when the generation has changed since (configuration, a move,
 * a deletion), and after half a second, so that its addresses are noted in the
 * filtering database. It says nothing that the stages would not say again.
 *
 * Maps read: globals. Maps written: flow_cache.
 */
#ifndef SIGNALBOX_CACHE_H
#define SIGNALBOX_CACHE_H

#include "classify.h"
#include "fdb.h"
#include "maps.h"
#include "parse.h"
#include "passage.h"

/* Set at load; tests and measurements switch it off. */
const volatile bool caching = true;

/*
 * flow_key must be taken before a stage looks at anything: a flow that was
 * resolved while the generation changed is then void.
 */
static inline struct flow_key flow_key(const struct frame *f)
{
	__u64 tag = f->tag & ~PRIORITY_MASK;
	struct flow_key key = {
		.addresses = f->word0,
		.source = f->word1 | (__u64)f->ifindex << 32,
		.state = READ_ONCE(globals.generation) | tag << 32,
	};

	return key;
}

#define SLOT_SHIFT	52

_Static_assert(FLOW_SLOTS == 1ULL << (64 - SLOT_SHIFT), "bits of a slot");

/* flow_slot is where a flow of that key would be. */
static inline __u32 flow_slot(const struct flow_key *key)
{
	__u64 mix = key->addresses ^ key->addresses >> 24 ^ key->source ^
		    key->state >> 32;

	return mix * 0x9e3779b97f4a7c15ULL >> SLOT_SHIFT;
}

/* flow_hit: an empty slot has interface 0, which no key has. */
static inline bool flow_hit(const struct flow *flow, const struct flow_key *key,
			    __u32 now)
{
	return caching && flow->addresses == key->addresses &&
	       flow->source == key->source && flow->state == key->state &&
	       now - flow->filled < refresh_after;
}

static inline void flow_fill(__u32 slot, const struct flow_key *key, __u32 now,
			     const struct passage *p)
{
	struct flow *flow = bpf_map_lookup_elem(&flow_cache, &slot);

	if (!flow)
		return;
	flow->addresses = key->addresses;
	flow->source = key->source;
	flow->state = key->state;
	flow->filled = now;
	flow->in_port = p->in_port;
	flow->vlan = p->vlan;
	flow->action = p->act;
	set_qos(&flow->qos, *(const __u64 *)&p->qos);
}

#endif
