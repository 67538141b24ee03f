/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * hash.h - the number of a frame that selects a bucket of an aggregate.
 *
 * It is linear: each field times a constant, added up modulo 2^64, the bucket
 * in the highest bits. Addresses and ports that are numbered in sequence, as
 * they mostly are, so spread more evenly than by chance. The constants are
 * those of many that were tried which keep the worst share of 10,000 flows in
 * sequences of many kinds nearest to even (1.2 % on 8 members).
 *
 * A fragment has no ports, and neither has the first one: all fragments of a
 * packet have one number. What is no IP is told apart by its addresses and
 * type. Tags are passed over.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_HASH_H
#define SIGNALBOX_HASH_H

#include "parse.h"

#define HASH_ADDRESSES	0x361e7effae2ee9adULL
#define HASH_PORTS	0xe86a07d6f9817f3fULL
#define HASH_UPPER_SRC	0x9e3779b97f4a7c15ULL	/* upper halves of IPv6 */
#define HASH_UPPER_DST	0xc2b2ae3d27d4eb4fULL
#define HASH_LOWER_SRC	0x3bce0a595788a379ULL	/* lower halves; of layer 2 too */
#define HASH_LOWER_DST	0xaea20c298b9e4c7fULL
#define BUCKET_BITS	56

_Static_assert(LAG_BUCKETS == 1 << (64 - BUCKET_BITS), "bits of a bucket");

#define ETH_P_IP	0x0800
#define ETH_P_IPV6	0x86dd
#define ETH_P_8021AD	0x88a8

enum protocol {
	PROTO_HOPOPTS = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DCCP = 33,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
	PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

/* has_ports: the protocol begins with two ports of 16 bits. */
static inline bool has_ports(__u32 protocol)
{
	const __u64 low = 1ULL << PROTO_TCP | 1ULL << PROTO_UDP | 1ULL << PROTO_DCCP;

	return protocol < 64 ? low >> protocol & 1 :
	       protocol == PROTO_SCTP || protocol == PROTO_UDPLITE;
}

/* An address of layer 2 as a number, its last octet lowest. */
static inline __u64 mac_number(__u64 mac)
{
	return bpf_be64_to_cpu(mac << 16);
}

static inline __u64 hash_addresses(__u64 src_dst)
{
	return bpf_be64_to_cpu(src_dst) * HASH_ADDRESSES;
}

static inline __u64 hash_ports(__u32 ports)
{
	return bpf_ntohl(ports) * HASH_PORTS;
}

/* hash_source pins a source: all frames of an address of a VLAN are alike. */
static inline __u64 hash_source(__u64 mac, __u16 vlan)
{
	return mac_number(mac) * HASH_LOWER_SRC + vlan * HASH_UPPER_SRC;
}

/* hash_port: all frames that come in at a port are alike. */
static inline __u64 hash_port(__u32 port)
{
	return port * HASH_UPPER_SRC;
}

static inline __u64 hash_macs(const struct frame *f, __u16 type)
{
	return mac_number(frame_src(f)) * HASH_LOWER_SRC +
	       mac_number(frame_dst(f)) * HASH_LOWER_DST + type * HASH_PORTS;
}

/* The fields of an IPv4 header (RFC 791) that lie behind an untagged frame's. */
#define TYPE_VERSION_IHL	0x00ffffff	/* of the word at 12 */
#define IPV4_NO_OPTIONS		0x00450008
#define FRAGMENT_MASK		0xff3f		/* more fragments, offset */
#define PROTOCOL_SHIFT		24		/* in the word at 20 */

/*
 * hash_quick is the number by layers 3 and 4 of what most frames are: IPv4
 * without options, TCP or UDP, no fragment. False for all others.
 */
static inline bool hash_quick(struct __sk_buff *skb, __u64 *hash)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 word;

	if (data + 38 > end)
		return false;
	if ((*(const __u32 *)(data + 12) & TYPE_VERSION_IHL) != IPV4_NO_OPTIONS)
		return false;
	word = *(const __u32 *)(data + 20) & (0xff << PROTOCOL_SHIFT | FRAGMENT_MASK);
	if (word != PROTO_TCP << PROTOCOL_SHIFT && word != PROTO_UDP << PROTOCOL_SHIFT)
		return false;
	*hash = hash_addresses(*(const __u64 *)(data + 26)) +
		hash_ports(*(const __u32 *)(data + 34));
	return true;
}

/* hash_ports_at adds the ports that stand at an offset, where they do. */
static inline __u64 hash_ports_at(struct __sk_buff *skb, __u32 at)
{
	__u32 ports;

	return bpf_skb_load_bytes(skb, at, &ports, sizeof(ports)) ?
		       0 : hash_ports(ports);
}

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__u16 length;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 src;
	__u32 dst;
};

static inline bool hash_ipv4(struct __sk_buff *skb, struct ipv4 *ip, __u32 at,
			     bool ports, __u64 *hash)
{
	if (bpf_skb_load_bytes(skb, at, ip, sizeof(*ip)) || ip->version_ihl >> 4 != 4)
		return false;
	*hash = hash_addresses(ip->src | (__u64)ip->dst << 32);
	if (ports && !(ip->fragment & FRAGMENT_MASK) && has_ports(ip->protocol))
		*hash += hash_ports_at(skb, at + (ip->version_ihl & 0xf) * 4);
	return true;
}

struct ipv6 {
	__u32 version_class_flow;
	__u16 length;
	__u8 next;
	__u8 hops;
	__u64 src[2];
	__u64 dst[2];
};

