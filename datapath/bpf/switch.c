// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * switch.c - a VLAN-aware learning bridge at the tcx ingress of each port.
 *
 *   parse -> flow cache --hit------------------------------------------+
 *                |                                                     v
 *               miss -> port -> guards -> VLAN -> admit -> learn -> FDB -> egress
 *                                                                    |       |
 *                                                                    v       v
 *                                                                  flood  classes
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
#include "trace.h"
#include "counters.h"
#include "device.h"
#include "vlan.h"
#include "lag.h"
#include "output.h"
#include "fdb.h"
#include "admit.h"
#include "flood.h"
#include "qos.h"
#include "cache.h"
#include "kernel_drop.h"

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
	enum qos_flags qos_flags;
	enum key_kinds key_kinds;
	enum classifier_flags classifier_flags;
	struct class_key class_key;
	struct fdb_event fdb_event;
	enum trace_stage trace_stage;
	enum trace_verdict trace_verdict;
	enum trace_detail trace_detail;
	enum trace_step_flags trace_step_flags;
	enum trace_session_flags trace_session_flags;
	struct trace_head trace_head;
	struct trace_step trace_step;
	struct trace_record trace_record;
	struct trace_ring trace_ring;
	struct kernel_drop kernel_drop;
} shared_types;

/*
 * port_number is the port of an interface, or 0; with PORT_HELD_BACK where its
 * queues are behind the frame.
 */
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
	p->to_host = is_for_host(skb, &p->frame, how->flags & PORT_MEMBER);
	if (unlikely(p->to_host))
		return DROP_NONE;
	if (!unlikely(how->flags & PORT_MEMBER))
		return how->flags & PORT_FORWARDING ? DROP_NONE : DROP_PORT_DOWN;
	if (!(how->flags & PORT_FORWARDING))
		return DROP_LAG_INACTIVE;
	p->port = (*port)->aggregate;
	*port = bpf_map_lookup_elem(&ports, &p->port);
	if (!*port)
		return DROP_LAG_INACTIVE;
	*how = port_how(*port);
	return how->flags & PORT_FORWARDING ? DROP_NONE : DROP_LAG_INACTIVE;
}

/*
 * learn notes where the source is, unless it may not be there. What explains a
 * frame learns nothing.
 */
static inline enum drop_reason learn(struct passage *p, struct vswitch *sw,
				     __u32 number, __u32 fid, __u16 flags,
				     const bool traced)
{
	enum drop_reason reason;

	if (traced && (explaining || p->traced)) {
		reason = trace_learn(p, sw->flags & SWITCH_LEARNING,
				     flags & PORT_NO_TEAMING);
		if (explaining)
			return reason;
	}
	return fdb_learn(sw, number, frame_src(&p->frame), fid, p->port,
			 flags & PORT_NO_TEAMING, p->now);
}

/*
 * detour sends a frame to the queues that hold back what its port takes in. It
 * is counted and looked at when it has passed them.
 */
static inline void detour(struct passage *p, __u32 ifindex)
{
	p->in_port = 0;
	p->qos.flags |= QOS_DETOUR;
	set_way(&p->act.way, ifindex, 0, 0);
	set_form(&p->act, 0, 0);
	if (p->qos.classifier)
		classify_flow(p);
	flow_fill(p->slot, &p->key, p->now, p);
}

/* forward takes a frame of a port through the stages. */
static inline enum drop_reason forward(struct __sk_buff *skb, struct passage *p,
				       const bool traced)
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
		return noted(traced, p, TRACE_INGRESS, reason, p->in_port, 0);
	set_qos(&p->qos, qos_word(&port->qos));
	if (unlikely(port->detour && !p->held_back) && !(traced && explaining)) {
		detour(p, port->detour);
		return DROP_NONE;
	}
	at = how.sw;
	sw = bpf_map_lookup_elem(&switches, &at);
	if (!sw || !(sw->flags & SWITCH_ENABLED))
		return noted(traced, p, TRACE_INGRESS, DROP_SWITCH_DISABLED, p->in_port, 0);
	noted(traced, p, TRACE_INGRESS, DROP_NONE, p->in_port, 0);
	note(traced, p, TRACE_CACHE, TRACE_PASS, DROP_NONE, 0, 0, false, TRACE_MISS);
	reason = noted(traced, p, TRACE_GUARD, guards(f), 0, 0);
	if (reason)
		return reason;
	reason = vlan_classify(f, port, how, &vlan);
	if (reason)
		return noted(traced, p, TRACE_VLAN, reason, 0, vlan);
	if (traced)
		fid = 0;
	reason = noted(traced, p, TRACE_VLAN, vlan_fid(how.sw, vlan, &fid), 0, vlan);
	if (reason)
		return reason;
	p->sw = how.sw;
	p->vlan = vlan;
	p->fid = fid;
	if (unlikely(how.flags & PORT_AGGREGATE)) {
		reason = noted(traced, p, TRACE_ADMIT, admit(skb, p, port->lag),
			       p->in_port, vlan);
		if (reason)
			return reason;
	}
	reason = learn(p, sw, how.sw, fid, how.flags, traced);
	if (reason)
		return reason;

	to = frame_dst(f) & MAC_GROUP ? 0 : fdb_port(frame_dst(f), fid);
	p->to_all = !to;
	note(traced, p, TRACE_LOOKUP,
	     to == p->port ? TRACE_DROPPED : to ? TRACE_PASS : TRACE_FLOODED,
	     to == p->port ? DROP_LOOPBACK : DROP_NONE, to, vlan, false,
	     to ? TRACE_KNOWN : frame_dst(f) & MAC_GROUP ? TRACE_GROUP : TRACE_UNKNOWN);
	if (!to)
		return DROP_NONE;
	if (to == p->port)
		return DROP_LOOPBACK;
	p->out = egress(f, to, how.sw, vlan, p->port, &p->act);
	noted_out(traced, p, TRACE_EGRESS, p->out, to, p->out ? 0 : p->act.tag, false);
	if (!p->out) {
		if (p->qos.classifier)
			classify_flow(p);
		flow_fill(p->slot, &p->key, p->now, p);
	}
	return DROP_NONE;
}

