/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * trace.h - tells what became of a frame, stage by stage, to the sessions that
 * it fits.
 *
 * While nobody traces, none of this is in the loaded program. Else trace_asks()
 * finds the sessions whose turn and whose filter it is, trace_begin() what else
 * they ask, the stages note() what they do into the record of this CPU, and
 * trace_end() tells it, for the sessions whose conditions were known only then
 * too.
 *
 * Maps read: ports, fdb. Maps written: trace_counts, trace_limits, trace_turns,
 * trace_rings.
 */
#ifndef SIGNALBOX_TRACE_H
#define SIGNALBOX_TRACE_H

#include "fdb.h"
#include "maps.h"
#include "parse.h"
#include "passage.h"
#include "trace_maps.h"
#include "vlan.h"

/* trace_due counts a frame, and is whether it is any session's turn. */
static inline bool trace_due(void)
{
	struct trace_samples *s;
	__u32 zero = 0;

	s = bpf_map_lookup_elem(&trace_turns, &zero);
	if (!s)
		return false;
	s->seen++;
	return s->seen >= s->next;
}

/*
 * trace_turn is whether it is a session's turn, that looks at one frame in
 * `sample`: at random, so that nothing that repeats escapes it.
 */
__attribute__((noinline)) int trace_turn(__u32 session, __u32 sample)
{
	struct trace_samples *s;
	__u32 zero = 0;
	__u64 due, next;

	s = bpf_map_lookup_elem(&trace_turns, &zero);
	if (!s || session >= TRACE_SESSIONS)
		return 0;
	due = s->due[session];
	if (s->seen >= due) {
		next = s->seen + 1 + bpf_get_prandom_u32() % (2 * sample - 1);
		s->due[session] = next;
	} else {
		next = due;
	}
	if (s->next <= s->seen || next < s->next)
		s->next = next;
	return s->seen >= due;
}

#define TRACE_SAMPLES(i)						\
	if (trace_sessions[i].flags & TRACE_SAMPLED)			\
		asks |= (trace_turn(i, trace_sessions[i].sample) & 1) << i;

/*
 * trace_whose is whose turn it is. As in trace_asks, no branch depends on it: the
 * verifier would look at each set of sessions by itself.
 */
__attribute__((noinline)) int trace_whose(void)
{
	__u32 asks = 0;

	EACH_ACTIVE(TRACE_SAMPLES)
	return asks;
}

/* trace_take counts a frame that a session is to be told of. */
static inline bool trace_take(__u32 session)
{
	struct trace_count *c = bpf_map_lookup_elem(&trace_counts, &session);

	if (c)
		c->matched++;
	return c;
}

/* trace_allow keeps to a session's limit of frames in a second. */
__attribute__((noinline)) int trace_allow(__u32 session, __u32 limit, __u32 now)
{
	struct trace_count *c = bpf_map_lookup_elem(&trace_counts, &session);
	__u64 *used = bpf_map_lookup_elem(&trace_limits, &session);
	__u64 was, second = now / hz;

	if (!c || !used)
		return 0;
	was = READ_ONCE(*used);
	if (was >> 32 != second &&
	    __sync_val_compare_and_swap(used, was, second << 32 | 1) == was)
		goto allowed;
	/* Once the limit is met, the word that all CPUs share is only read. */
	if ((__u32)READ_ONCE(*used) < limit &&
	    (__u32)__sync_fetch_and_add(used, 1) < limit)
		goto allowed;
	c->limited++;
	return 0;
allowed:
	return 1;
}

/* What trace_begin knows of a frame. */
struct trace_frame {
	__u32 in_port;
	__u32 aggregate;	/* of in_port, or 0 */
	__u32 out_port;		/* 0: not known yet */
	__u32 vlan;
};

/*
 * trace_fits is whether a frame may fit a session. Conditions are constants to
 * the verifier, which takes out what the session does not ask. Which sessions
 * a frame fits is kept in memory that the verifier does not follow: else it
 * would look at each set of sessions by itself.
 */
static inline bool trace_fits(const volatile struct trace_session *s, __u32 bit,
			      const struct trace_frame *x,
			      struct trace_ring *r)
{
	__u32 flags = s->flags;
	bool fits;

	if (flags & (TRACE_IN | TRACE_OUT)) {
		fits = flags & TRACE_IN && (trace_has(s->ports, x->in_port) ||
			(x->aggregate && trace_has(s->ports, x->aggregate)));
		if (!fits && flags & TRACE_OUT) {
			if (!x->out_port)
				r->late |= bit;
			fits = !x->out_port || trace_has(s->ports, x->out_port);
		}
		if (!fits)
			return false;
	}
	return !(flags & TRACE_VLANS) || trace_has(s->vlans, x->vlan);
}

