package server

import (
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestVirtualFunctionsChange tells what differs of virtual functions and nothing
// else.
func TestVirtualFunctionsChange(t *testing.T) {
	const front = "/interfaces/interface[name=eth1]/sriov/"
	see := func(w *watched, vfs ...spec.VFState) {
		w.observed(spec.Event{Time: time.Now(), Interfaces: map[string]*spec.Interface{
			"eth1": {Name: "eth1", Present: true, SRIOV: &spec.SRIOVState{Total: 7, VFs: vfs}},
		}})
	}
	vf := func(vlan uint16) spec.VFState {
		return spec.VFState{VF: spec.VF{Has: spec.VFVLAN, VLAN: vlan, TPID: spec.TPIDCustomer}, Use: spec.VFUnused}
	}
	w := watch(t, nil, "/interfaces/interface/sriov", marker)
	see(w)
	w.wants("+ "+front+"state/enabled", "+ "+front+"state/num-vfs", "+ "+front+"state/free-vfs", "+ "+front+"state/total-vfs")
	see(w, vf(0))
	w.wants("+ "+front+"state/enabled", "+ "+front+"state/num-vfs", "+ "+front+"state/free-vfs",
		"+ "+front+"vfs/vf[id=0]/id", "+ "+front+"vfs/vf[id=0]/state/id", "+ "+front+"vfs/vf[id=0]/state/vlan-id", "+ "+front+"vfs/vf[id=0]/state/used-by")
	see(w, vf(10))
	w.wants("+ "+front+"vfs/vf[id=0]/state/vlan-id", "+ "+front+"vfs/vf[id=0]/state/vlan-pcp", "+ "+front+"vfs/vf[id=0]/state/vlan-tpid")
	see(w, vf(11))
	w.wants("+ " + front + "vfs/vf[id=0]/state/vlan-id")
	see(w)
	w.wants("+ "+front+"state/enabled", "+ "+front+"state/num-vfs", "+ "+front+"state/free-vfs", "- "+front+"vfs/vf[id=0]")
}
