/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * device.h - whether an interface is up and has carrier, read where the kernel
 * keeps it.
 *
 * The kernel tells user space of a lost carrier up to a second late
 * (net/core/link_watch.c); in struct net_device it stands at once. There is no
 * helper that gives it: the program walks the kernel's list of interfaces and
 * reads through pointers of which the verifier knows that they may lead
 * nowhere. So a pointer may be kept over the life of its interface: it is
 * believed only where the namespace and the number that it leads to are the
 * right ones and the interface is alive.
 *
 * Maps read or written: carriers, globals.
 */
#ifndef SIGNALBOX_DEVICE_H
#define SIGNALBOX_DEVICE_H

#include <bpf/bpf_core_read.h>

#include "maps.h"
#include "parse.h"

/* What is read of the kernel's structures; offsets are the running kernel's. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct net {
	struct hlist_head *dev_index_head;
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	unsigned long state;
	int ifindex;
	possible_net_t nd_net;
	struct hlist_node index_hlist;
};

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	__u16 vlan_tci;
	__be16 vlan_proto;
	__u16 mac_header;
	unsigned int tail;
	unsigned char *head;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern void *bpf_rdonly_cast(void *object, __u32 type) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

/* kernel_object reads an address as one of the kernel's structures. */
#define kernel_object(type, address)					\
	((struct type *)bpf_rdonly_cast((void *)(address),		\
					bpf_core_type_id_kernel(struct type)))

/* include/linux/netdevice.h, enum netdev_state_t */
#define DEVICE_STATES	0x7		/* start, present, no carrier */
#define DEVICE_LIVE	0x3

#define DEVICE_HASH	256		/* net/core/dev.h, NETDEV_HASHENTRIES */
#define DEVICE_CHAIN	128		/* interfaces in one place of the hash */

/* device_is_live is whether an interface is alive, if there is one. */
static inline bool device_is_live(__u64 address)
{
	return (kernel_object(net_device, address)->state & DEVICE_STATES) == DEVICE_LIVE;
}

/* device_is is whether an address still leads to an interface that is alive. */
static inline bool device_is(__u64 address, __u64 net, __u32 ifindex)
{
	const struct net_device *dev = kernel_object(net_device, address);

	return (__u32)dev->ifindex == ifindex && (__u64)dev->nd_net.net == net &&
	       device_is_live(address);
}

/* device_find gives the address of an interface of a namespace, or 0. */
static inline __u64 device_find(__u64 net, __u32 ifindex)
{
	__u64 head = (__u64)kernel_object(net, net)->dev_index_head +
		     (ifindex & (DEVICE_HASH - 1)) * sizeof(void *);
	__u64 node = (__u64)kernel_object(hlist_head, head)->first;

	for (__u32 i = 0; node && i < DEVICE_CHAIN; i++) {
		__u64 address = node - bpf_core_field_offset(struct net_device, index_hlist);

		if ((__u32)kernel_object(net_device, address)->ifindex == ifindex)
			return address;
		node = (__u64)kernel_object(hlist_node, node)->next;
	}
	return 0;
}

/*
 * device_live is whether an interface is alive; *device is where it was last,
 * and is looked up anew where that does not say so.
 */
static inline bool device_live(__u64 *device, __u64 net, __u32 ifindex)
{
	__u64 found;

	if (device_is(READ_ONCE(*device), net, ifindex))
		return true;
	found = device_find(net, ifindex);
	WRITE_ONCE(*device, found);
	return found && device_is(found, net, ifindex);
}

/*
 * namespace_note finds the network namespace with a cookie and notes it: the
 * one that was noted before, or that of the process that asks.
 */
static inline bool namespace_note(__u64 cookie)
{
	struct task_struct *task;
	__u64 own;

	if (kernel_object(net, READ_ONCE(globals.net))->net_cookie == cookie)
		return true;
	task = kernel_object(task_struct, bpf_get_current_task());
	own = (__u64)kernel_object(nsproxy, task->nsproxy)->net_ns;
	if (kernel_object(net, own)->net_cookie != cookie)
		return false;
	WRITE_ONCE(globals.net, own);
	return true;
}

struct carrier_request {
	__u64 cookie;	/* of the network namespace */
	__u32 entries;	/* of carriers to be answered */
	__u32 reserved;
};

static long carrier_step(__u32 i, void *unused)
{
	struct carrier *c = bpf_map_lookup_elem(&carriers, &i);

	if (!c)
		return 1;
	c->up = device_live(&c->device, READ_ONCE(globals.net), c->ifindex);
	return 0;
}

/* answer_carriers fills in the answers; 0 where the namespace was found. */
static inline int answer_carriers(const struct carrier_request *request)
{
	bool found;

	bpf_rcu_read_lock();
	found = namespace_note(request->cookie);
	if (found)
		bpf_loop(request->entries, carrier_step, NULL, 0);
	bpf_rcu_read_unlock();
	return !found;
}

#endif
