// SPDX-License-Identifier: GPL-2.0-only
/*
 * Simulated network devices with Data Center Bridging, for tests: what is
 * configured is kept and told again, as a NIC does that has it in hardware.
 * Frames that are sent are dropped.
 *
 *	dcbsim0	has all that dcbnl_ops knows of IEEE 802.1Qaz, with 8 classes
 *	dcbsim1	has 4 classes, of which 2 can be lossless, no ETS that could be
 *		set, and tells neither who negotiates nor what it can
 */
#include <linux/dcbnl.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/dcbnl.h>

/* What is refused as a device does: bits of DCBSIM_REFUSE_*. */
static uint refuse;
module_param(refuse, uint, 0644);
MODULE_PARM_DESC(refuse, "calls to refuse: 1 ETS, 2 PFC, 4 application, 8 DCBX");

/* What is accepted and not done, likewise. */
static uint ignore;
module_param(ignore, uint, 0644);
MODULE_PARM_DESC(ignore, "calls to accept and ignore: as refuse");

#define DCBSIM_ETS	1
#define DCBSIM_PFC	2
#define DCBSIM_APP	4
#define DCBSIM_DCBX	8

#define DCBSIM_MODES (DCB_CAP_DCBX_HOST | DCB_CAP_DCBX_LLD_MANAGED | \
		      DCB_CAP_DCBX_VER_CEE | DCB_CAP_DCBX_VER_IEEE)

struct dcbsim {
	struct ieee_ets ets;
	struct ieee_pfc pfc;
	struct ieee_maxrate maxrate;
	struct dcbnl_buffer buffer;
	u8 dcbx;
};

static struct net_device *devices[2];

static int dcbsim_getets(struct net_device *dev, struct ieee_ets *ets)
{
	struct dcbsim *sim = netdev_priv(dev);

	*ets = sim->ets;
	return 0;
}

static int dcbsim_setets(struct net_device *dev, struct ieee_ets *ets)
{
	struct dcbsim *sim = netdev_priv(dev);
	u8 cap = sim->ets.ets_cap;

	if (refuse & DCBSIM_ETS)
		return -EBUSY;
	if (ignore & DCBSIM_ETS)
		return 0;
	sim->ets = *ets;
	sim->ets.ets_cap = cap;
	sim->ets.cbs = 1;
	return 0;
}

static int dcbsim_getpfc(struct net_device *dev, struct ieee_pfc *pfc)
{
	struct dcbsim *sim = netdev_priv(dev);

	*pfc = sim->pfc;
	return 0;
}

static int dcbsim_setpfc(struct net_device *dev, struct ieee_pfc *pfc)
{
	struct dcbsim *sim = netdev_priv(dev);

	if (refuse & DCBSIM_PFC)
		return -EBUSY;
	if (ignore & DCBSIM_PFC)
		return 0;
	sim->pfc.pfc_en = pfc->pfc_en;
	sim->pfc.mbc = pfc->mbc;
	sim->pfc.delay = pfc->delay;
	return 0;
}

static int dcbsim_setapp(struct net_device *dev, struct dcb_app *app)
{
	if (refuse & DCBSIM_APP)
		return -EBUSY;
	if (ignore & DCBSIM_APP)
		return 0;
	return dcb_ieee_setapp(dev, app);
}

static int dcbsim_delapp(struct net_device *dev, struct dcb_app *app)
{
	return dcb_ieee_delapp(dev, app);
}

static int dcbsim_getmaxrate(struct net_device *dev, struct ieee_maxrate *rate)
{
	struct dcbsim *sim = netdev_priv(dev);

	*rate = sim->maxrate;
	return 0;
}

static int dcbsim_setmaxrate(struct net_device *dev, struct ieee_maxrate *rate)
{
	struct dcbsim *sim = netdev_priv(dev);

	sim->maxrate = *rate;
	return 0;
}

static int dcbsim_getbuffer(struct net_device *dev, struct dcbnl_buffer *buffer)
{
	struct dcbsim *sim = netdev_priv(dev);

	*buffer = sim->buffer;
	return 0;
}

static int dcbsim_setbuffer(struct net_device *dev, struct dcbnl_buffer *buffer)
{
	struct dcbsim *sim = netdev_priv(dev);

	sim->buffer = *buffer;
	return 0;
}

static u8 dcbsim_getdcbx(struct net_device *dev)
{
	struct dcbsim *sim = netdev_priv(dev);

	return sim->dcbx;
}

static u8 dcbsim_setdcbx(struct net_device *dev, u8 mode)
{
	struct dcbsim *sim = netdev_priv(dev);

	if ((refuse & DCBSIM_DCBX) || (mode & ~DCBSIM_MODES))
		return 1;
	if (!(ignore & DCBSIM_DCBX))
		sim->dcbx = mode;
	return 0;
}