/* enter finds the port that a frame came in at; false where it is none. */
static inline bool enter(struct passage *p)
{
	__u32 number = port_number(p->frame.ifindex);

	p->held_back = number & PORT_HELD_BACK;
	p->in_port = number & ~PORT_HELD_BACK;
	return number;
}

/* takes_detour: what becomes of the frame is told when it is back. */
static inline bool takes_detour(const struct passage *p)
{
	struct port *port = bpf_map_lookup_elem(&ports, &p->in_port);

	return port && port->detour && !p->held_back && !explaining;
}

/* resolve finds out what becomes of a frame that the cache doesn't know. */
__attribute__((noinline)) int resolve(struct __sk_buff *skb, struct passage *p)
{
	if (!p)
		return 0;
	if (enter(p))
		p->in = forward(skb, p, false);
	return 0;
}

/* resolve_traced is the same for a frame that a session asks for. */
__attribute__((noinline)) int resolve_traced(struct __sk_buff *skb, struct passage *p)
{
	if (!p)
		return 0;
	if (!enter(p))
		return 0;
	if (takes_detour(p))
		p->traced = 0;
	else
		trace_begin(skb, p, p->in_port, 0);
	p->in = forward(skb, p, true);
	return 0;
}

/* finish tells of a frame that is traced; way is how it leaves, if it does. */
static inline void finish(struct __sk_buff *skb, struct passage *p, bool to_host,
			  enum drop_reason in, enum drop_reason out, __u32 port)
{
	enum trace_verdict verdict = TRACE_FORWARDED;

	if (!p->traced)
		return;
	if (in)
		verdict = TRACE_DROPPED;
	else if (to_host)
		verdict = TRACE_PUNTED;
	else if (p->to_all)
		verdict = TRACE_FLOODED;
	else if (out)
		verdict = TRACE_DROPPED;
	trace_end(skb, p, verdict | (in ? in : out) << 8, p->to_all ? 0 : port);
}

/*
 * leave is the one exit: the frame is counted where it came in, and where it
 * goes out or fails to. p is read where it is traced only.
 */
static inline int leave(struct __sk_buff *skb, struct passage *p, __u32 octets,
			enum cast cast, __u32 in_port, enum drop_reason in,
			const struct action *act, enum drop_reason out,
			bool to_host, const bool traced)
{
	struct frame *f = &p->frame;
	struct way way;

	if (unlikely(!in_port))
		return act->way.ifindex ? send(act->way) : TCX_NEXT;
	count_in(in_port, cast, octets, in);
	if (traced && (to_host || in || !act->way.port))
		finish(skb, p, to_host, in, out, 0);
	if (unlikely(to_host))
		return TCX_NEXT;
	way = act->way;
	if (in || !way.port)
		return TCX_DROP;
	if (!out && way.flags & OUT_LAG) {
		out = lag_choose(skb, f, act, p->now, &way);
		if (traced)
			noted_out(traced, p, TRACE_LAG, out, way.port, act->tag, false);
	}
	if (!out) {
		out = prepare(skb, f, act, way.ifindex);
		if (traced)
			noted_out(traced, p, TRACE_OUTPUT, out, way.port, act->tag, true);
	}
	count_out(way.port, cast, f->octets + f->tag_octets, out);
	if (traced)
		finish(skb, p, false, in, out, way.port);
	return out ? TCX_DROP : send(way);
}

/* leave_traced is leave for a frame that a session asks for. */
__attribute__((noinline)) int leave_traced(struct __sk_buff *skb, struct passage *p)
{
	if (!p)
		return TCX_DROP;
	return leave(skb, p, p->frame.octets + p->frame.tag_octets, frame_cast(&p->frame),
		     p->in_port, p->in, &p->act, p->out, p->to_host, true);
}