#define TRACE_GATE(i)							\
	if (trace_active & 1 << i && asks & 1 << i &&			\
	    trace_fits(&trace_sessions[i], 1 << i, &x, r))		\
		p->traced |= 1 << i;

/* trace_tag is the outer tag that a frame came with, whatever its TPID. */
static inline __u32 trace_tag(struct __sk_buff *skb, const struct frame *f)
{
	if (skb->vlan_present)
		return (__u32)bpf_ntohs(skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);
	return f->tag ? ETH_P_8021Q << 16 | (f->tag & 0xffff) : 0;
}

/*
 * explain_frame takes the length of a frame and of its tag from whoever asks:
 * BPF_PROG_TEST_RUN takes no long frame, and leaves every tag in it.
 */
static inline void explain_frame(struct __sk_buff *skb, struct frame *f)
{
	f->octets = skb->cb[0];
	f->tag_octets = skb->cb[1];
}

/* How much of a frame filters see: headers, and what follows them. */
#define TRACE_PULL	256

/* trace_pull brings a frame's headers where programs read them. */
static inline void trace_pull(struct __sk_buff *skb)
{
	__u32 want = skb->len < TRACE_PULL ? skb->len : TRACE_PULL;

	if ((__u32)(skb->data_end - skb->data) < want)
		bpf_skb_pull_data(skb, want);
}

