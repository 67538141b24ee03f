/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * maps.h - every map, with who writes and who reads it.
 *
 * "Element" is the Go side (datapath/fastpath). It has all arrays mapped into
 * its memory and writes them word by word, so that the program sees each word
 * old or new. All maps are pinned by their name and outlive the element.
 */
#ifndef SIGNALBOX_MAPS_H
#define SIGNALBOX_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define SHARED_ARRAY(name, type_, entries)			\
struct {							\
	__uint(type, BPF_MAP_TYPE_ARRAY);			\
	__uint(map_flags, BPF_F_MMAPABLE);			\
	__uint(max_entries, entries);				\
	__uint(pinning, LIBBPF_PIN_BY_NAME);			\
	__type(key, __u32);					\
	__type(value, type_);					\
} name SEC(".maps")

#define PERCPU_ARRAY(name, type_, entries)			\
struct {							\
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);		\
	__uint(max_entries, entries);				\
	__uint(pinning, LIBBPF_PIN_BY_NAME);			\
	__type(key, __u32);					\
	__type(value, type_);					\
} name SEC(".maps")

/* Which port a kernel interface is. Element writes, program reads. */
SHARED_ARRAY(port_of_ifindex, struct port_set, INDEX_SETS);

/* Ports by number. Element writes, program reads. */
SHARED_ARRAY(ports, struct port, MAX_PORTS);

/* Link aggregation groups by number. Element writes, program reads. */
SHARED_ARRAY(lags, struct lag, MAX_LAGS);

/*
 * Their tables, two of each. The element writes, the program notes the devices
 * of members.
 */
SHARED_ARRAY(lag_tables, struct lag_table, MAX_LAGS * 2);

/* Octets by bucket. The program writes, the element reads. */
PERCPU_ARRAY(lag_loads, struct lag_load, MAX_LAGS);

/* Buckets that are to move. Only the program. */
SHARED_ARRAY(lag_pauses, struct lag_pauses, MAX_LAGS);

/* Carriers of interfaces. The element asks, read_carriers answers. */
SHARED_ARRAY(carriers, struct carrier, MAX_CARRIERS);

/* Switches by number. Element writes the first half, program the second. */
SHARED_ARRAY(switches, struct vswitch, MAX_SWITCHES);

/* FID of switch << 12 | VLAN. Element writes, program reads. */
SHARED_ARRAY(fids, struct fid, MAX_SWITCHES * MAX_VLANS);

/* Members by FID. Element writes, program reads. */
SHARED_ARRAY(flood, struct flood_set, MAX_FIDS);

/* Addresses. The program learns, the element ages, deletes and fixes. */
SHARED_ARRAY(fdb, struct fdb_bucket, FDB_BUCKETS);

/*
 * Generation and lost events. Both write. This is the map ".bss", the only
 * variable in it, and pinned as "globals".
 */
struct global globals;

/* Counters by port number. The program writes, the element reads. */
PERCPU_ARRAY(counters, struct port_counters, MAX_PORTS);

/* Resolved flows, direct-mapped. Only the program. */
PERCPU_ARRAY(flow_cache, struct flow, FLOW_SLOTS);

/* Learned, moved, refused. The program writes, the element polls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FDB_EVENTS_SIZE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fdb_events SEC(".maps");

#endif
