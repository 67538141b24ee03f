/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * qos_abi.h - the shapes of classifiers and policers that the program and the
 * element share.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_QOS_ABI_H
#define SIGNALBOX_QOS_ABI_H

#include "abi.h"

#define MAX_CLASSIFIERS	256	/* numbers 1..255; 0 is none */
#define MAX_TERMS	64	/* of each */
#define MAX_INSTANCES	1024	/* numbers 1..1023 of ports that classify or police */
#define MAX_POLICERS	8	/* of each instance */
#define POLICER_QUEUES	8
#define MARK_NONE	0xff	/* a mark stays as it is */

/* Queues are classes of the kernel's HTB: this handle, and the queue's number. */
#define QUEUE_HANDLE	0x5b0b

/*
 * What a classifier sees of a frame. Octets are as they lie in the frame,
 * numbers are in the machine's order.
 *
 *   0  destination, source octets 0-1
 *   1  source octets 2-5 | VLAN << 32 | PCP << 44 | tagged << 47 | type << 48
 *   2  source of IPv6; of IPv4 source and destination, and zeros to the end of 5
 *   4  destination of IPv6
 *   6  protocol | DSCP << 8 | TTL << 16 | TCP flags << 24 | kinds << 32
 *   7  source port | destination port << 16 | classifier << 32
 */
#define KEY_WORDS	8
#define KEY_VLAN_SHIFT	32
#define KEY_PCP_SHIFT	44
#define KEY_TAGGED	(1ULL << 47)
#define KEY_TYPE_SHIFT	48
#define KEY_DSCP_SHIFT	8
#define KEY_TTL_SHIFT	16
#define KEY_TCP_SHIFT	24
#define KEY_KIND_SHIFT	32
#define KEY_DPORT_SHIFT	16

enum key_kinds {
	KIND_IPV4	= 1 << 0,
	KIND_IPV6	= 1 << 1,
	KIND_PROTOCOL	= 1 << 2,	/* the protocol is known */
	KIND_PORTS	= 1 << 3,	/* there are ports */
	KIND_TCP	= 1 << 4,	/* and flags of TCP */
	KIND_IP		= 1 << 5,	/* of either version */
};

struct class_key {
	__u64 word[KEY_WORDS];
};

/* The first term that fits decides. What a mask has not is not looked at. */
struct class_term {
	__u64 value[KEY_WORDS - 1];
	__u64 mask[KEY_WORDS - 1];
	__u64 dscps;		/* bit n: DSCP n fits; 0: any */
	__u16 sport_first;
	__u16 sport_last;
	__u16 dport_first;
	__u16 dport_last;
	__u8 pcps;		/* bit n: PCP n fits; 0: any */
	__u8 dscp;		/* the marks that a frame gets, or MARK_NONE */
	__u8 pcp;
	__u8 flags;		/* QOS_REMARKS */
	__u16 queue;
	__u16 reserved;
};

enum classifier_flags {
	CLASSIFIER_BY_FLOW	= 1 << 0, /* addresses and VLAN decide alone */
	CLASSIFIER_BY_LAYER4	= 1 << 1, /* what is behind IP decides, too */
	CLASSIFIER_BY_DSCP	= 1 << 2, /* the DSCP decides alone, */
	CLASSIFIER_BY_PCP	= 1 << 3, /* or the PCP */
};

#define NO_PCP		8	/* in by_mark: of a frame without a tag */

struct mark_class {
	__u16 queue;
	__u8 term;	/* 1 + its place; 0: none fits */
	__u8 flags;	/* QOS_REMARKS */
};

struct classifier {
	__u32 terms;		/* how many; 0: it does not exist */
	__u32 flags;		/* enum classifier_flags */
	__u64 mask[KEY_WORDS];	/* what any term looks at */
	struct mark_class by_mark[64]; /* the class of each DSCP or PCP */
};

/* A class that was found for a key; of another generation it is void. */
#define CLASS_SLOTS	1024

struct class_entry {
	struct class_key key;
	__u32 generation;
	__u8 term;		/* 1 + its place; 0: none fits */
	__u8 flags;		/* QOS_REMARKS */
	__u16 queue;
	__u64 reserved[7];	/* to two cache lines */
};

struct term_count {
	__u64 packets;
	__u64 octets;
};

struct instance_terms {
	struct term_count term[MAX_TERMS];
};

/* One colour of a policer: what becomes of its frames. */
struct policer_action {
	__u8 drop;
	__u8 dscp;	/* or MARK_NONE */
	__u8 pcp;
	__u8 reserved;
};

/*
 * A policer: two buckets of octets, each as the time at which it would be full
 * again (the generic cell rate algorithm, ITU-T I.371), in ns of CLOCK_MONOTONIC.
 * A CPU takes octets out of them by lots, so that most frames touch only what
 * is the CPU's own.
 */
#define POLICER_SHIFT	20
enum bucket { BUCKET_COMMITTED, BUCKET_PEAK, NUM_BUCKETS };

struct policer {
	__u64 full_at[NUM_BUCKETS];	/* the program writes */
	__u64 per_octet[NUM_BUCKETS];	/* ns << POLICER_SHIFT; 0: no such bucket */
	__u64 depth[NUM_BUCKETS];	/* ns */
	__u32 lot[NUM_BUCKETS];		/* octets */
	__u16 queue[POLICER_QUEUES];	/* whose frames count, the first 0: all */
	struct policer_action action[NUM_BUCKETS + 1];	/* conform, exceed, violate */
	__u32 exists;
	__u64 rate[NUM_BUCKETS];	/* for the element: bit/s, */
	__u32 burst[NUM_BUCKETS];	/* and octets */
	__u64 reserved[2];		/* to two cache lines */
};

/* What a CPU has of a policer. */
struct policer_share {
	__u64 credit[NUM_BUCKETS];	/* octets that it drew and did not spend */
	struct term_count count[NUM_BUCKETS + 1];
};

struct instance_policers {
	struct policer_share policer[MAX_POLICERS];
};

_Static_assert(sizeof(struct policer) == 128, "two cache lines");
_Static_assert(sizeof(struct class_entry) == 128, "two cache lines");

#endif