#define TRACE_PASSES(i)							\
	if (filtered & 1 << i)						\
		passes |= (trace_filter_##i(skb, f->tag, f->octets) & 1) << i;

/*
 * trace_asks are the sessions that may want a frame, by what costs least:
 * sampling, which comes first, and their filters. A frame that nobody wants goes
 * the way of the program that does not trace.
 */
static inline __u32 trace_asks(struct __sk_buff *skb, const struct frame *f)
{
	const __u32 wants = trace_wants, filtered = trace_filtered;
	__u32 asks = trace_each, passes;

	if (wants & TRACE_SAMPLED && trace_due())
		asks |= trace_whose();
	if (!filtered || !asks)
		return asks;
	passes = ~filtered;
	trace_pull(skb);
	EACH_ACTIVE(TRACE_PASSES)
	return asks & passes;
}

/*
 * trace_port is the aggregate of a member, and the VLAN of a frame that comes
 * in there.
 */
static inline void trace_port(struct trace_frame *x, const struct frame *f)
{
	struct port *port = bpf_map_lookup_elem(&ports, &x->in_port);

	if (!port)
		return;
	x->aggregate = port->aggregate;
	if (x->aggregate)
		port = bpf_map_lookup_elem(&ports, &x->aggregate);
	x->vlan = f->tag & VID_MASK;
	if (!x->vlan && port)
		x->vlan = port_how(port).pvid;
}

/*
 * trace_begin finds which of the sessions in p->traced a frame may fit, and begins
 * its record; where is in_port | out_port << 16, and leads the port that a known
 * flow leads to, whose first two stages are noted here. What no session asks for
 * is looked up only when a session has the frame.
 */
__attribute__((noinline)) int trace_begin(struct __sk_buff *skb, struct passage *p,
					  __u32 where, __u32 leads)
{
	struct trace_frame x = { .in_port = where & 0xffff, .out_port = where >> 16 };
	const bool ports = trace_wants & (TRACE_IN | TRACE_OUT | TRACE_VLANS);
	struct trace_ring *r = trace_ring();
	struct trace_record *t;
	__u32 asks;

	if (!r || !p)
		return 0;
	r->late = 0;
	r->left = 0;
	if (ports) {
		asks = p->traced;
		p->traced = 0;
		trace_port(&x, &p->frame);
		EACH_ACTIVE(TRACE_GATE)
		if (!p->traced)
			return 0;
	} else {
		trace_port(&x, &p->frame);
	}
	t = trace_record(r);
	p->vlan = x.vlan;
	t->head.ifindex = p->frame.ifindex;
	t->head.octets = p->frame.octets;
	t->head.tag = trace_tag(skb, &p->frame);
	t->head.in_port = x.in_port;
	t->head.aggregate = x.aggregate;
	t->head.vlan = x.vlan;
	t->head.reason = DROP_NONE;
	t->head.steps = 0;
	t->head.cut = 0;
	t->head.reasons = 0;
	if (leads) {
		t->head.steps = 2;
		t->step[0] = (struct trace_step){
			.stage = TRACE_INGRESS, .verdict = TRACE_PASS, .port = x.in_port,
		};
		t->step[1] = (struct trace_step){
			.stage = TRACE_CACHE, .verdict = TRACE_PASS, .port = leads,
			.detail = TRACE_HIT,
		};
	}
	return 0;
}

#define TRACE_LEAVES(i)							\
	if (trace_sessions[i].flags & TRACE_OUT &&			\
	    (trace_has(trace_sessions[i].ports, port) ||			\
	     trace_has(trace_sessions[i].ports, aggregate)))		\
		r->left |= 1 << i;

/* trace_leaves notes the sessions whose output port it is. */
static inline void trace_leaves(struct trace_ring *r, __u32 port)
{
	struct port *member = bpf_map_lookup_elem(&ports, &port);
	__u32 aggregate = 0;

	if (member)
		aggregate = member->aggregate;
	EACH_ACTIVE(TRACE_LEAVES)
}

/*
 * trace_note notes what a stage did: what and where are the first two words of
 * struct trace_step.
 */
__attribute__((noinline)) int trace_note(struct passage *p, __u32 what,
					 __u32 where, __u32 detail)
{
	__u32 at, reason = what >> 16 & 0xff, *step;
	struct trace_ring *r = trace_ring();
	struct trace_record *t;

	if (!r || !p)
		return 0;
	t = trace_record(r);
	if (reason) {
		t->head.reasons |= 1U << (reason & 31);
		if (!t->head.reason)
			t->head.reason = reason;
	}
	if (trace_wants & TRACE_OUT && r->late & ~r->left &&
	    (what & 0xff) >= TRACE_EGRESS)
		trace_leaves(r, where & 0xffff);
	at = t->head.steps;
	if (at >= TRACE_STEPS) {
		t->head.cut = 1;
		return 0;
	}
	step = (__u32 *)&t->step[at];
	step[0] = what;
	step[1] = where;
	step[2] = detail;
	t->head.steps = at + 1;
	return 0;
}

/*
 * note tells what a stage did, where the frame is traced. A stage that is in
 * both entries of the program says in which of them it is.
 */
static inline void note(const bool traced, struct passage *p, enum trace_stage stage,
			enum trace_verdict verdict, enum drop_reason reason,
			__u32 port, __u32 vlan, bool tagged, __u32 detail)
{
	if (traced && p->traced)
		trace_note(p, stage | verdict << 8 | (__u32)reason << 16 |
			   (tagged ? TRACE_TAGGED << 24 : 0),
			   (port & 0xffff) | vlan << 16, detail);
}

/* noted is note for a stage that either drops or goes on. */
static inline enum drop_reason noted(const bool traced, struct passage *p,
				     enum trace_stage stage, enum drop_reason reason,
				     __u32 port, __u32 vlan)
{
	note(traced, p, stage, reason ? TRACE_DROPPED : TRACE_PASS, reason, port, vlan,
	     false, TRACE_NOTHING);
	return reason;
}

/* noted_out is noted for what is about the way out, with the action's tag. */
static inline enum drop_reason noted_out(const bool traced, struct passage *p,
					 enum trace_stage stage,
					 enum drop_reason reason, __u32 port,
					 __u32 tag, bool last)
{
	note(traced, p, stage, reason ? TRACE_DROPPED : last ? TRACE_FORWARDED : TRACE_PASS,
	     reason, port, tag ? tag & VID_MASK : p->vlan, tag != 0, TRACE_NOTHING);
	return reason;
}

/*
 * trace_learn notes what learning is going to do and says why the source may
 * not be there; stays and learns are those of fdb_learn.
 */
__attribute__((noinline)) int trace_learn(struct passage *p, __u32 learns,
					  __u32 stays)
{
	enum trace_detail detail = TRACE_NEW;
	enum drop_reason reason = DROP_NONE;
	struct fdb_bucket *b;
	__u32 way, old = 0;
	__u64 mac;

	if (!p)
		return 0;
	mac = frame_src(&p->frame);
	b = fdb_find(fdb_key(mac, p->fid), &way);
	if (b)
		old = READ_ONCE(b->port[way & (FDB_WAYS - 1)]);
	if (!learns || !mac)
		detail = TRACE_OFF;
	else if (stays && old && (old & FDB_PORT_MASK) != p->port)
		reason = DROP_ADDRESS_ELSEWHERE;
	else if (old & FDB_STATIC)
		detail = TRACE_STATIC;
	else if (old)
		detail = (old & FDB_PORT_MASK) == p->port ? TRACE_KNOWN : TRACE_MOVED;
	if (p->traced)
		trace_note(p, TRACE_LEARN | (reason ? TRACE_DROPPED : TRACE_PASS) << 8 |
			   (__u32)reason << 16,
			   (old && detail != TRACE_OFF ? old & FDB_PORT_MASK : p->port) |
			   (__u32)p->vlan << 16, detail);
	return reason;
}

/* What of a session's conditions is known only when the frame leaves. */
#define TRACE_TELL(i)							\
	if (trace_active & 1 << i && fits & 1 << i &&			\
	    (!(trace_sessions[i].flags & TRACE_REASONS) ||		\
	     t->head.reasons & trace_sessions[i].reasons) &&		\
	    trace_take(i) &&						\
	    (!trace_sessions[i].limit ||				\
	     trace_allow(i, trace_sessions[i].limit, p->now))) {	\
		t->head.sessions |= 1 << i;				\
		if (t->head.captured < trace_sessions[i].snap)		\
			t->head.captured = trace_sessions[i].snap;	\
	}

/* trace_lose counts a record for which there was no room. */
__attribute__((noinline)) int trace_lose(__u32 sessions)
{
	for (__u32 i = 0; i < TRACE_SESSIONS; i++) {
		__u32 at = i;
		struct trace_count *c;

		if (!(sessions >> i & 1))
			continue;
		c = bpf_map_lookup_elem(&trace_counts, &at);
		if (c)
			c->lost++;
	}
	return 0;
}

/*
 * trace_room is whether the ring has room for more octets, and behind them for
 * the next record in work. It looks at what the element has read only when it
 * must.
 */
static inline bool trace_room(struct trace_ring *r, __u32 octets)
{
	__u64 then = r->head + octets;

	if (then <= r->bound)
		return true;
	r->bound = READ_ONCE(r->tail) + trace_ring_mask + 8 - sizeof(struct trace_record);
	return then <= r->bound;
}

/* A frame's first octets are copied here, a cache line at once: the helper costs more. */
#define TRACE_LINES	4
#define TRACE_LINE	64

struct trace_line {
	__u64 word[TRACE_LINE / 8];
};

/*
 * trace_capture copies a frame's octets behind the steps. More than `octets` may be
 * written, up to a whole line.
 */
static inline bool trace_capture(struct __sk_buff *skb, struct trace_step *to, __u32 octets)
{
	const struct trace_line *from = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	struct trace_line *line = (void *)to;

	if (octets <= TRACE_LINES * TRACE_LINE) {
#pragma unroll
		for (__u32 i = 0; i < TRACE_LINES; i++) {
			if ((const void *)(from + i + 1) > end)
				break;
			line[i] = from[i];
			if (octets <= (i + 1) * TRACE_LINE)
				return true;
		}
	}
	/* The checks and the use in one register. */
	asm volatile("" : "+r"(octets));
	if (octets == 0 || octets > TRACE_SNAP)
		return false;
	return !bpf_skb_load_bytes(skb, 0, to, octets);
}

/* trace_put tells the record in work, with as many octets of the frame as are wanted. */
static inline bool trace_put(struct __sk_buff *skb, struct trace_ring *r,
			     struct trace_record *t)
{
	__u32 octets = t->head.captured, steps = t->head.steps, size;

	if (steps > TRACE_STEPS)
		return false;
	if (octets > skb->len)
		octets = skb->len;
	size = (sizeof(t->head) + steps * sizeof(t->step[0]) + octets + 7) & ~7U;
	if (!trace_room(r, size))
		return false;
	t->head.captured = octets;
	if (octets && !trace_capture(skb, &t->step[steps], octets))
		t->head.captured = 0;
	t->head.size = size;
	t->head.time = bpf_ktime_get_ns();
	t->head.packet = (__u64)bpf_get_smp_processor_id() << 56 | ++r->packets;
	t->head.present = skb->len;
	/* What stands in the record is seen before the head is. */
	__sync_lock_test_and_set(&r->head, r->head + size);
	return true;
}

/*
 * trace_end tells the sessions. what is verdict | reason << 8, of the frame as
 * such; the first reason of a copy stands where it has none.
 */
__attribute__((noinline)) int trace_end(struct __sk_buff *skb, struct passage *p,
					__u32 what, __u32 out_port)
{
	struct trace_ring *r = trace_ring();
	struct trace_record *t;
	__u32 fits;

	if (!r || !p)
		return 0;
	t = trace_record(r);
	t->head.verdict = what;
	if (what >> 8)
		t->head.reason = what >> 8;
	t->head.out_port = out_port;
	if (explaining)
		return 0;
	fits = p->traced;
	if (trace_wants & TRACE_OUT)
		fits &= ~(r->late & ~r->left);
	t->head.sessions = 0;
	t->head.captured = 0;	/* how much is wanted, before it is how much there is */
	EACH_ACTIVE(TRACE_TELL)
	if (t->head.sessions && !trace_put(skb, r, t))
		trace_lose(t->head.sessions);
	return 0;
}

#endif
