/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * classify.h - which class a frame is of, by the classifier of the port that it
 * came in at.
 *
 * Where addresses of layer 2 and the VLAN decide alone, the class is found once
 * for a flow and kept with it. Else it is found for each frame, in a cache by
 * the fields that the classifier's terms look at; what is not there is compared
 * with one term after the other.
 *
 * Maps read: classifiers, class_terms. Maps written: class_cache, term_counts.
 */
#ifndef SIGNALBOX_CLASSIFY_H
#define SIGNALBOX_CLASSIFY_H

#include "hash.h"
#include "parse.h"
#include "passage.h"
#include "qos_maps.h"

/* qos_word is whether anything is to be done at all, read as one. */
static inline __u64 qos_word(const struct port_qos *qos)
{
	return READ_ONCE(*(const __u64 *)qos);
}

static inline void set_qos(struct port_qos *qos, __u64 word)
{
	*(__u64 *)qos = word;
}

/* key_layer2 begins a key with what the frame's own words have. */
static inline void key_layer2(struct class_key *key, const struct frame *f,
			      __u16 vlan)
{
	__u64 tag = f->tag ? KEY_TAGGED |
		    (__u64)(f->priority >> 13 & 7) << KEY_PCP_SHIFT : 0;

	key->word[0] = f->word0;
	key->word[1] = f->word1 | (__u64)vlan << KEY_VLAN_SHIFT | tag;
	key->word[2] = 0;
	key->word[3] = 0;
	key->word[4] = 0;
	key->word[5] = 0;
	key->word[6] = 0;
	key->word[7] = 0;
}

#define IP_TOS_SHIFT		24		/* in the word at 12 */
#define IP_OFFSET_MASK		0xff1f		/* of a fragment, in the word at 20 */
#define IP_TTL_SHIFT		16		/* in the word at 20 */
#define TCP_FLAGS_AT		13

/* key_ports adds what layer 4 begins with, of TCP the flags too. */
static inline void key_ports(struct class_key *key, __u32 ports, __u32 protocol,
			     __u8 tcp_flags)
{
	key->word[6] |= (__u64)KIND_PORTS << KEY_KIND_SHIFT;
	key->word[7] |= bpf_ntohs(ports) |
			(__u32)bpf_ntohs(ports >> 16) << KEY_DPORT_SHIFT;
	if (protocol == PROTO_TCP)
		key->word[6] |= (__u64)KIND_TCP << KEY_KIND_SHIFT |
				(__u32)tcp_flags << KEY_TCP_SHIFT;
}

static inline void key_ip(struct class_key *key, __u32 kind, __u32 class,
			  __u32 ttl)
{
	key->word[6] |= (class >> 2 & 0x3f) << KEY_DSCP_SHIFT | ttl << KEY_TTL_SHIFT |
			(__u64)(kind | KIND_IP) << KEY_KIND_SHIFT;
}

static inline void key_protocol(struct class_key *key, __u32 protocol)
{
	key->word[6] |= protocol | (__u64)KIND_PROTOCOL << KEY_KIND_SHIFT;
}

/* key_ports_at reads the ports at an offset, where there are any. */
static inline void key_ports_at(struct __sk_buff *skb, struct class_key *key,
				__u32 at, __u32 protocol)
{
	__u32 ports;
	__u8 tcp_flags = 0;

	if (bpf_skb_load_bytes(skb, at, &ports, sizeof(ports)))
		return;
	if (protocol == PROTO_TCP &&
	    bpf_skb_load_bytes(skb, at + TCP_FLAGS_AT, &tcp_flags, sizeof(tcp_flags)))
		return;
	key_ports(key, ports, protocol, tcp_flags);
}

static inline void key_ipv4(struct __sk_buff *skb, struct class_key *key, __u32 at)
{
	struct ipv4 ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version_ihl >> 4 != 4)
		return;
	key_ip(key, KIND_IPV4, ip.tos, ip.ttl);
	key_protocol(key, ip.protocol);
	key->word[2] = ip.src | (__u64)ip.dst << 32;
	if (!(ip.fragment & IP_OFFSET_MASK) && has_ports(ip.protocol))
		key_ports_at(skb, key, at + (ip.version_ihl & 0xf) * 4, ip.protocol);
}

