/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * lag.h - link aggregation: which member a frame leaves by (IEEE 802.1AX-2020,
 * 6.2.4), and which frames are taken in at a member.
 *
 * Whether a member has carrier is read here, for each frame, so that no frame
 * after the failure is lost, whatever user space knows.
 *
 * Maps read: lags. Maps written: lag_tables, lag_loads, lag_pauses.
 */
#ifndef SIGNALBOX_LAG_H
#define SIGNALBOX_LAG_H

#include "device.h"
#include "hash.h"
#include "maps.h"
#include "parse.h"

static inline struct lag_table *lag_table(__u32 at)
{
	return bpf_map_lookup_elem(&lag_tables, &at);
}

/* lag_current is the table that a LAG uses; 0 is nobody's. */
static inline __u32 lag_current(__u32 number)
{
	struct lag *lag = bpf_map_lookup_elem(&lags, &number);

	return lag ? READ_ONCE(lag->table) : 0;
}

/* lag_way reads the word that says how frames leave by a member. */
static inline struct way lag_way(const struct lag_member *m)
{
	union {
		__u64 word;
		struct way way;
	} u = { .word = READ_ONCE(*(const __u64 *)&m->way) };

	return u.way;
}

/*
 * lag_at is a member of a table. The verifier forgets bounds over a spilled
 * register: the mask, which the compiler must not see through, tells it again.
 */
static inline struct lag_member *lag_at(struct lag_table *t, __u64 slot)
{
	asm("" : "+r"(slot));
	return &t->member[slot & (LAG_MEMBERS - 1)];
}

/* lag_live is 1 where frames may leave by a member now. */
__attribute__((noinline)) int lag_live(__u32 table, __u32 slot)
{
	struct lag_table *t = lag_table(table);
	struct lag_member *m;
	struct way way;

	if (!t || slot >= LAG_MEMBERS)
		return 0;
	m = lag_at(t, slot);
	way = lag_way(m);
	if (!(way.flags & OUT_ACTIVE) ||
	    !device_live(&m->device, READ_ONCE(globals.net), way.ifindex))
		return 0;
	WRITE_ONCE(m->looked_at, (__u32)bpf_jiffies64());
	return 1;
}

/* lag_any is the first member that frames may leave by, or LAG_NO_MEMBER. */
static inline __u32 lag_any(__u32 table)
{
	for (__u32 slot = 0; slot < LAG_MEMBERS; slot++)
		if (lag_live(table, slot))
			return slot;
	return LAG_NO_MEMBER;
}

/*
 * lag_slot is the member that frames of a bucket may leave by: the wanted one,
 * or else the first, the second, any; or LAG_NO_MEMBER.
 */
__attribute__((noinline)) int lag_slot(__u32 table, __u32 bucket, __u32 wanted)
{
	struct lag_table *t = lag_table(table);
	struct lag_bucket b;

	if (!t)
		return LAG_NO_MEMBER;
	b = t->bucket[bucket & (LAG_BUCKETS - 1)];
	if (lag_live(table, wanted))
		return wanted;
	if (lag_live(table, b.first))
		return b.first;
	if (lag_live(table, b.second))
		return b.second;
	return lag_any(table);
}

/* Which bits of the clock a pause is measured with: microseconds, nearly. */
#define PAUSE_SHIFT	10

/*
 * lag_move is the member of a bucket that is to move: until it has paused the
 * one that it had, so that no frame overtakes another. A member that is lost is
 * left at once.
 */
__attribute__((noinline)) int lag_move(__u32 table, __u32 bucket)
{
	__u32 number = table >> 1, now = bpf_ktime_get_ns() >> PAUSE_SHIFT, first;
	struct lag_pauses *pauses = bpf_map_lookup_elem(&lag_pauses, &number);
	struct lag_table *t = lag_table(table);
	struct lag_pause *pause, was;

	if (!pauses || !t)
		return LAG_NO_MEMBER;
	bucket &= LAG_BUCKETS - 1;
	first = t->bucket[bucket].first;
	pause = &pauses->bucket[bucket];
	was = *pause;
	if (was.member == first || !was.used || !lag_live(table, was.member) ||
	    (was.waits && now - was.last >= t->flowlet_gap)) {
		*pause = (struct lag_pause){ .used = 1, .member = first };
		return first;
	}
	pause->last = now;
	pause->waits = 1;
	return was.member;
}

/*
 * lag_flowlet is the member of a bucket by LAG_DYNAMIC, mostly the first: where
 * the table names another one than the bucket had, it is to move.
 */