#define EXTENSIONS	8	/* headers that are passed over */

/*
 * ipv6_transport goes over the extension headers (RFC 8200, 4) and gives where
 * the ports are; 0 where there are none, as in a fragment. It is verified by
 * itself, since the ways through it would be multiplied by those before it.
 */
__attribute__((noinline)) int ipv6_transport(struct __sk_buff *skb, __u32 at,
					     __u32 next)
{
	struct {
		__u8 next;
		__u8 length;
	} header;

	for (__u32 i = 0; i < EXTENSIONS; i++) {
		if (has_ports(next))
			return at;
		if (next != PROTO_HOPOPTS && next != PROTO_ROUTING &&
		    next != PROTO_DSTOPTS && next != PROTO_AH &&
		    next != PROTO_MOBILITY && next != PROTO_HIP && next != PROTO_SHIM6)
			return 0;
		if (bpf_skb_load_bytes(skb, at, &header, sizeof(header)))
			return 0;
		at += next == PROTO_AH ? (header.length + 2) * 4 : (header.length + 1) * 8;
		next = header.next;
	}
	return has_ports(next) ? at : 0;
}

static inline __u64 hash_addresses6(const struct ipv6 *ip)
{
	return bpf_be64_to_cpu(ip->src[0]) * HASH_UPPER_SRC +
	       bpf_be64_to_cpu(ip->src[1]) * HASH_LOWER_SRC +
	       bpf_be64_to_cpu(ip->dst[0]) * HASH_UPPER_DST +
	       bpf_be64_to_cpu(ip->dst[1]) * HASH_LOWER_DST;
}

static inline bool hash_ipv6(struct __sk_buff *skb, struct ipv6 *ip, __u32 at,
			     bool ports, __u64 *hash)
{
	if (bpf_skb_load_bytes(skb, at, ip, sizeof(*ip)))
		return false;
	*hash = hash_addresses6(ip);
	if (!ports)
		return true;
	at = ipv6_transport(skb, at + sizeof(*ip), ip->next);
	if (at)
		*hash += hash_ports_at(skb, at);
	return true;
}

#define TAGS	3	/* in the band, that are passed over */

/*
 * frame_type gives the type behind all tags, and in the upper half where its
 * payload begins. So the verifier knows neither, and goes on but once.
 */
__attribute__((noinline)) int frame_type(struct __sk_buff *skb)
{
	__u32 at = ETH_HLEN - 2;
	__u16 type = 0;

	for (__u32 i = 0; i <= TAGS; i++) {
		if (bpf_skb_load_bytes(skb, at, &type, sizeof(type)))
			break;
		at += 2;
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		at += 2;
	}
	return bpf_ntohs(type) | at << 16;
}

/* hash_slowly is the bucket of any frame: it goes through all headers. */
__attribute__((noinline)) int hash_slowly(struct __sk_buff *skb, struct frame *f,
					  __u32 distribution)
{
	bool ports = distribution != LAG_IP_ADDRESSES;
	union {
		struct ipv4 v4;
		struct ipv6 v6;
	} ip;
	__u32 found, payload;
	__u64 hash;
	__u16 type;

	if (!f)
		return 0;
	found = frame_type(skb);
	type = found;
	payload = found >> 16;
	if (distribution == LAG_MAC_ADDRESSES)
		return hash_macs(f, type) >> BUCKET_BITS;
	if (type == ETH_P_IP && hash_ipv4(skb, &ip.v4, payload, ports, &hash))
		return hash >> BUCKET_BITS;
	if (type == ETH_P_IPV6 && hash_ipv6(skb, &ip.v6, payload, ports, &hash))
		return hash >> BUCKET_BITS;
	return hash_macs(f, type) >> BUCKET_BITS;
}

/* hash_quick6 is the same for IPv6 without extension headers. */
static inline bool hash_quick6(struct __sk_buff *skb, __u64 *hash)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	const struct ipv6 *ip = data + ETH_HLEN;

	if (data + ETH_HLEN + sizeof(*ip) + sizeof(__u32) > end)
		return false;
	if (*(const __u16 *)(data + 12) != bpf_htons(ETH_P_IPV6))
		return false;
	if (ip->next != PROTO_TCP && ip->next != PROTO_UDP)
		return false;
	*hash = hash_addresses6(ip) + hash_ports(*(const __u32 *)(ip + 1));
	return true;
}

/*
 * hash_quick_addresses is the number by layer 2 or 3 of a frame that has no tag
 * in the band, and no options where it is IPv4. False for all others.
 */
static inline bool hash_quick_addresses(struct __sk_buff *skb,
					const struct frame *f, bool macs,
					__u64 *hash)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	const struct ipv6 *ip = data + ETH_HLEN;
	__u32 word;

	if (data + ETH_HLEN + sizeof(struct ipv4) > end)
		return false;
	word = *(const __u32 *)(data + 12);
	if (macs) {
		*hash = hash_macs(f, bpf_ntohs(word));
		return (__u16)word != bpf_htons(ETH_P_8021Q) &&
		       (__u16)word != bpf_htons(ETH_P_8021AD);
	}
	if ((word & TYPE_VERSION_IHL) == IPV4_NO_OPTIONS) {
		*hash = hash_addresses(*(const __u64 *)(data + 26));
		return true;
	}
	if ((__u16)word != bpf_htons(ETH_P_IPV6) || (const void *)(ip + 1) > end)
		return false;
	*hash = hash_addresses6(ip);
	return true;
}

#endif
