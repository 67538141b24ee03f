package functions

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// TestNetdevsim sets what igb can not: it is kept by a device that is none.
func TestNetdevsim(t *testing.T) {
	r := newRig(t)
	write(t, "/sys/bus/netdevsim/new_device", "10 1 4")
	name := simulated(t, r, "netdevsim10")
	r.leaf(t, name, "state/num-vfs", "0")
	r.leaf(t, name, "state/driver", "netdevsim")
	whole := vf{"mac-address": address(0), "vlan-id": 5, "vlan-pcp": 6, "vlan-tpid": "TPID_0X88A8",
		"min-tx-rate": 50, "max-tx-rate": 500, "spoof-check": true, "trust": true, "link-state": "ENABLE"}
	ok(t, r.replace(name, config(2), whole, vf{"link-state": "DISABLE"}))
	r.has(t, name, 0, address(0)+" vlan 5/6/0x88a8 rate 50..500 spoof true trust 1 link 1")
	for leaf, want := range map[string]string{
		"mac-address": address(0), "vlan-id": "5", "vlan-pcp": "6", "vlan-tpid": "TPID_0X88A8",
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

// TestNetdevsimStateFollows configures each leaf that there is and compares it with
// its twin below state: state is observed, so that the two agree proves that the
// leaf was decoded, applied and seen. A device that is none has no driver to probe
// for; TestIgb has that leaf.
func TestNetdevsimStateFollows(t *testing.T) {
	r := newRig(t)
	write(t, "/sys/bus/netdevsim/new_device", "11 1 4")
	name := simulated(t, r, "netdevsim11")
	ok(t, r.replace(name, config(2, "enabled", true, "on-shrink", "FORCE", "on-drift", "REPAIR", "eswitch-mode", "SWITCHDEV"), nil, vf{
		"mac-address": address(1), "vlan-id": 5, "vlan-pcp": 6, "vlan-tpid": "TPID_0X88A8", "min-tx-rate": 50, "max-tx-rate": 500,
		"spoof-check": true, "trust": true, "link-state": "DISABLE",
	}))
	r.follows(t, name, 15)
}

// follows wants so many configured leaves of an interface's sriov to be as their
// twins below state.
func (r *rig) follows(t *testing.T, name string, count int) {
	t.Helper()
	r.within(t, func() error {
		leaves, err := r.Leaves(r.t.Context(), "/interfaces/interface[name="+name+"]/sriov")
		if err != nil {
			return err
		}
		compared := 0
		for path, value := range leaves {
			before, after, ok := strings.Cut(path, "/config/")
			if !ok {
				continue
			}
			compared++
			if twin := leaves[before+"/state/"+after]; !proto.Equal(twin, value) {
				return fmt.Errorf("%s is configured as %v and is %v", path, value, twin)
			}
		}
		if compared != count {
			return fmt.Errorf("%d leaves were compared, want %d", compared, count)
		}
		return nil
	})
}

// simulated waits for the interface of a simulated device.
func simulated(t *testing.T, r *rig, device string) (name string) {
	t.Helper()
	r.within(t, func() error {
		names, err := filepath.Glob("/sys/bus/netdevsim/devices/" + device + "/net/*")
		if err == nil && len(names) != 1 {
			err = fmt.Errorf("interfaces of %s: %q", device, names)
		}
		if err == nil {
			name = filepath.Base(names[0])
		}
		return err
	})
	return name
}

// TestNetdevsimSwitchdev has the device's switch show the ports of virtual
// functions, whose representors become ports of the element's switch.
func TestNetdevsimSwitchdev(t *testing.T) {
	r := newRig(t)
	ok(t, unix.Mount("none", "/sys/kernel/debug", "debugfs", 0, ""))
	write(t, "/sys/bus/netdevsim/new_device", "12 1 4")
	name := simulated(t, r, "netdevsim12")
	r.leaf(t, name, "state/eswitch-mode", "LEGACY")
	rated := vf{"min-tx-rate": 10, "max-tx-rate": 100}
	ok(t, r.replace(name, config(2, "eswitch-mode", "SWITCHDEV", "on-drift", "REPAIR"), rated))
	r.leaf(t, name, "state/eswitch-mode", "SWITCHDEV")
	r.leaf(t, name, "vfs/vf[id=0]/state/max-tx-rate", "100")
	r.leaf(t, name, "state/pending-action", "NONE")
	const port = "/sys/kernel/debug/netdevsim/netdevsim12/ports/128/" // of the first function
	if least, most := read(t, port+"tx_share"), read(t, port+"tx_max"); least != "10" || most != "100" {
		t.Errorf("the device has rates of %s to %s Mbit/s, want 10 to 100", least, most)
	}
	representor, err := r.Text(t.Context(), "/interfaces/interface[name="+name+"]/sriov/vfs/vf[id=1]/state/representor")
	ok(t, err)
	ok(t, r.Configure(t.Context(), element.Access(representor, 10)))
	r.leafOf(t, "/interfaces/interface[name="+representor+"]/switch-port/state/forwarding", "true")
	ok(t, netlink.DevLinkSetEswitchMode(&netlink.DevlinkDevice{BusName: "netdevsim", DeviceName: "netdevsim12"}, "legacy"))
	r.leafOf(t, "/interfaces/interface[name="+representor+"]/state/oper-status", "NOT_PRESENT")
	r.leaf(t, name, "state/eswitch-mode", "SWITCHDEV") // repaired
	r.leafOf(t, "/interfaces/interface[name="+representor+"]/switch-port/state/forwarding", "true")
	r.leaf(t, name, "vfs/vf[id=0]/state/max-tx-rate", "100")
	_, err = r.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{
		element.Path("/interfaces/interface[name=" + name + "]"), element.Path("/interfaces/interface[name=" + representor + "]")}})
	ok(t, err)
	r.leaf(t, name, "state/eswitch-mode", "LEGACY")
	r.leaf(t, name, "state/num-vfs", "0")
}
