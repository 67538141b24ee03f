/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * police.h - what is above a rate is dropped or marked at once (RFC 2698, colour
 * blind; with one rate its committed half).
 *
 * Maps written: policers, policer_shares.
 */
#ifndef SIGNALBOX_POLICE_H
#define SIGNALBOX_POLICE_H

#include "hash.h"
#include "parse.h"
#include "passage.h"
#include "qos_maps.h"
#include "remark.h"

/*
 * bucket_draw takes octets out of a bucket that all CPUs share: 1 where it had
 * so many.
 */
__attribute__((noinline)) int bucket_draw(__u32 at, __u32 bucket, __u32 octets)
{
	struct policer *p = bpf_map_lookup_elem(&policers, &at);
	__u64 now = bpf_ktime_get_ns(), cost, was, from;

	if (!p || bucket >= NUM_BUCKETS)
		return 0;
	cost = p->per_octet[bucket] * octets >> POLICER_SHIFT;
	for (__u32 i = 0; i < 8; i++) {
		was = READ_ONCE(p->full_at[bucket]);
		from = was > now ? was : now;
		if (from + cost > now + p->depth[bucket])
			return 0;
		if (__sync_val_compare_and_swap(&p->full_at[bucket], was,
						from + cost) == was)
			return 1;
	}
	return 0;
}

/*
 * bucket_spend is whether a bucket has room for a frame, out of what this CPU
 * has drawn before or out of what it draws now.
 */
static inline bool bucket_spend(__u32 at, struct policer *p,
				struct policer_share *s, __u32 bucket, __u32 octets)
{
	__u32 lot = p->lot[bucket];

	if (s->credit[bucket] >= octets)
		return true;
	if (lot > octets && bucket_draw(at, bucket, lot)) {
		s->credit[bucket] += lot;
		return true;
	}
	if (!bucket_draw(at, bucket, octets))
		return false;
	s->credit[bucket] += octets;
	return true;
}

/* colour is 0 for what conforms, 1 for what exceeds, 2 for what violates. */
static inline __u32 colour(__u32 at, struct policer *p, struct policer_share *s,
			   __u32 octets)
{
	bool peak = p->per_octet[BUCKET_PEAK];

	if (peak && !bucket_spend(at, p, s, BUCKET_PEAK, octets))
		return 2;
	if (peak)
		s->credit[BUCKET_PEAK] -= octets;
	if (!bucket_spend(at, p, s, BUCKET_COMMITTED, octets))
		return 1;
	s->credit[BUCKET_COMMITTED] -= octets;
	return 0;
}

static inline bool polices(const struct policer *p, __u16 queue)
{
	if (!p->queue[0])
		return true;
	for (__u32 i = 0; i < POLICER_QUEUES; i++)
		if (p->queue[i] == queue)
			return queue;
	return false;
}

/*
 * segment_headers is how long the headers are that each segment of a GSO frame
 * has: the frame itself has them once (include/net/sch_generic.h,
 * qdisc_pkt_len_init).
 */
__attribute__((noinline)) int segment_headers(struct __sk_buff *skb)
{
	__u32 found = frame_type(skb), at = found >> 16;
	__u16 type = found;
	__u8 protocol, first;

	if (bpf_skb_load_bytes(skb, at, &first, sizeof(first)))
		return at;
	if (type == ETH_P_IP) {
		if (bpf_skb_load_bytes(skb, at + 9, &protocol, sizeof(protocol)))
			return at;
		at += (first & 0xf) * 4;
	} else if (type == ETH_P_IPV6) {
		if (bpf_skb_load_bytes(skb, at + 6, &protocol, sizeof(protocol)))
			return at;
		at += sizeof(struct ipv6);
	} else {
		return at;
	}
	if (protocol != PROTO_TCP)
		return at + 8;
	if (bpf_skb_load_bytes(skb, at + 12, &first, sizeof(first)))
		return at;
	return at + (first >> 4) * 4;
}

/* wire_octets is what a frame takes on a wire, segment by segment. */
static inline __u32 wire_octets(struct __sk_buff *skb, const struct frame *f)
{
	__u32 octets = f->octets + f->tag_octets, segments = skb->gso_segs;

	if (segments < 2)
		return octets;
	return octets + (segments - 1) * segment_headers(skb);
}

/* police_one asks one policer; the result is a reason to drop the frame. */
__attribute__((noinline)) int police_one(struct __sk_buff *skb, struct passage *p,
					 __u32 place, __u32 octets)
{
	__u32 instance, at, is;
	struct instance_policers *all;
	struct policer_share *s;
	struct policer *policer;

	if (!p)
		return DROP_NONE;
	instance = p->qos.instance;
	place &= MAX_POLICERS - 1;
	at = instance * MAX_POLICERS + place;
	all = bpf_map_lookup_elem(&policer_shares, &instance);
	policer = bpf_map_lookup_elem(&policers, &at);
	if (!all || !policer || !policer->exists || !polices(policer, p->qos.queue))
		return DROP_NONE;
	s = &all->policer[place];
	is = colour(at, policer, s, octets);
	if (is > NUM_BUCKETS)
		return DROP_NONE;
	s->count[is].packets++;
	s->count[is].octets += octets;
	if (policer->action[is].drop)
		return DROP_POLICED;
	if (policer->action[is].dscp != MARK_NONE || policer->action[is].pcp != MARK_NONE)
		remark(skb, &p->frame, policer->action[is].dscp, policer->action[is].pcp);
	return DROP_NONE;
}

/* police asks the policers of a port, the most urgent first. */
static inline enum drop_reason police(struct __sk_buff *skb, struct passage *p)
{
	__u32 octets = wire_octets(skb, &p->frame);

	for (__u32 i = 0; i < MAX_POLICERS && i < p->qos.policers; i++)
		if (police_one(skb, p, i, octets)) {
			p->qos.policers = i + 1; /* which it was, for who traces */
			return DROP_POLICED;
		}
	return DROP_NONE;
}

#endif
