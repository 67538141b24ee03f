/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * vlan.h - which VLAN a frame is of, and whether a port carries it
 * (IEEE 802.1Q-2022, 6.9 and 8.6).
 *
 * Maps read: ports, fids.
 */
#ifndef SIGNALBOX_VLAN_H
#define SIGNALBOX_VLAN_H

#include "maps.h"
#include "parse.h"

/* port_how reads the word that decides as one. */
static inline struct port_how port_how(const struct port *port)
{
	union {
		__u64 word;
		struct port_how how;
	} u = { .word = READ_ONCE(*(const __u64 *)&port->how) };

	return u.how;
}

static inline bool carries_tagged(const struct port *port, __u16 vlan)
{
	return READ_ONCE(port->tagged[vlan >> 6 & (VLAN_WORDS - 1)]) >>
		(vlan & 63) & 1;
}

/*
 * carries is whether a port carries a VLAN. The element writes the port's two
 * parts one after the other: where they do not fit together, the port has just
 * changed and is looked at again, and `how` is what it is now.
 */
static inline bool carries(const struct port *port, struct port_how *how,
			   __u16 vlan)
{
	for (__u32 i = 0; i < 4; i++) {
		__u16 was = how->version;

		if (vlan == how->pvid || carries_tagged(port, vlan))
			return true;
		*how = port_how(port);
		if (how->version == was)
			return false;
	}
	return false;
}

/*
 * vlan_classify finds the VLAN of a frame that comes in. A tag of VLAN 0 has
 * only a priority.
 */
static inline enum drop_reason
vlan_classify(const struct frame *f, const struct port *port,
	      struct port_how how, __u16 *vlan)
{
	__u16 vid = f->tag & VID_MASK;

	if (!vid) {
		*vlan = how.pvid;
		return how.pvid ? DROP_NONE : DROP_UNTAGGED;
	}
	*vlan = vid;
	if (!(how.flags & PORT_TRUNK))
		return DROP_TAG_MISMATCH;
	return carries(port, &how, vid) ? DROP_NONE : DROP_INGRESS_VLAN;
}

/* vlan_fid finds the filtering id of a VLAN of a switch. */
static inline enum drop_reason vlan_fid(__u16 sw, __u16 vlan, __u32 *id)
{
	__u32 at = (__u32)sw << 12 | vlan;
	struct fid *fid = bpf_map_lookup_elem(&fids, &at);

	if (!fid || !fid->id)
		return DROP_INGRESS_VLAN;
	*id = fid->id;
	return fid->flags & FID_SUSPENDED ? DROP_VLAN_SUSPENDED : DROP_NONE;
}

#endif