/*
 * ipv6_upper goes over the extension headers (RFC 8200, 4) and gives the
 * protocol behind them, and in the upper half where it begins, or 0 there where
 * that is not in this frame: it is a fragment other than the first.
 */
__attribute__((noinline)) int ipv6_upper(struct __sk_buff *skb, __u32 at,
					 __u32 next)
{
	struct {
		__u8 next;
		__u8 length;
		__u16 offset;	/* of a fragment, and whether more follow */
	} header;

	for (__u32 i = 0; i < EXTENSIONS; i++) {
		if (next != PROTO_HOPOPTS && next != PROTO_ROUTING &&
		    next != PROTO_DSTOPTS && next != PROTO_AH &&
		    next != PROTO_FRAGMENT && next != PROTO_MOBILITY &&
		    next != PROTO_HIP && next != PROTO_SHIM6)
			break;
		if (bpf_skb_load_bytes(skb, at, &header, sizeof(header)))
			return next;
		if (next == PROTO_FRAGMENT) {
			if (header.offset & bpf_htons(0xfff8))
				return header.next;
			at += 8;
		} else {
			at += next == PROTO_AH ? (header.length + 2) * 4 :
						 (header.length + 1) * 8;
		}
		next = header.next;
	}
	return next | at << 16;
}

static inline void key_ipv6(struct __sk_buff *skb, struct class_key *key, __u32 at)
{
	struct ipv6 ip;
	__u32 found, class;
	__u8 protocol;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return;
	class = bpf_ntohl(ip.version_class_flow) >> 20 & 0xff;
	key_ip(key, KIND_IPV6, class, ip.hops);
	key->word[2] = ip.src[0];
	key->word[3] = ip.src[1];
	key->word[4] = ip.dst[0];
	key->word[5] = ip.dst[1];
	found = ipv6_upper(skb, at + sizeof(ip), ip.next);
	protocol = found;
	key_protocol(key, protocol);
	if (found >> 16 && has_ports(protocol))
		key_ports_at(skb, key, found >> 16, protocol);
}

/* key_slowly adds what is above layer 2 of any frame. */
__attribute__((noinline)) int key_slowly(struct __sk_buff *skb, struct class_key *key)
{
	__u32 found = frame_type(skb), payload = found >> 16;
	__u16 type = found;

	if (!key)
		return 0;
	key->word[1] |= (__u64)type << KEY_TYPE_SHIFT;
	if (type == ETH_P_IP)
		key_ipv4(skb, key, payload);
	else if (type == ETH_P_IPV6)
		key_ipv6(skb, key, payload);
	return 0;
}

struct term_search {
	const struct class_key *key;
	__u32 first;	/* of the classifier's terms */
	__u32 found;	/* 1 + place of the one that fits */
};

/* term_step compares a key with one term; it ends the search where it fits. */
static long term_step(__u32 place, struct term_search *x)
{
	__u32 at = x->first + (place & (MAX_TERMS - 1)), ports;
	struct class_term *t = bpf_map_lookup_elem(&class_terms, &at);
	const struct class_key *key = x->key;
	__u64 differ = 0;

	if (!t)
		return 1;
	for (__u32 i = 0; i < KEY_WORDS - 1; i++)
		differ |= (key->word[i] ^ t->value[i]) & t->mask[i];
	if (differ)
		return 0;
	if (t->dscps && !(t->dscps >> (key->word[6] >> KEY_DSCP_SHIFT & 0x3f) & 1))
		return 0;
	if (t->pcps && !(t->pcps >> (key->word[1] >> KEY_PCP_SHIFT & 7) & 1))
		return 0;
	ports = key->word[7];
	if ((__u16)ports < t->sport_first || (__u16)ports > t->sport_last)
		return 0;
	ports >>= KEY_DPORT_SHIFT;
	if (ports < t->dport_first || ports > t->dport_last)
		return 0;
	x->found = place + 1;
	return 1;
}

