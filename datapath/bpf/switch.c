// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * switch.c - a VLAN-aware learning bridge at the tcx ingress of each port.
 *
 *   parse -> flow cache --hit--------------------------------+
 *                |                                           v
 *               miss -> port -> guards -> VLAN -> learn -> FDB -> egress
 *                                                           |       |
 *                                                         flood     v
 *                                                           +--> output
 *
 * Each stage gives DROP_NONE to go on or the reason to stop. There is one exit,
 * leave(), where the frame is counted once where it came in and once where it
 * goes out; flooding counts the other copies.
 *
 * A frame of an interface that is no port is left to the host and not counted.
 */
#include <stdbool.h>
#include <stddef.h>

#include "abi.h"
#include "maps.h"
#include "parse.h"
#include "counters.h"
#include "device.h"
#include "vlan.h"
#include "output.h"
#include "fdb.h"
#include "flood.h"
#include "cache.h"

char LICENSE[] SEC("license") = "GPL";

/* Names what no map holds, so that the type information has it for Go. */
const volatile struct {
	enum drop_reason drop_reason;
	enum port_flags port_flags;
	enum lag_distribution lag_distribution;
	enum lag_flags lag_flags;
	enum lag_member_flags lag_member_flags;
	enum switch_flags switch_flags;
	enum fid_flags fid_flags;
	enum fdb_event_kind fdb_event_kind;
	struct fdb_event fdb_event;
} shared_types;

/* port_number is the port of an interface, or 0. */
static inline __u32 port_number(__u32 ifindex)
{
	__u32 at = ifindex & (INDEX_SETS - 1);
	struct port_set *set = bpf_map_lookup_elem(&port_of_ifindex, &at);

	if (!set)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < INDEX_WAYS; i++) {
		__u64 slot = READ_ONCE(*(const __u64 *)&set->slot[i]);

		if ((__u32)slot == ifindex)
			return slot >> 32;
	}
	return 0;
}

/* guards refuses frames that no switch may forward. */
static inline enum drop_reason guards(const struct frame *f)
{
	__u64 dst = frame_dst(f), src = frame_src(f);

	if (!f->valid)
		return DROP_MALFORMED;
	if (src & MAC_GROUP)
		return DROP_MULTICAST_SOURCE;
	if (src == dst)
		return DROP_SOURCE_IS_DEST;
	if ((dst & ~(0x0fULL << 40)) == MAC_RESERVED)
		return DROP_RESERVED_MAC;
	return DROP_NONE;
}

/* What becomes of a frame. */
struct passage {
	struct frame frame;
	struct flow_key key;
	struct action act;		/* port 0: it goes nowhere */
	__u32 slot;			/* in the cache */
	__u32 in_port;			/* 0: it came in at no port */
	__u32 now;			/* jiffies */
	enum drop_reason in;		/* why it was dropped at in_port */
	enum drop_reason out;		/* why it can't leave by act */
};

/* to_members floods; the last copy is left to the caller. */
static inline enum drop_reason
to_members(struct __sk_buff *skb, struct passage *p, __u16 sw, __u16 vlan,
	   __u32 fid)
{
	struct flood_request r = {
		.frame = p->frame,
		.fid = fid,
		.in_port = p->in_port,
		.sw = sw,
		.vlan = vlan,
	};

	flood_frame(skb, &r);
	p->frame = r.frame;
	p->act = r.last;
	return r.members ? DROP_NONE : DROP_EMPTY_PORT_LIST;
}

/* forward takes a frame of a port through the stages. */
static inline enum drop_reason forward(struct __sk_buff *skb, struct passage *p)
{
	struct port *port = bpf_map_lookup_elem(&ports, &p->in_port);
	const struct frame *f = &p->frame;
	struct port_how how = {};
	struct vswitch *sw;
	enum drop_reason reason;
	__u32 at, fid, to;
	__u16 vlan;

	if (port)
		how = port_how(port);
	if (!port || !(how.flags & PORT_FORWARDING))
		return DROP_PORT_DOWN;
	at = how.sw;
	sw = bpf_map_lookup_elem(&switches, &at);
	if (!sw || !(sw->flags & SWITCH_ENABLED))
		return DROP_SWITCH_DISABLED;
	reason = guards(f);
	if (reason)
		return reason;
	reason = vlan_classify(f, port, how, &vlan);
	if (reason)
		return reason;
	reason = vlan_fid(how.sw, vlan, &fid);
	if (reason)
		return reason;

	fdb_learn(sw, how.sw, frame_src(f), fid, p->in_port, p->now);

	to = frame_dst(f) & MAC_GROUP ? 0 : fdb_port(frame_dst(f), fid);
	if (!to)
		return to_members(skb, p, how.sw, vlan, fid);
	if (to == p->in_port)
		return DROP_LOOPBACK;
	p->out = egress(to, how.sw, vlan, &p->act);
	if (!p->out)
		flow_fill(p->slot, &p->key, p->now, p->in_port, &p->act);
	return DROP_NONE;
}

/* resolve finds out what becomes of a frame that the cache doesn't know. */
__attribute__((noinline)) int resolve(struct __sk_buff *skb, struct passage *p)
{
	if (!p)
		return 0;
	p->in_port = port_number(p->frame.ifindex);
	if (p->in_port)
		p->in = forward(skb, p);
	return 0;
}

/*
 * leave is the one exit: the frame is counted where it came in, and where it
 * goes out or fails to.
 */
static inline int leave(struct __sk_buff *skb, struct frame *f, __u32 octets,
			enum cast cast, __u32 in_port, enum drop_reason in,
			const struct action *act, enum drop_reason out)
{
	if (!in_port)
		return TCX_NEXT;
	count_in(in_port, cast, octets, in);
	if (in || !act->port)
		return TCX_DROP;
	if (!out)
		out = prepare(skb, f, act);
	count_out(act->port, cast, f->octets + f->tag_octets, out);
	return out ? TCX_DROP : send(act);
}

SEC("tcx/ingress")
int switch_ingress(struct __sk_buff *skb)
{
	struct flow *flow;
	struct passage p;
	__u32 octets;

	parse(skb, &p.frame);
	octets = p.frame.octets + p.frame.tag_octets;
	p.now = bpf_jiffies64();
	p.key = flow_key(&p.frame);
	p.slot = flow_slot(&p.key);
	flow = bpf_map_lookup_elem(&flow_cache, &p.slot);
	if (flow && flow_hit(flow, &p.key, p.now))
		return leave(skb, &p.frame, octets, CAST_UNICAST, flow->in_port,
			     DROP_NONE, &flow->action, DROP_NONE);

	p.in_port = 0;
	p.in = DROP_NONE;
	p.out = DROP_NONE;
	p.act = (struct action){};
	resolve(skb, &p);
	return leave(skb, &p.frame, octets, frame_cast(&p.frame), p.in_port,
		     p.in, &p.act, p.out);
}

/* clock gives the jiffies that `seen` is compared with. */
SEC("syscall")
int clock(void *ctx)
{
	return bpf_jiffies64();
}

/* read_carriers answers the questions in carriers. */
SEC("syscall")
int read_carriers(struct carrier_request *request)
{
	return answer_carriers(request);
}

/* fold_counters moves what a port has counted to another one. */
SEC("syscall")
int fold_counters(struct fold_request *request)
{
	struct fold_request r = *request;

	bpf_loop(MAX_CPUS, fold_step, &r, 0);
	return 0;
}
