/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * fdb.h - the filtering database: where an address is, and learning it.
 *
 * An address has two buckets of four entries and is put into the emptier one,
 * so that a million addresses fit into two million entries. Several CPUs and
 * the element write at the same time without a lock:
 *   - an entry is claimed by changing its key from 0, and counts when its
 *     port is set; whoever finds its key a second time after the claim gives
 *     the claim back;
 *   - a move changes the port from the value that was read;
 *   - only the element frees: first the port, then the key.
 *
 * Maps written: fdb, switches, fdb_events, globals.
 */
#ifndef SIGNALBOX_FDB_H
#define SIGNALBOX_FDB_H

#include "maps.h"
#include "parse.h"

/* Jiffies per second, set at load. */
const volatile __u32 hz = 250;

/*
 * An address is noted again when half a second has passed; so does a cached
 * flow end. In jiffies, set at load.
 */
const volatile __u32 refresh_after = 125;

static inline __u64 fdb_key(__u64 mac, __u32 fid)
{
	return mac << 16 | fid;
}

/* fastpath/fdb.go has the same arithmetic, FDB.buckets. */
#define BUCKET_SHIFT	45

_Static_assert(FDB_BUCKETS == 1ULL << (64 - BUCKET_SHIFT), "bits of a bucket");

static inline __u32 fdb_first(__u64 key)
{
	return (key ^ key >> 32) * 0x9e3779b97f4a7c15ULL >> BUCKET_SHIFT;
}

static inline __u32 fdb_second(__u64 key)
{
	return (key ^ key >> 29) * 0xc2b2ae3d27d4eb4fULL >> BUCKET_SHIFT;
}

static inline struct fdb_bucket *fdb_bucket(__u32 at)
{
	return bpf_map_lookup_elem(&fdb, &at);
}

/* fdb_way is the entry of a key in a bucket, or FDB_WAYS. */
static inline __u32 fdb_way(const struct fdb_bucket *b, __u64 key)
{
	if (READ_ONCE(b->key[0]) == key)
		return 0;
	if (READ_ONCE(b->key[1]) == key)
		return 1;
	if (READ_ONCE(b->key[2]) == key)
		return 2;
	if (READ_ONCE(b->key[3]) == key)
		return 3;
	return FDB_WAYS;
}

/* fdb_find looks in both buckets; NULL where the key is in neither. */
static inline struct fdb_bucket *fdb_find(__u64 key, __u32 *way)
{
	struct fdb_bucket *b = fdb_bucket(fdb_first(key));

	if (!b)
		return NULL;
	*way = fdb_way(b, key);
	if (*way < FDB_WAYS)
		return b;
	b = fdb_bucket(fdb_second(key));
	if (!b)
		return NULL;
	*way = fdb_way(b, key);
	return *way < FDB_WAYS ? b : NULL;
}

/* fdb_port is where an address is, or 0. */
static inline __u32 fdb_port(__u64 mac, __u32 fid)
{
	__u32 way;
	struct fdb_bucket *b = fdb_find(fdb_key(mac, fid), &way);

	if (!b)
		return 0;
	return READ_ONCE(b->port[way & (FDB_WAYS - 1)]) & FDB_PORT_MASK;
}

static inline void fdb_tell(__u64 key, __u16 kind, __u16 port, __u16 old)
{
	struct fdb_event *e = bpf_ringbuf_reserve(&fdb_events, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&globals.events_lost, 1);
		return;
	}
	e->key = key;
	e->kind = kind;
	e->port = port;
	e->old_port = old;
	e->reserved = 0;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* fdb_refuse tells at most once a second for each switch. */
static inline void fdb_refuse(struct vswitch *sw, __u64 key, __u16 kind,
			      __u16 port, __u32 now)
{
	__sync_fetch_and_add(&sw->refused, 1);
	if (now - READ_ONCE(sw->refused_at) < hz)
		return;
	WRITE_ONCE(sw->refused_at, now);
	fdb_tell(key, kind, port, 0);
}

/*
 * differ is 1 where the words differ, else 0, without a branch: the verifier
 * then follows one way through the counting, not one for each outcome.
 */
static inline __u32 differ(__u64 a, __u64 b)
{
	__u64 x = a ^ b, y = -x;

	asm("" : "+r"(y));
	return (x | y) >> 63;
}

/* fdb_copies counts the entries of a bucket that have a key. */
static inline __u32 fdb_copies(const struct fdb_bucket *b, __u64 key)
{
	return FDB_WAYS -
	       differ(READ_ONCE(b->key[0]), key) - differ(READ_ONCE(b->key[1]), key) -
	       differ(READ_ONCE(b->key[2]), key) - differ(READ_ONCE(b->key[3]), key);
}

static inline __u32 fdb_used(const struct fdb_bucket *b)
{
	return FDB_WAYS - fdb_copies(b, 0);
}

