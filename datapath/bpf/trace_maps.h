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

/* Set at load: the sessions, and all their flags together. */
const volatile struct trace_session trace_sessions[TRACE_SESSIONS];
const volatile __u32 trace_wants;

/* The record in work, by CPU; of an explanation the first one. Only the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* the element: as many as CPUs */
	__type(key, __u32);
	__type(value, struct trace_record);
} trace_records SEC(".maps");

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

/* Records. The program writes, the element polls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} trace_ring SEC(".maps");

#define EACH_TRACE(do) \
	do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) \
	do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)

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

static inline struct trace_record *trace_record(void)
{
	__u32 at = explaining ? 0 : bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&trace_records, &at);
}

static inline bool trace_has(const volatile __u64 *set, __u32 number)
{
	return set[number >> 6 & 63] >> (number & 63) & 1;
}

#endif
