/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * abi.h - the shapes that the program in the kernel and the element share.
 *
 * Each type stands here once; the Go types in gen/bpf are made from it. A
 * change of meaning that leaves a shape as it is needs a new layout version
 * (fastpath.LayoutVersion): the maps outlive the element that made them.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_ABI_H
#define SIGNALBOX_ABI_H

#include <linux/types.h>

#define MAX_PORTS	4096	/* port numbers 1..4095; 0 is none */
#define MAX_SWITCHES	64	/* switch numbers 1..63; 0 is none */
#define MAX_VLANS	4096	/* VLAN ids 0..4095 */
#define MAX_FIDS	16384	/* filtering ids 1..16383; 0 is none */
#define PORT_WORDS	(MAX_PORTS / 64)
#define VLAN_WORDS	(MAX_VLANS / 64)

/*
 * Why a frame was dropped. spec.DropReason has the same order and says what
 * each one means; a test compares the two.
 */
enum drop_reason {
	DROP_NONE,
	DROP_PORT_DOWN,
	DROP_SWITCH_DISABLED,
	DROP_MALFORMED,
	DROP_MULTICAST_SOURCE,
	DROP_SOURCE_IS_DEST,
	DROP_TAG_MISMATCH,
	DROP_INGRESS_VLAN,
	DROP_UNTAGGED,
	DROP_VLAN_SUSPENDED,
	DROP_RESERVED_MAC,
	DROP_EMPTY_PORT_LIST,
	DROP_LOOPBACK,
	DROP_EGRESS_VLAN,
	DROP_EGRESS_DOWN,
	DROP_TOO_BIG,
	DROP_TRANSMIT,
	DROP_LAG_INACTIVE,
	DROP_LAG_DUPLICATE,
	DROP_LAG_REFLECTION,
	DROP_ADDRESS_ELSEWHERE,
	DROP_POLICED,
	NUM_DROP_REASONS,
};

/* Room for reasons to come without a new shape of the counters. */
#define DROP_SLOTS	28

/*
 * One way of a set of port_of_ifindex: which port a kernel interface is.
 * Both halves are written as one word.
 */
#define PORT_HELD_BACK	(1 << 15)	/* with a port: its queues are behind the frame */

struct port_slot {
	__u32 ifindex;	/* 0: free */
	__u32 port;	/* and PORT_HELD_BACK */
} __attribute__((aligned(8)));

#define INDEX_SETS	4096
#define INDEX_WAYS	4

struct port_set {
	struct port_slot slot[INDEX_WAYS];
};

enum port_flags {
	PORT_FORWARDING	= 1 << 0,	/* else each frame is dropped */
	PORT_PEER	= 1 << 1,	/* leave by bpf_redirect_peer */
	PORT_TRUNK	= 1 << 2,	/* takes tagged frames */
	PORT_MEMBER	= 1 << 3,	/* of an aggregate, whose port decides */
	PORT_AGGREGATE	= 1 << 4,	/* has members and no interface */
	PORT_NO_TEAMING	= 1 << 5,	/* no address of another port moves here */
};

enum qos_flags {
	QOS_RESOLVED	= 1 << 0,	/* of a flow: the class is known */
	QOS_REMARKS	= 1 << 1,	/* the term changes marks */
	QOS_DETOUR	= 1 << 2,	/* on its way to the queues of its own port */
	QOS_BY_MARK	= 1 << 3,	/* DSCP or PCP decides alone */
};

/*
 * What is to be done with the class and the rate of the frames that a port
 * takes in; zero: nothing. One word, in a port and in each of its flows.
 */
struct port_qos {
	__u16 queue;		/* of what no term names; 0: the default class */
	__u16 instance;		/* by which terms and policers are counted, 0: none */
	__u8 classifier;	/* 0: none */
	__u8 term;		/* 1 + its place in the classifier; 0: none */
	__u8 policers;		/* how many */
	__u8 flags;		/* enum qos_flags */
} __attribute__((aligned(8)));

/*
 * A port. `how` is written as one word, and decides alone about untagged
 * frames; `tagged` bounds what a trunk takes and gives with a tag and holds
 * no bit for the PVID.
 *
 * A member of an aggregate has a port of its own, by whose number its frames
 * are counted; PORT_FORWARDING is whether frames are taken in there. All else
 * is the aggregate's port: addresses are learned and flooded by its number.
 */
struct port_how {
	__u16 flags;	/* enum port_flags */
	__u16 version;	/* another one after each change of the port */
	__u16 sw;	/* switch number, 0: none */
	__u16 pvid;	/* VLAN of untagged frames, 0: they are dropped */
} __attribute__((aligned(8)));