/* fdb_claim takes a free entry of a bucket; FDB_WAYS where there is none. */
static inline __u32 fdb_claim(struct fdb_bucket *b, __u64 key)
{
#pragma unroll
	for (__u32 i = 0; i < FDB_WAYS; i++)
		if (!READ_ONCE(b->key[i]) &&
		    !__sync_val_compare_and_swap(&b->key[i], 0, key))
			return i;
	return FDB_WAYS;
}

/*
 * fdb_insert learns an address that is not there. Functions that are not
 * static are verified by themselves, once.
 */
__attribute__((noinline)) int fdb_insert(__u32 number, __u64 key, __u32 port,
					 __u32 now)
{
	struct vswitch *sw = bpf_map_lookup_elem(&switches, &number);
	struct fdb_bucket *a = fdb_bucket(fdb_first(key));
	struct fdb_bucket *b = fdb_bucket(fdb_second(key)), *c;
	__u32 max, way;

	if (!sw || !a || !b)
		return 0;
	max = sw->max_entries;
	if (__sync_fetch_and_add(&sw->dynamic, 1) >= max && max) {
		__sync_fetch_and_add(&sw->dynamic, -1);
		fdb_refuse(sw, key, FDB_REFUSED_LIMIT, port, now);
		return 0;
	}
	c = fdb_used(b) < fdb_used(a) ? b : a;
	way = fdb_claim(c, key);
	if (way == FDB_WAYS) {
		__sync_fetch_and_add(&sw->dynamic, -1);
		fdb_refuse(sw, key, FDB_REFUSED_FULL, port, now);
		return 0;
	}
	if (fdb_copies(a, key) + (a == b ? 0 : fdb_copies(b, key)) > 1) {
		WRITE_ONCE(c->key[way & (FDB_WAYS - 1)], 0);
		__sync_fetch_and_add(&sw->dynamic, -1);
		return 0;
	}
	WRITE_ONCE(c->seen[way & (FDB_WAYS - 1)], now);
	WRITE_ONCE(c->port[way & (FDB_WAYS - 1)], port);
	fdb_tell(key, FDB_LEARNED, port, 0);
	return 0;
}

/*
 * An address that tells of itself by a gratuitous ARP at a port is kept there
 * for some seconds: what then comes back from the network is that frame, not
 * the address. The time is in quarters of a second, modulo TOLD_TIMES, and
 * never 0.
 */
#define TOLD_TIMES	4095
#define TOLD_PERIOD	20	/* quarters */

static inline __u32 told_time(__u32 now)
{
	return now / (hz / 4) % TOLD_TIMES;
}

/* fdb_told_lately is whether a port word is of an address that told lately. */
static inline bool fdb_told_lately(__u32 word, __u32 now)
{
	__u32 told = word >> FDB_TOLD_SHIFT;

	return told && (told_time(now) + TOLD_TIMES - (told - 1)) % TOLD_TIMES < TOLD_PERIOD;
}

/* fdb_tells notes that an address told of itself at a port. */
__attribute__((noinline)) int fdb_tells(__u64 key, __u32 port, __u32 now)
{
	__u32 way, old;
	struct fdb_bucket *b = fdb_find(key, &way);

	if (!b)
		return 0;
	way &= FDB_WAYS - 1;
	old = READ_ONCE(b->port[way]);
	if ((old & ~(~0U << FDB_TOLD_SHIFT)) == port)
		__sync_val_compare_and_swap(&b->port[way], old,
					    port | (told_time(now) + 1) << FDB_TOLD_SHIFT);
	return 0;
}

/*
 * fdb_learn notes that an address was seen at a port; or says why it must not
 * be there.
 */
static inline enum drop_reason fdb_learn(struct vswitch *sw, __u32 number,
					 __u64 mac, __u32 fid, __u32 port,
					 bool stays, __u32 now)
{
	__u64 key = fdb_key(mac, fid);
	struct fdb_bucket *b;
	__u32 way, old;

	if (!(sw->flags & SWITCH_LEARNING) || !mac)
		return DROP_NONE;
	b = fdb_find(key, &way);
	if (unlikely(!b)) {
		fdb_insert(number, key, port, now);
		return DROP_NONE;
	}
	way &= FDB_WAYS - 1;
	old = READ_ONCE(b->port[way]);
	if (unlikely(stays) && old && (old & FDB_PORT_MASK) != port)
		return DROP_ADDRESS_ELSEWHERE;
	if (!old || old & FDB_STATIC)
		return DROP_NONE;
	if (unlikely((old & FDB_PORT_MASK) != port)) {
		if (__sync_val_compare_and_swap(&b->port[way], old, port) != old)
			return DROP_NONE;
		__sync_fetch_and_add(&sw->moves, 1);
		fdb_tell(key, FDB_MOVED, port, old & FDB_PORT_MASK);
		__sync_fetch_and_add(&globals.generation, 1);
	} else if (now - READ_ONCE(b->seen[way]) < refresh_after) {
		return DROP_NONE;
	} else if (old != port && !fdb_told_lately(old, now)) {
		__sync_val_compare_and_swap(&b->port[way], old, port);
	}
	WRITE_ONCE(b->seen[way], now);
	return DROP_NONE;
}

#endif