static u8 dcbsim_getcap(struct net_device *dev, int capid, u8 *cap)
{
	switch (capid) {
	case DCB_CAP_ATTR_PG:
	case DCB_CAP_ATTR_PFC:
	case DCB_CAP_ATTR_UP2TC:
	case DCB_CAP_ATTR_GSP:
		*cap = true;
		return 0;
	case DCB_CAP_ATTR_BCN:
		*cap = false;
		return 0;
	case DCB_CAP_ATTR_PG_TCS:
		*cap = 0x88; /* 4 or 8 */
		return 0;
	case DCB_CAP_ATTR_PFC_TCS:
		*cap = 0x80;
		return 0;
	case DCB_CAP_ATTR_DCBX:
		*cap = DCBSIM_MODES;
		return 0;
	}
	return 1;
}

static int dcbsim_getnumtcs(struct net_device *dev, int tcid, u8 *num)
{
	switch (tcid) {
	case DCB_NUMTCS_ATTR_PG:
	case DCB_NUMTCS_ATTR_PFC:
		*num = 8;
		return 0;
	}
	return -EINVAL;
}

static const struct dcbnl_rtnl_ops dcbsim_full = {
	.ieee_getets	 = dcbsim_getets,
	.ieee_setets	 = dcbsim_setets,
	.ieee_getpfc	 = dcbsim_getpfc,
	.ieee_setpfc	 = dcbsim_setpfc,
	.ieee_setapp	 = dcbsim_setapp,
	.ieee_delapp	 = dcbsim_delapp,
	.ieee_getmaxrate = dcbsim_getmaxrate,
	.ieee_setmaxrate = dcbsim_setmaxrate,
	.dcbnl_getbuffer = dcbsim_getbuffer,
	.dcbnl_setbuffer = dcbsim_setbuffer,
	.getdcbx	 = dcbsim_getdcbx,
	.setdcbx	 = dcbsim_setdcbx,
	.getcap		 = dcbsim_getcap,
	.getnumtcs	 = dcbsim_getnumtcs,
};

static const struct dcbnl_rtnl_ops dcbsim_little = {
	.ieee_getpfc	 = dcbsim_getpfc,
	.ieee_setpfc	 = dcbsim_setpfc,
};

static netdev_tx_t dcbsim_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops dcbsim_netdev_ops = {
	.ndo_start_xmit	     = dcbsim_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr   = eth_validate_addr,
};

static struct net_device *dcbsim_create(const char *name,
					const struct dcbnl_rtnl_ops *ops,
					u8 ets_cap, u8 pfc_cap)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct dcbsim));
	struct dcbsim *sim;
	int err, i;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	strscpy(dev->name, name, IFNAMSIZ);
	dev->netdev_ops = &dcbsim_netdev_ops;
	dev->dcbnl_ops = ops;
	eth_hw_addr_random(dev);

	sim = netdev_priv(dev);
	sim->dcbx = DCB_CAP_DCBX_LLD_MANAGED | DCB_CAP_DCBX_VER_IEEE;
	sim->ets.ets_cap = ets_cap;
	sim->ets.cbs = 1;
	sim->pfc.pfc_cap = pfc_cap;
	for (i = 0; i < IEEE_8021QAZ_MAX_TCS; i++) {
		sim->ets.prio_tc[i] = i;
		sim->ets.reco_prio_tc[i] = i;
		sim->pfc.requests[i] = i + 1;
		sim->pfc.indications[i] = 10 * (i + 1);
		sim->maxrate.tc_maxrate[i] = 1000 * (i + 1);
		sim->buffer.prio2buffer[i] = i / 4;
		sim->buffer.buffer_size[i] = i < 2 ? 32768 : 0;
	}
	sim->buffer.total_size = 65536;

	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return dev;
}

static void dcbsim_destroy(struct net_device *dev)
{
	if (IS_ERR_OR_NULL(dev))
		return;
	unregister_netdev(dev);
	free_netdev(dev);
}

static int __init dcbsim_init(void)
{
	devices[0] = dcbsim_create("dcbsim0", &dcbsim_full, 8, 8);
	if (IS_ERR(devices[0]))
		return PTR_ERR(devices[0]);
	devices[1] = dcbsim_create("dcbsim1", &dcbsim_little, 4, 2);
	if (IS_ERR(devices[1])) {
		dcbsim_destroy(devices[0]);
		return PTR_ERR(devices[1]);
	}
	return 0;
}
module_init(dcbsim_init);

static void __exit dcbsim_exit(void)
{
	dcbsim_destroy(devices[1]);
	dcbsim_destroy(devices[0]);
}
module_exit(dcbsim_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Simulated network devices with Data Center Bridging");
