package functions

import (
	"path/filepath"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
)

// TestNetdevsim sets what igb can not: it is kept by a device that is none.
func TestNetdevsim(t *testing.T) {
	r := newRig(t)
	write(t, "/sys/bus/netdevsim/new_device", "10 1 4")
	var name string
	r.within(t, func() error {
		names, err := filepath.Glob("/sys/bus/netdevsim/devices/netdevsim10/net/*")
		if len(names) != 1 {
			return errStill
		}
		name = filepath.Base(names[0])
		return err
	})
	r.leaf(t, name, "state/num-vfs", "0")
	r.leaf(t, name, "state/driver", "netdevsim")
	whole := vf{"mac-address": address(0), "vlan-id": 5, "vlan-pcp": 6, "vlan-tpid": "openconfig-vlan-types:TPID_0X88A8",
		"min-tx-rate": 50, "max-tx-rate": 500, "spoof-check": true, "trust": true, "link-state": "ENABLE"}
	ok(t, r.replace(name, config(2), whole, vf{"link-state": "DISABLE"}))
	r.has(t, name, 0, address(0)+" vlan 5/6/0x88a8 rate 50..500 spoof true trust 1 link 1")
	for leaf, want := range map[string]string{
		"mac-address": address(0), "vlan-id": "5", "vlan-pcp": "6", "vlan-tpid": "openconfig-vlan-types:TPID_0X88A8",
		"min-tx-rate": "50", "max-tx-rate": "500", "spoof-check": "true", "trust": "true", "link-state": "ENABLE",
	} {
		r.leaf(t, name, "vfs/vf[id=0]/state/"+leaf, want)
	}
	r.leaf(t, name, "vfs/vf[id=1]/state/link-state", "DISABLE")
	r.leaf(t, name, "state/pending-action", "NONE")
	ok(t, r.replace(name, config(2), vf{"link-state": "AUTO"}))
	r.leaf(t, name, "vfs/vf[id=1]/state/link-state", "AUTO")
	ok(t, r.replace(name, config(4), vf{"link-state": "ENABLE"}))
	r.leaf(t, name, "vfs/vf[id=0]/state/link-state", "ENABLE")
	_, err := r.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=" + name + "]")}})
	ok(t, err)
	r.leaf(t, name, "state/num-vfs", "0")
}