static inline __u32 lag_flowlet(__u32 table, __u32 bucket, __u32 octets,
				__u32 first)
{
	__u32 number = table >> 1;
	struct lag_load *load = bpf_map_lookup_elem(&lag_loads, &number);
	struct lag_pauses *pauses = bpf_map_lookup_elem(&lag_pauses, &number);
	struct lag_pause *pause;

	if (!load || !pauses)
		return LAG_NO_MEMBER;
	load->octets[bucket] += octets;
	pause = &pauses->bucket[bucket];
	if (pause->used && pause->member == first && !pause->waits)
		return first;
	return lag_move(table, bucket);
}

/*
 * lag_bucket is the bucket of a frame that leaves by a LAG. What most frames are
 * is done in place: a call costs more than all the rest.
 */
static inline __u32 lag_bucket(struct __sk_buff *skb, struct frame *f,
			       const struct action *act)
{
	__u16 flags = act->way.flags;
	__u64 hash;

	if (flags & OUT_BY_PORTS && hash_quick(skb, &hash))
		return hash >> BUCKET_BITS;
	if (!(flags & OUT_BY_FRAME))
		return act->bucket;
	if (flags & OUT_BY_PORTS ?
	    hash_quick6(skb, &hash) :
	    hash_quick_addresses(skb, f, act->distribution == LAG_MAC_ADDRESSES, &hash))
		return hash >> BUCKET_BITS;
	return hash_slowly(skb, f, act->distribution) & (LAG_BUCKETS - 1);
}

/*
 * lag_choose finds the member that a frame leaves by now; *way is the action's
 * before. Where the pointer to
 * the member's device leads is looked at once in each jiffy: between, only
 * whether it is alive. All else is looked at with more care.
 */
static inline enum drop_reason lag_choose(struct __sk_buff *skb, struct frame *f,
					  const struct action *act, __u32 now,
					  struct way *way)
{
	__u32 bucket = lag_bucket(skb, f, act), slot;
	struct lag_table *t = lag_table(act->table);

	if (!t)
		return DROP_EGRESS_DOWN;
	slot = t->bucket[bucket].first;
	if (way->flags & OUT_DYNAMIC) {
		slot = lag_flowlet(act->table, bucket, f->octets, slot);
		t = lag_table(act->table); /* no register is left to keep it */
		if (!t)
			return DROP_EGRESS_DOWN;
	}
	if (slot < LAG_MEMBERS) {
		struct lag_member *m = lag_at(t, slot);

		*way = lag_way(m);
		if (READ_ONCE(m->looked_at) == now && device_is_live(READ_ONCE(m->device)))
			return DROP_NONE;
	}
	slot = lag_slot(act->table, bucket, slot);
	if (slot >= LAG_MEMBERS) {
		way->port = READ_ONCE(act->way.port);
		return DROP_EGRESS_DOWN;
	}
	t = lag_table(act->table);
	if (t)
		*way = lag_way(lag_at(t, slot));
	return DROP_NONE;
}

/*
 * lag_pin is the number of what comes from an address or port, for the
 * distributions that keep all frames of one source on one member.
 */
static inline __u64 lag_pin(__u32 distribution, __u64 mac, __u16 vlan, __u32 port)
{
	if (distribution == LAG_VLAN_SOURCE_MAC)
		return hash_source(mac, vlan);
	return distribution == LAG_SWITCH_PORT ? hash_port(port) : 0;
}

/* lag_layers is what the bucket of each frame is made of. */
static inline __u16 lag_layers(__u32 distribution)
{
	switch (distribution) {
	case LAG_TRANSPORT_PORTS:
		return OUT_BY_FRAME | OUT_BY_PORTS;
	case LAG_DYNAMIC:
		return OUT_BY_FRAME | OUT_BY_PORTS | OUT_DYNAMIC;
	case LAG_IP_ADDRESSES:
	case LAG_MAC_ADDRESSES:
		return OUT_BY_FRAME;
	}
	return 0;
}

/* lag_resolve fills in what is of an aggregate; the result is the way's flags. */
static inline __u16 lag_resolve(const struct frame *f, __u32 number, __u16 vlan,
				__u32 from, struct action *act)
{
	__u32 table = lag_current(number), distribution, bucket;
	struct lag_table *t = lag_table(table);

	if (!table || !t)
		return 0;
	distribution = t->distribution;
	bucket = lag_pin(distribution, frame_src(f), vlan, from) >> BUCKET_BITS;
	*(__u64 *)&act->table = table | bucket << 16 | distribution << 24;
	return OUT_LAG | lag_layers(distribution);
}

#endif