/* term_find is 1 + the place of the first term that fits a key, or 0. */
__attribute__((noinline)) int term_find(struct class_key *key, __u32 classifier,
					__u32 terms)
{
	struct term_search x = { .key = key, .first = classifier * MAX_TERMS };

	if (!key)
		return 0;
	bpf_loop(terms, term_step, &x, 0);
	return x.found;
}

/* take_term notes in a port's word which term a frame fell on. */
static inline void take_term(struct port_qos *q, __u32 classifier, __u32 found)
{
	__u32 at = classifier * MAX_TERMS + found - 1;
	struct class_term *t;

	if (!found)
		return;
	t = bpf_map_lookup_elem(&class_terms, &at);
	if (!t)
		return;
	q->term = found;
	q->flags |= t->flags & QOS_REMARKS;
	q->queue = t->queue;
}

/*
 * classify_flow finds the class of a flow before it goes into the cache, where
 * layer 2 decides it.
 */
__attribute__((noinline)) int classify_flow(struct passage *p)
{
	__u32 number;
	struct classifier *c;
	struct class_key key;

	if (!p)
		return 0;
	number = p->qos.classifier;
	c = bpf_map_lookup_elem(&classifiers, &number);
	if (!c || !(c->flags & CLASSIFIER_BY_FLOW))
		return 0;
	key_layer2(&key, &p->frame, p->vlan);
	take_term(&p->qos, number, term_find(&key, number, c->terms));
	p->qos.flags |= QOS_RESOLVED;
	return 0;
}

static inline __u32 class_slot(const struct class_key *key)
{
	__u64 mix = key->word[0] ^ key->word[1] * 3 ^ key->word[2] * 5 ^
		    key->word[3] * 7 ^ key->word[4] * 11 ^ key->word[5] * 13 ^
		    key->word[6] * 17 ^ key->word[7] * 19;

	return mix * 0x9e3779b97f4a7c15ULL >> 54;
}

_Static_assert(CLASS_SLOTS == 1ULL << (64 - 54), "bits of a slot");

static inline bool class_hit(const struct class_entry *e, const struct class_key *key,
			     __u32 generation)
{
	__u64 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < KEY_WORDS; i++)
		differ |= e->key.word[i] ^ key->word[i];
	return !differ && e->generation == generation;
}

/*
 * class_by_mark is the class of a frame where its DSCP or its PCP decides alone.
 * NULL where the DSCP is not where it mostly is.
 */
static inline const struct mark_class *
class_by_mark(struct __sk_buff *skb, const struct classifier *c, __u32 tci)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 mark;

	if (c->flags & CLASSIFIER_BY_PCP)
		return &c->by_mark[tci ? tci >> 13 & 7 : NO_PCP];
	if (data + 16 > end)
		return NULL;
	mark = *(const __u32 *)(data + 12);
	if ((mark & TYPE_VERSION_IHL) != IPV4_NO_OPTIONS)
		return NULL;
	return &c->by_mark[mark >> (IP_TOS_SHIFT + 2)];
}

/*
 * key_quick adds what is above layer 2 of what most frames are: IPv4 without
 * options and without a tag in the band. False for all others.
 */
