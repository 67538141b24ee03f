/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * qos.h - what is done with a frame whose port has classes or rates: it gets its
 * class, its marks, and is policed. The class is the kernel's: the number of the
 * queue, by which HTB puts it where it belongs at whatever port it leaves by.
 *
 * What a port holds back of what comes in takes a detour: it goes through the
 * queues of an interface that is there for nothing else, and comes in again
 * behind them.
 *
 * Maps read: class_terms. Maps written: those of classify.h and police.h.
 */
#ifndef SIGNALBOX_QOS_H
#define SIGNALBOX_QOS_H

#include "classify.h"
#include "police.h"
#include "remark.h"

/* remark_term gives a frame the marks of the term that it fell on. */
static inline void remark_term(struct __sk_buff *skb, struct passage *p)
{
	__u32 at = p->qos.classifier * MAX_TERMS + p->qos.term - 1;
	struct class_term *t = bpf_map_lookup_elem(&class_terms, &at);

	if (t)
		remark(skb, &p->frame, t->dscp, t->pcp);
}

/*
 * qos does all of it for a frame; the result is a reason to drop it. Packet
 * pointers are void afterwards.
 */
__attribute__((noinline)) int qos(struct __sk_buff *skb, struct passage *p)
{
	__u32 octets;

	if (!p)
		return DROP_NONE;
	if (p->qos.classifier && !(p->qos.flags & QOS_RESOLVED))
		classify_frame(skb, p);
	if (p->qos.queue)
		skb->priority = QUEUE_HANDLE << 16 | p->qos.queue;
	if (p->qos.flags & QOS_DETOUR)
		return DROP_NONE;
	if (p->qos.term) {
		octets = p->frame.octets + p->frame.tag_octets;
		count_term(p->qos.instance, p->qos.term, octets);
	}
	if (p->qos.flags & QOS_REMARKS)
		remark_term(skb, p);
	return p->qos.policers ? police(skb, p) : DROP_NONE;
}

/*
 * qos_quick does it for a frame of a flow whose class is known, or is in a table
 * by its mark, and that needs no more than to be counted; false for all others.
 */
static inline bool qos_quick(struct __sk_buff *skb, const struct port_qos *q,
			     const struct frame *f, __u32 octets)
{
	__u32 number = q->classifier, queue = q->queue, term = q->term;
	const struct mark_class *m;
	struct classifier *c;

	if (q->policers)
		return false;
	if (q->flags != QOS_RESOLVED) {
		c = q->flags == QOS_BY_MARK ?
			    bpf_map_lookup_elem(&classifiers, &number) : NULL;
		if (!c)
			return false;
		m = class_by_mark(skb, c, f->tag);
		if (!m || m->flags)
			return false;
		term = m->term;
		if (term)
			queue = m->queue;
	}
	if (queue)
		skb->priority = QUEUE_HANDLE << 16 | queue;
	if (term)
		count_term(q->instance, term, octets);
	return true;
}

#endif
