// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * switch.c - a VLAN-aware learning bridge at the tcx ingress of each port.
 *
 *   parse -> flow cache --hit----------------------------------------+
 *                |                                                   v
 *               miss -> port -> guards -> VLAN -> admit -> learn -> FDB -> egress
 *                                                                    |       |
 *                                                                  flood     v
 *                                                                    +--> output
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
#include "passage.h"
#include "counters.h"
#include "device.h"
#include "vlan.h"
#include "lag.h"
#include "output.h"
#include "fdb.h"
#include "admit.h"
#include "flood.h"
#include "cache.h"

char LICENSE[] SEC("license") = "GPL";

/* Names what no map holds, so that the type information has it for Go. */
const volatile struct {
	enum drop_reason drop_reason;
	enum port_flags port_flags;
	enum lag_distribution lag_distribution;
	enum lag_flags lag_flags;
	enum out_flags out_flags;
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

/*
 * port_in finds the port that decides about a frame: of a member of an
 * aggregate the aggregate's.
 */
static inline enum drop_reason port_in(struct __sk_buff *skb, struct passage *p,
				       struct port **port, struct port_how *how)
{
	*port = bpf_map_lookup_elem(&ports, &p->in_port);
	if (!*port)
		return DROP_PORT_DOWN;
	*how = port_how(*port);
	p->port = p->in_port;
	if (!unlikely(how->flags & PORT_MEMBER))
		return how->flags & PORT_FORWARDING ? DROP_NONE : DROP_PORT_DOWN;
	p->to_host = is_slow_protocol(skb, &p->frame);
	if (p->to_host)
		return DROP_NONE;
	if (!(how->flags & PORT_FORWARDING))
		return DROP_LAG_INACTIVE;
	p->port = (*port)->aggregate;
	*port = bpf_map_lookup_elem(&ports, &p->port);
	if (!*port)
		return DROP_LAG_INACTIVE;
	*how = port_how(*port);
	return how->flags & PORT_FORWARDING ? DROP_NONE : DROP_LAG_INACTIVE;
}

/* forward takes a frame of a port through the stages. */
static inline enum drop_reason forward(struct __sk_buff *skb, struct passage *p)
{
	const struct frame *f = &p->frame;
	struct port_how how;
	struct port *port;
	struct vswitch *sw;
	enum drop_reason reason;
	__u32 at, to, fid;
	__u16 vlan;

	reason = port_in(skb, p, &port, &how);
	if (unlikely(reason || p->to_host))
		return reason;
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
	p->sw = how.sw;
	p->vlan = vlan;
	p->fid = fid;
	if (unlikely(how.flags & PORT_AGGREGATE)) {
		reason = admit(skb, p, port->lag);
		if (reason)
			return reason;
	}
	reason = fdb_learn(sw, how.sw, frame_src(f), fid, p->port,
			   how.flags & PORT_NO_TEAMING, p->now);
	if (reason)
		return reason;

	to = frame_dst(f) & MAC_GROUP ? 0 : fdb_port(frame_dst(f), fid);
	p->to_all = !to;
	if (!to)
		return DROP_NONE;
	if (to == p->port)
		return DROP_LOOPBACK;
	p->out = egress(f, to, how.sw, vlan, p->port, &p->act);
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
			const struct action *act, enum drop_reason out,
			bool to_host, __u32 now)
{
	struct way way;

	if (!in_port)
		return TCX_NEXT;
	count_in(in_port, cast, octets, in);
	if (unlikely(to_host))
		return TCX_NEXT;
	way = act->way;
	if (in || !way.port)
		return TCX_DROP;
	if (!out && way.flags & OUT_LAG)
		out = lag_choose(skb, f, act, now, &way);
	if (!out)
		out = prepare(skb, f, act, way.ifindex);
	count_out(way.port, cast, f->octets + f->tag_octets, out);
	return out ? TCX_DROP : send(way);
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
			     DROP_NONE, &flow->action, DROP_NONE, false, p.now);

	p.in_port = 0;
	p.in = DROP_NONE;
	p.out = DROP_NONE;
	p.to_host = false;
	p.to_all = false;
	set_way(&p.act.way, 0, 0, 0);
	resolve(skb, &p);
	if (unlikely(p.to_all))
		flood_frame(skb, &p);
	return leave(skb, &p.frame, octets, frame_cast(&p.frame), p.in_port,
		     p.in, &p.act, p.out, p.to_host, p.now);
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