static inline bool key_quick(struct __sk_buff *skb, struct class_key *key,
			     __u32 flags)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 first, word, protocol;

	if (data + ETH_HLEN + sizeof(struct ipv4) > end)
		return false;
	first = *(const __u32 *)(data + 12);
	if ((first & TYPE_VERSION_IHL) != IPV4_NO_OPTIONS)
		return false;
	word = *(const __u32 *)(data + 20);
	protocol = word >> PROTOCOL_SHIFT;
	key->word[1] |= (__u64)ETH_P_IP << KEY_TYPE_SHIFT;
	key_ip(key, KIND_IPV4, first >> IP_TOS_SHIFT, word >> IP_TTL_SHIFT & 0xff);
	key->word[2] = *(const __u64 *)(data + 26);
	if (!(flags & CLASSIFIER_BY_LAYER4))
		return true;
	key_protocol(key, protocol);
	if (word & IP_OFFSET_MASK || !has_ports(protocol))
		return true;
	if (data + ETH_HLEN + sizeof(struct ipv4) + TCP_FLAGS_AT + 1 > end)
		return false;
	key_ports(key, *(const __u32 *)(data + 34), protocol,
		  *(const __u8 *)(data + 34 + TCP_FLAGS_AT));
	return true;
}

/*
 * class_quick is the entry of a frame in the cache, where it is there and the
 * frame is one that key_quick knows. Its key is never in memory.
 */
static inline struct class_entry *class_quick(struct __sk_buff *skb,
					      const struct passage *p,
					      const struct classifier *c,
					      __u32 number)
{
	struct class_entry *e;
	struct class_key key;
	__u32 slot;

	key_layer2(&key, &p->frame, p->vlan);
	if (!key_quick(skb, &key, c->flags))
		return NULL;
#pragma unroll
	for (__u32 i = 0; i < KEY_WORDS; i++)
		key.word[i] &= c->mask[i];
	key.word[7] |= (__u64)number << 32;
	slot = class_slot(&key);
	e = bpf_map_lookup_elem(&class_cache, &slot);
	return e && class_hit(e, &key, p->key.state) ? e : NULL;
}

/* take_class notes in a port's word what class was found. */
static inline void take_class(struct passage *p, const struct class_entry *e)
{
	p->qos.term = e->term;
	p->qos.flags |= e->flags;
	if (e->term)
		p->qos.queue = e->queue;
}

/* classify_frame finds the class of one frame, and keeps it for the next one. */
__attribute__((noinline)) int classify_frame(struct __sk_buff *skb,
					     struct passage *p)
{
	__u32 number, generation, slot, zero = 0;
	const struct mark_class *m;
	struct class_entry *e;
	struct class_key *key;
	struct classifier *c;

	if (!p)
		return 0;
	number = p->qos.classifier;
	generation = p->key.state;
	c = bpf_map_lookup_elem(&classifiers, &number);
	key = bpf_map_lookup_elem(&class_keys, &zero);
	if (!c || !key)
		return 0;
	m = p->qos.flags & QOS_BY_MARK ? class_by_mark(skb, c, p->frame.tag) : NULL;
	if (m) {
		p->qos.term = m->term;
		p->qos.flags |= m->flags;
		if (m->term)
			p->qos.queue = m->queue;
		return 0;
	}
	e = class_quick(skb, p, c, number);
	if (e) {
		take_class(p, e);
		return 0;
	}
	key_layer2(key, &p->frame, p->vlan);
	key_slowly(skb, key);
	for (__u32 i = 0; i < KEY_WORDS; i++)
		key->word[i] &= c->mask[i];
	key->word[7] |= (__u64)number << 32;
	slot = class_slot(key);
	e = bpf_map_lookup_elem(&class_cache, &slot);
	if (!e)
		return 0;
	if (!class_hit(e, key, generation)) {
		struct port_qos q = { .queue = p->qos.queue };

		take_term(&q, number, term_find(key, number, c->terms));
		e->key = *key;
		e->term = q.term;
		e->flags = q.flags;
		e->queue = q.queue;
		e->generation = generation;
	}
	take_class(p, e);
	return 0;
}

/* count_term notes a frame that fell on a term. */
static inline void count_term(__u32 instance, __u32 term, __u32 octets)
{
	struct instance_terms *all = bpf_map_lookup_elem(&term_counts, &instance);
	struct term_count *c;

	if (!all)
		return;
	c = &all->term[(term - 1) & (MAX_TERMS - 1)];
	c->packets++;
	c->octets += octets;
}

#endif
