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
 * Each stage gives DROP_NONE to go on or the reason to stop. The program has
 * one exit, where the frame is counted once where it came in and once where it
 * leaves; flooding counts the other copies.
 *
 * A frame of an interface that is no port is left to the host and not counted.
 */
#include <stdbool.h>
#include <stddef.h>

#include "abi.h"
#include "maps.h"
#include "parse.h"
#include "counters.h"
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

/* to_members floods; the last copy is left to the caller. */
static inline enum drop_reason
to_members(struct __sk_buff *skb, struct frame *f, __u32 number, __u16 sw,
	   __u16 vlan, __u32 fid, struct action *act)
{
	struct flooding x = {
		.frame = *f,
		.fid = fid,
		.in_port = number,
		.sw = sw,
		.vlan = vlan,
	};

	flood_frame(skb, &x);
	f->tagged = x.frame.tagged;
	f->tci = x.frame.tci;
	*act = x.last;
	return x.members ? DROP_NONE : DROP_EMPTY_PORT_LIST;
}

/*
 * forward takes a frame through the stages. An action with a port says where
 * it goes, and `out` why it can't.
 */
static inline enum drop_reason
forward(struct __sk_buff *skb, struct frame *f, __u32 number, __u32 now,
	struct action *act, enum drop_reason *out, bool *known)
{
	struct port *port = bpf_map_lookup_elem(&ports, &number);
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

	fdb_learn(sw, frame_src(f), fid, number, now);

	to = frame_dst(f) & MAC_GROUP ? 0 : fdb_port(frame_dst(f), fid);
	if (!to)
		return to_members(skb, f, number, how.sw, vlan, fid, act);
	if (to == number)
		return DROP_LOOPBACK;
	*out = egress(to, how.sw, vlan, act);
	*known = !*out;
	return DROP_NONE;
}

SEC("tcx/ingress")
int switch_ingress(struct __sk_buff *skb)
{
	enum drop_reason in = DROP_NONE, out = DROP_NONE;
	__u32 now = bpf_jiffies64(), number;
	struct action act = {};
	bool known = false;
	struct flow_key key;
	struct frame f, came;
	struct flow *flow;

	parse(skb, &f);
	came = f;
	key = flow_key(&f);
	flow = flow_slot(&key);
	if (flow && flow_hit(flow, &key, now)) {
		number = flow->in_port;
		act = flow->action;
	} else {
		number = port_number(f.ifindex);
		if (!number)
			return TCX_NEXT;
		in = forward(skb, &f, number, now, &act, &out, &known);
		if (known && flow)
			flow_fill(flow, &key, now, number, &act);
	}

	count_in(&came, number, in);
	if (in || !act.port)
		return TCX_DROP;
	if (!out)
		out = prepare(skb, &f, &act);
	count_out(act.port, frame_cast(&f), frame_octets(&f, f.tagged), out);
	return out ? TCX_DROP : send(&act);
}

/* clock gives the jiffies that `seen` is compared with. */
SEC("syscall")
int clock(void *ctx)
{
	return bpf_jiffies64();
}
