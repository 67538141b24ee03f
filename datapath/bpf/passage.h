/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * passage.h - what the stages find out about a frame, and what becomes of it.
 *
 * Maps read or written: none.
 */
#ifndef SIGNALBOX_PASSAGE_H
#define SIGNALBOX_PASSAGE_H

#include "abi.h"
#include "parse.h"

/* Of a flow in the cache. */
struct flow_key {
	__u64 addresses;
	__u64 source;
	__u64 state;
};

struct passage {
	struct frame frame;
	struct flow_key key;
	struct action act;	/* port 0: it goes nowhere */
	__u32 slot;		/* in the cache */
	__u32 now;		/* jiffies */
	__u32 in_port;		/* where it is counted; 0: it came in at no port */
	__u32 port;		/* the same, or of a member its aggregate */
	__u32 fid;
	__u32 members;		/* that it was flooded to */
	struct port_qos qos;	/* of in_port */
	__u16 sw;
	__u16 vlan;
	__u8 in;		/* enum drop_reason: why it was dropped at in_port, */
	__u8 out;		/* or can't leave by act */
	bool to_host;		/* it is the host's */
	bool to_all;		/* it is flooded */
	bool held_back;		/* the queues of its port are behind it */
	__u32 traced;		/* sessions that it may fit (trace.h) */
};

#endif
