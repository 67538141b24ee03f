/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * trace_maps.h - what tracing keeps: its sessions and their filters, which are
 * constants of a loaded program, and maps that live no longer than the element
 * that made them. None is pinned.
 */
#ifndef SIGNALBOX_TRACE_MAPS_H
#define SIGNALBOX_TRACE_MAPS_H

#include <stdbool.h>

#include "maps.h"
#include "parse.h"
#include "trace_abi.h"

/* Set at load. A test compares with a build that has none of it. */
#ifdef WITHOUT_TRACING
#define tracing		false
#define explaining	false
#else
const volatile bool tracing;
const volatile bool explaining;	/* nothing is counted, learned or sent */
#endif

/*
 * Set at load: the sessions, all their flags together, and by bit which there
 * are, which look at each frame, and which have a filter. The verifier takes out
 * what is about sessions that are not there.
 */
const volatile struct trace_session trace_sessions[TRACE_SESSIONS];
const volatile __u32 trace_wants;
const volatile __u32 trace_active;
const volatile __u32 trace_each;
const volatile __u32 trace_filtered;

/* Set at load: how long each ring is, less eight octets. */
const volatile __u64 trace_ring_mask;

/*
 * Records, by CPU; of an explanation the first one. The program writes, the
 * element reads by polling. A ring of the kernel costs twice the time, for its
 * lock and for copying what is written in place here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* the element: as many as CPUs */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct trace_ring));	/* and the ring, and a record */
} trace_rings SEC(".maps");

/* Of each session. The program writes, the element reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACE_SESSIONS);
	__type(key, __u32);
	__type(value, struct trace_count);
} trace_counts SEC(".maps");

/* Of each session second << 32 | frames told in it. Only the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACE_SESSIONS);
	__type(key, __u32);
	__type(value, __u64);
} trace_limits SEC(".maps");

/* When it is a session's turn. Only the program. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_samples);
} trace_turns SEC(".maps");

#define EACH_TRACE(do) \
	do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) \
	do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)

/*
 * EACH_ACTIVE is EACH_TRACE in a function. Most often there are few sessions, and
 * each look at a constant costs a load that the verifier leaves in.
 */
#define EACH_ACTIVE(do)							\
	do(0)								\
	if (trace_active & 0xfffe) {					\
		do(1) do(2) do(3)					\
	}								\
	if (trace_active & 0xfff0) {					\
		do(4) do(5) do(6) do(7)	do(8) do(9) do(10) do(11)	\
		do(12) do(13) do(14) do(15)				\
	}

/*
 * The sessions' filters. The element puts the compiled ones in place of these
 * bodies; each is verified by itself.
 */
#define TRACE_FILTER_BODY(i)						\
__attribute__((noinline)) int						\
trace_filter_##i(struct __sk_buff *skb, __u32 tag, __u32 octets)	\
{									\
	return skb->len == tag + octets;				\
}
EACH_TRACE(TRACE_FILTER_BODY)

static inline struct trace_ring *trace_ring(void)
{
	__u32 at = explaining ? 0 : bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&trace_rings, &at);
}

/* trace_record is the record in work. */
static inline struct trace_record *trace_record(struct trace_ring *r)
{
	return (void *)(r + 1) + (r->head & trace_ring_mask);
}

static inline bool trace_has(const volatile __u64 *set, __u32 number)
{
	return set[number >> 6 & 63] >> (number & 63) & 1;
}

#endif