struct port {
	struct port_how how;
	__u32 ifindex;	/* where frames leave; 0: nowhere */
	__u32 mtu;	/* octets above the Ethernet header and its tag */
	__u16 lag;	/* of an aggregate: its number in lags */
	__u16 aggregate; /* of a member: the port number of its aggregate */
	__u32 detour;	/* the interface whose queues hold back what comes in, 0: none */
	struct port_qos qos;
	__u64 tagged[VLAN_WORDS];
};

/*
 * A link aggregation group: which member a frame leaves by. Its hash selects a
 * bucket, the bucket two members: the first carries the frame, the second does
 * where the first has no carrier, and where that has none either, any active
 * one. A LAG has two tables; the element fills the one that is not in use and
 * changes which one is.
 */
#define MAX_LAGS	129	/* LAG numbers 1..128; 0 is none */
#define LAG_BUCKETS	256
#define LAG_MEMBERS	32
#define LAG_NO_MEMBER	0xff

/* What the hash is made of: spec.Distribution has the same numbers. */
enum lag_distribution {
	LAG_FREE,		/* the LAG does not exist */
	LAG_TRANSPORT_PORTS,	/* addresses and ports of layers 3 and 4 */
	LAG_IP_ADDRESSES,	/* addresses of layer 3 */
	LAG_MAC_ADDRESSES,	/* both addresses and the type of layer 2 */
	LAG_VLAN_SOURCE_MAC,	/* VLAN and source address */
	LAG_SWITCH_PORT,	/* the port that the frame came in at */
	LAG_DYNAMIC,		/* as by ports, pauses let buckets move */
	LAG_ACTIVE_BACKUP,	/* nothing: bucket 0 carries all */
};

enum lag_flags {
	LAG_INDEPENDENT = 1 << 0, /* the other end knows nothing of it */
};

/*
 * How a frame leaves: by which interface, and at which port it is counted.
 * Read and written as one word.
 */
enum out_flags {
	OUT_PEER	= 1 << 0,	/* by bpf_redirect_peer */
	OUT_ACTIVE	= 1 << 1,	/* of a member: frames may leave by it */
	OUT_LAG		= 1 << 2,	/* by a member that is still to be chosen */
	OUT_BY_FRAME	= 1 << 3,	/* its bucket is another one for each frame */
	OUT_BY_PORTS	= 1 << 4,	/* and is made of layers 3 and 4 */
	OUT_DYNAMIC	= 1 << 5,	/* its bucket may move */
};

struct way {
	__u32 ifindex;
	__u16 port;
	__u16 flags;	/* enum out_flags */
} __attribute__((aligned(8)));

struct lag_bucket {
	__u8 first;	/* numbers of members, or LAG_NO_MEMBER */
	__u8 second;
};

/* The element writes the first word, the program the others. */
struct lag_member {
	struct way way;		/* interface 0: no member */
	__u64 device;		/* the kernel's struct net_device, or 0: unknown */
	__u32 looked_at;	/* jiffies when that was found to be true */
	__u32 reserved[3];
};

struct lag_table {
	struct lag_bucket bucket[LAG_BUCKETS];
	struct lag_member member[LAG_MEMBERS];
	__u8 distribution;	/* enum lag_distribution */
	__u8 flags;		/* enum lag_flags */
	__u8 designated;	/* the member that takes broadcasts in */
	__u8 reserved;
	__u32 flowlet_gap;	/* microseconds, of LAG_DYNAMIC */
	__u32 changed;		/* jiffies when the table came into use */
	__u32 reserved2;
	__u64 reserved3[62];	/* to a power of two, which is found faster */
};

_Static_assert(sizeof(struct lag_table) == 2048, "a power of two");

/* Which of its tables a LAG uses: number << 1 | 0 or 1. */
struct lag {
	__u32 table;
	__u32 reserved;
};

/* Octets that left by each bucket of a LAG; only LAG_DYNAMIC counts them. */
struct lag_load {
	__u64 octets[LAG_BUCKETS];
};

/* Which member a bucket had, and when it last had a frame while it waits to go. */
struct lag_pause {
	__u32 last;	/* 1024 ns */
	__u8 member;
	__u8 used;	/* 0: the bucket had none */
	__u8 waits;
	__u8 reserved;
};

struct lag_pauses {
	struct lag_pause bucket[LAG_BUCKETS];
};

/*
 * A question of the element and its answer: has an interface carrier, and is
 * it up?
 */
#define MAX_CARRIERS	4096

struct carrier {
	__u32 ifindex;
	__u32 up;
	__u64 device;	/* the kernel's struct net_device, or 0: unknown */
};