/* begin_passage is what is true before the stages. */
static inline void begin_passage(struct passage *p)
{
	p->in_port = 0;
	p->in = DROP_NONE;
	p->out = DROP_NONE;
	p->to_host = false;
	p->to_all = false;
	p->vlan = 0;
	set_qos(&p->qos, 0);
	set_way(&p->act.way, 0, 0, 0);
}

/* qos_noted is qos for a frame whose port has anything of it. */
static inline enum drop_reason qos_noted(struct __sk_buff *skb, struct passage *p)
{
	enum drop_reason reason;

	if (!qos_word(&p->qos))
		return DROP_NONE;
	reason = qos(skb, p);
	note(true, p, TRACE_CLASS, reason ? TRACE_DROPPED : TRACE_PASS, reason, 0,
	     p->vlan, false, p->qos.queue | (reason ? p->qos.policers << 16 : 0));
	return reason;
}

/*
 * take_traced takes a frame through the switch that a session asks for; flow is null
 * where the cache does not know it.
 */
static inline int take_traced(struct __sk_buff *skb, struct passage *p,
			      const struct flow *flow)
{
	__u32 out;

	begin_passage(p);
	if (!flow) {
		resolve_traced(skb, p);
		if (!p->in && !p->out)
			p->in = qos_noted(skb, p);
		if (unlikely(p->to_all) && !p->in)
			flood_frame(skb, p);
		return leave_traced(skb, p);
	}
	p->in_port = flow->in_port;
	p->vlan = flow->vlan;
	p->act = flow->action;
	set_qos(&p->qos, qos_word(&flow->qos));
	out = p->act.way.port;
	trace_begin(skb, p, p->in_port | (p->act.way.flags & OUT_LAG ? 0 : out << 16), out);
	p->in = qos_noted(skb, p);
	return leave_traced(skb, p);
}

/* take_in takes a frame through the switch. */
static inline int take_in(struct __sk_buff *skb, const bool traced)
{
	enum drop_reason reason;
	struct flow *flow;
	struct passage p;
	__u32 octets;
	__u64 word;

	parse(skb, &p.frame);
	if (traced && explaining)
		explain_frame(skb, &p.frame);
	octets = p.frame.octets + p.frame.tag_octets;
	p.now = bpf_jiffies64();
	p.key = flow_key(&p.frame);
	p.slot = flow_slot(&p.key);
	if (traced)
		p.traced = trace_asks(skb, &p.frame);
	flow = bpf_map_lookup_elem(&flow_cache, &p.slot);
	if (flow && flow_hit(flow, &p.key, p.now)) {
		if (traced && p.traced && flow->in_port)
			return take_traced(skb, &p, flow);
		word = qos_word(&flow->qos);
		if (unlikely(word) && !qos_quick(skb, &flow->qos, &p.frame, octets)) {
			set_qos(&p.qos, word);
			p.vlan = flow->vlan;
			reason = qos(skb, &p);
			if (reason) {
				count_in(flow->in_port, CAST_UNICAST, octets, reason);
				return TCX_DROP;
			}
		}
		return leave(skb, &p, octets, CAST_UNICAST, flow->in_port,
			     DROP_NONE, &flow->action, DROP_NONE, false, false);
	}
	if (traced && p.traced)
		return take_traced(skb, &p, NULL);
	begin_passage(&p);
	resolve(skb, &p);
	if (unlikely(qos_word(&p.qos)) && !p.in && !p.out)
		p.in = qos(skb, &p);
	if (unlikely(p.to_all) && !p.in)
		flood_frame(skb, &p);
	return leave(skb, &p, octets, frame_cast(&p.frame), p.in_port,
		     p.in, &p.act, p.out, p.to_host, false);
}

SEC("tcx/ingress")
int switch_ingress(struct __sk_buff *skb)
{
	return take_in(skb, false);
}

/* switch_traced is the same while somebody traces, and what explains a frame. */
SEC("tcx/ingress")
int switch_traced(struct __sk_buff *skb)
{
	return take_in(skb, true);
}

/*
 * see_kernel_drop sees each frame that the kernel drops, in all namespaces; what is
 * at a port of this one is told.
 */
SEC("tp_btf/kfree_skb")
int see_kernel_drop(__u64 *args)
{
	const struct sk_buff *skb = (const struct sk_buff *)args[0];
	const struct net_device *dev = skb->dev;
	__u32 reason = args[2], port;

	if (!dev || (__u64)dev->nd_net.net != READ_ONCE(globals.net) ||
	    reason == kernel_own_reason)
		return 0;
	port = port_number(dev->ifindex) & ~PORT_HELD_BACK;
	if (port)
		drop_note(skb, port, reason);
	return 0;
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