enum switch_flags {
	SWITCH_ENABLED	= 1 << 0,
	SWITCH_LEARNING	= 1 << 1,
	SWITCH_EXISTS	= 1 << 2,	/* for the element */
};

/* A switch. The element writes the first line, the program the second. */
struct vswitch {
	__u32 flags;		/* enum switch_flags */
	__u32 ageing;		/* seconds, 0: never */
	__u32 max_entries;	/* bound of `dynamic`, 0: none */
	__u32 fixed;		/* static entries */
	__u64 reserved[6];
	__u32 dynamic;		/* learned entries; the element subtracts */
	__u32 refused_at;	/* jiffies of the last event of a refusal */
	__u64 moves;
	__u64 refused;
	__u64 reserved2[5];
};

enum fid_flags {
	FID_SUSPENDED = 1 << 0,
};

/* A VLAN of a switch, at switch number << 12 | VLAN id; one word. */
struct fid {
	__u16 id;	/* 0: the VLAN does not exist on the switch */
	__u16 flags;	/* enum fid_flags */
	__u32 reserved;
} __attribute__((aligned(8)));

/*
 * Where a frame of a FID is flooded: bit p % 64 of ports[p / 64] for port p.
 * Bit w of `summary` is set where ports[w] has a bit.
 */
struct flood_set {
	__u64 summary;
	__u16 sw;	/* whose FID this is, for the element: */
	__u16 vlan;	/* switch number and VLAN id, 0: nobody's */
	__u32 reserved;
	__u64 ports[PORT_WORDS];
};

/*
 * A bucket of the filtering database: four entries in one cache line.
 *
 *   key   bits 0-13   FID, never 0
 *         bits 16-63  address, its first octet lowest; key 0: free
 *   port  bits 0-11   port number
 *         bit  16     static
 *         bits 20-31  when the address last told of itself by a gratuitous ARP
 *                     at this port, or 0 (fdb.h)
 *         0: being filled or being freed, nobody else's business
 *   seen  low 32 bits of jiffies when the address was last noted
 */
#define FDB_BUCKETS	(1 << 19)
#define FDB_WAYS	4
#define FDB_STATIC	(1 << 16)
#define FDB_PORT_MASK	0xfff
#define FDB_TOLD_SHIFT	20

struct fdb_bucket {
	__u64 key[FDB_WAYS];
	__u32 port[FDB_WAYS];
	__u32 seen[FDB_WAYS];
};

enum fdb_event_kind {
	FDB_LEARNED = 1,
	FDB_MOVED,
	FDB_REFUSED_LIMIT,	/* the switch has max_entries */
	FDB_REFUSED_FULL,	/* both buckets are full */
};

struct fdb_event {
	__u64 key;
	__u16 kind;	/* enum fdb_event_kind */
	__u16 port;
	__u16 old_port;	/* of FDB_MOVED */
	__u16 reserved;
};

#define FDB_EVENTS_SIZE	(1 << 20)

/* One direction of a port's counters: spec.Direction. */
struct direction {
	__u64 octets;
	__u64 unicast;
	__u64 multicast;
	__u64 broadcast;
	__u64 drops[DROP_SLOTS];
};

struct port_counters {
	struct direction in;
	struct direction out;
};

/*
 * What was resolved for a flow: how its frames leave. The key is compared as
 * three words. What depends on layers 3 and 4 is found for each frame: its class
 * (classify.h), and the member of an aggregate that it leaves by.
 */
#define FLOW_SLOTS	4096

struct action {
	struct way way;		/* of an aggregate: its port and no interface */
	__u32 max_octets;	/* without the outer tag */
	__u32 tag;		/* 1 << 16 | VLAN id, 0: untagged */
	__u16 table;		/* with OUT_LAG: the LAG's table in use, */
	__u8 bucket;		/* the bucket where it is not OUT_BY_FRAME, */
	__u8 distribution;	/* and enum lag_distribution */
	__u32 reserved;
};

struct flow {
	__u64 addresses;	/* destination, source octets 0-1 */
	__u64 source;		/* source octets 2-5, ingress ifindex << 32 */
	__u64 state;		/* generation, tag without priority << 32 */
	__u32 filled;		/* jiffies */
	__u16 in_port;		/* 0: it is on a detour */
	__u16 vlan;
	struct action action;
	struct port_qos qos;
};

/* What belongs to the whole datapath. */
struct global {
	__u32 generation;	/* a flow of another generation is void */
	__u32 reserved;
	__u64 events_lost;	/* no room in fdb_events */
	__u64 net;		/* the kernel's struct net of the interfaces, or 0 */
	__u64 reserved2[5];
};

#endif
