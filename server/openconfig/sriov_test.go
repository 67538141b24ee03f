package openconfig

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// fullSRIOV has a value for each thing that can be observed of SR-IOV.
func fullSRIOV() *spec.Interface {
	on, node := true, uint16(1)
	return &spec.Interface{Name: "eth1", Present: true, SRIOV: &spec.SRIOVState{
		Total: 63, Autoprobe: &on, PCI: "0000:01:00.0", NUMANode: &node, Driver: "ice", Firmware: "4.40",
		Can: spec.VFAll, QinQ: true, Eswitch: spec.EswitchSwitchdev, Pending: spec.VFPendingRetry, Fault: "refused", Configured: true, Repair: true,
		VFs: []spec.VFState{{
			VF: spec.VF{Has: spec.VFAll, MAC: spec.MAC{2, 0, 0, 0, 0, 1}, VLAN: 10, PCP: 3, TPID: spec.TPIDService, MinRate: 5, MaxRate: 100,
				SpoofCheck: true, Trust: true, Link: spec.VFLinkEnable},
			PCI: "0000:01:10.0", Driver: "iavf", Netdev: "eth1v0", Index: 9, Representor: "eth1r0", Use: spec.VFUsedByHost, LinkUp: true,
		}, {Use: spec.VFUnused, Driver: "vfio-pci"}},
	}}
}

func TestSRIOVState(t *testing.T) {
	var got []string
	for _, line := range texts(append(VirtualFunctions(fullSRIOV()), InterfaceState(fullSRIOV()))...) {
		if rest, ok := strings.CutPrefix(line, "/interfaces/interface[name=eth1]/sriov/"); ok {
			got = append(got, rest)
		}
	}
	compare(t, got, []string{
		"state/enabled = true", "state/num-vfs = 2", "state/free-vfs = 1", "state/total-vfs = 63", "state/drivers-autoprobe = true",
		"state/pci-address = 0000:01:00.0", "state/numa-node = 1", "state/driver = ice", "state/firmware-version = 4.40",
		"state/capability = VF_SPOOF_CHECK,VF_TRUST,VF_LINK_STATE,VF_MAX_TX_RATE,VF_MIN_TX_RATE,VF_QINQ,ESWITCH_MODE",
		"state/eswitch-mode = SWITCHDEV", "vfs/vf[id=0]/state/representor = eth1r0",
		"state/on-shrink = REJECT_IF_IN_USE", "state/on-drift = REPAIR", "state/pending-action = RETRY", "state/fault = refused",
		"vfs/vf[id=0]/id = 0", "vfs/vf[id=0]/state/id = 0", "vfs/vf[id=0]/state/mac-address = 02:00:00:00:00:01",
		"vfs/vf[id=0]/state/vlan-id = 10", "vfs/vf[id=0]/state/vlan-pcp = 3", "vfs/vf[id=0]/state/vlan-tpid = TPID_0X88A8",
		"vfs/vf[id=0]/state/min-tx-rate = 5", "vfs/vf[id=0]/state/max-tx-rate = 100", "vfs/vf[id=0]/state/spoof-check = true",
		"vfs/vf[id=0]/state/trust = true", "vfs/vf[id=0]/state/link-state = ENABLE", "vfs/vf[id=0]/state/pci-address = 0000:01:10.0",
		"vfs/vf[id=0]/state/driver = iavf", "vfs/vf[id=0]/state/netdev = eth1v0", "vfs/vf[id=0]/state/used-by = HOST",
		"vfs/vf[id=0]/state/link-up = true", "vfs/vf[id=0]/state/rebind-pending = false",
		"vfs/vf[id=1]/id = 1", "vfs/vf[id=1]/state/id = 1", "vfs/vf[id=1]/state/driver = vfio-pci", "vfs/vf[id=1]/state/used-by = NONE",
	})
}

// withSRIOV is the configuration of p1 with this in its container sriov.
func withSRIOV(text string) string {
	return `{` + interfacesText(`{"name":"p1","config":{"name":"p1","type":"iana-if-type:ethernetCsmacd"},"signalbox-sriov:sriov":{`+text+`}}`) + `}`
}

func withVF(text string) string {
	return withSRIOV(`"config":{"num-vfs":2},"vfs":{"vf":[{"id":1,"config":{"id":1,` + text + `}}]}`)
}

func TestDecodeSRIOV(t *testing.T) {
	two, none, off := uint16(2), uint16(0), false
	tests := []struct {
		name, text string
		want       *spec.SRIOV
	}{
		{"number", withSRIOV(`"config":{"num-vfs":2}`), &spec.SRIOV{Number: &two, VFs: map[uint16]spec.VF{}}},
		{"disabled", withSRIOV(`"config":{"enabled":false,"num-vfs":2},"vfs":{"vf":[{"id":1,"config":{"id":1,"trust":true}}]}`), &spec.SRIOV{Number: &none}},
		{"options", withSRIOV(`"config":{"drivers-autoprobe":false,"eswitch-mode":"SWITCHDEV","on-shrink":"FORCE","on-drift":"REPAIR"}`),
			&spec.SRIOV{Autoprobe: &off, Eswitch: spec.EswitchSwitchdev, Force: true, Repair: true, VFs: map[uint16]spec.VF{}}},
		{"all of a function",
			withVF(`"mac-address":"02:00:00:00:00:01","vlan-id":10,"vlan-pcp":3,"vlan-tpid":"TPID_0X88A8","min-tx-rate":1,"max-tx-rate":2,"spoof-check":false,"trust":true,"link-state":"DISABLE"`),
			&spec.SRIOV{Number: &two, VFs: map[uint16]spec.VF{1: {Has: spec.VFAll, MAC: spec.MAC{2, 0, 0, 0, 0, 1}, VLAN: 10, PCP: 3,
				TPID: spec.TPIDService, MinRate: 1, MaxRate: 2, Trust: true, Link: spec.VFLinkDisable}}}},
		{"no tag", withVF(`"vlan-id":0`), &spec.SRIOV{Number: &two, VFs: map[uint16]spec.VF{1: {Has: spec.VFVLAN, TPID: spec.TPIDCustomer}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, change.Ports["p1"].SRIOV); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSRIOVRefused(t *testing.T) {
	two := `"config":{"num-vfs":2},"vfs":{"vf":[{"id":0,"config":{"id":0,"mac-address":"02:00:00:00:00:01"}},{"id":1,"config":{"id":1,"mac-address":"02:00:00:00:00:01"}}]}`
	tests := []struct{ name, text, path, reason string }{
		{"group address", withVF(`"mac-address":"01:00:00:00:00:01"`), "/vfs/vf[id=1]/config/mac-address", "group"},
		{"nobody's address", withVF(`"mac-address":"00:00:00:00:00:00"`), "/vfs/vf[id=1]/config/mac-address", "nobody"},
		{"one address twice", withSRIOV(two), "/vfs/vf[id=1]/config/mac-address", "virtual function 0"},
		{"beyond the number", withSRIOV(`"config":{"num-vfs":1},"vfs":{"vf":[{"id":1,"config":{"id":1,"trust":true}}]}`), "/vfs/vf[id=1]", "num-vfs"},
		{"least above most", withVF(`"min-tx-rate":20,"max-tx-rate":10`), "/vfs/vf[id=1]/config/min-tx-rate", "max-tx-rate"},
		{"priority without a tag", withVF(`"vlan-pcp":3`), "/vfs/vf[id=1]/config/vlan-pcp", "vlan-id"},
		{"type without a tag", withVF(`"vlan-tpid":"TPID_0X8100"`), "/vfs/vf[id=1]/config/vlan-tpid", "vlan-id"},
		{"aggregate", strings.Replace(withSRIOV(`"config":{"num-vfs":2}`), "ethernetCsmacd", "ieee8023adLag", 1), "", "aggregate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decode(tree(t, tt.text))
			want := "/interfaces/interface[name=p1]/sriov" + tt.path
			if err == nil || !strings.Contains(err.Error(), want+": ") || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want %s and %q", err, want, tt.reason)
			}
		})
	}
}

// TestSRIOVPaths wants what the datapath refuses to have the path of its leaf.
func TestSRIOVPaths(t *testing.T) {
	const front = "/interfaces/interface[name=eth1]/sriov"
	for ref, want := range map[spec.VFRef]string{
		{VF: -1}:                              front,
		{VF: -1, Attribute: spec.VFNumber}:    "/config/num-vfs",
		{VF: -1, Attribute: spec.VFEswitch}:   "/config/eswitch-mode",
		{VF: 3, Attribute: spec.VFNumber}:     "/vfs/vf[id=3]",
		{VF: 3, Attribute: spec.VFMAC}:        "/vfs/vf[id=3]/config/mac-address",
		{VF: 3, Attribute: spec.VFVLAN}:       "/vfs/vf[id=3]/config/vlan-id",
		{VF: 3, Attribute: spec.VFMinRate}:    "/vfs/vf[id=3]/config/min-tx-rate",
		{VF: 3, Attribute: spec.VFMaxRate}:    "/vfs/vf[id=3]/config/max-tx-rate",
		{VF: 3, Attribute: spec.VFSpoofCheck}: "/vfs/vf[id=3]/config/spoof-check",
		{VF: 3, Attribute: spec.VFTrust}:      "/vfs/vf[id=3]/config/trust",
		{VF: 3, Attribute: spec.VFLinkState}:  "/vfs/vf[id=3]/config/link-state",
	} {
		err := FromDevice(&spec.Invalid{Port: "eth1", VF: &ref, Reason: "no"})
		if want := front + strings.TrimPrefix(want, front) + ": no"; err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", ref, err, want)
		}
	}
}

func TestVFLinksAreInTheModelsOrder(t *testing.T) {
	for e, d := range oc.ΛEnum["E_SignalboxSriov_LinkState"] {
		if got := spec.VFLink(e - 1).String(); got != d.Name {
			t.Errorf("%s is decoded as %s", d.Name, got)
		}
	}
}

func TestEswitchModesAreInTheModelsOrder(t *testing.T) {
	for e, d := range oc.ΛEnum["E_SignalboxSriov_EswitchMode"] {
		if got := spec.Eswitch(e).String(); got != d.Name {
			t.Errorf("%s is decoded as %s", d.Name, got)
		}
	}
}

type vfReader struct{}

func (vfReader) VFCounters(context.Context) (map[string]map[uint16]spec.VFCounters, time.Time, error) {
	return map[string]map[uint16]spec.VFCounters{
		"eth1": {0: {InFrames: 1, InOctets: 2, InMulticast: 3, InDiscards: 4, OutFrames: 5, OutOctets: 6, OutDiscards: 7}, 3: {}},
	}, time.Unix(1, 0), nil
}

func TestVFCounters(t *testing.T) {
	source := NewVFCounters(vfReader{})
	var got []string
	_, err := source.Read(t.Context(), []string{"eth1", "0"}, func(keys []string, values []schema.Value) error {
		for i, v := range values {
			got = append(got, fmt.Sprintf("%s %s = %s", keys, ocpath.Get(source.Leaves()[i]).Name, v))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"[eth1 0] in-pkts = 1", "[eth1 0] in-octets = 2", "[eth1 0] in-multicast-pkts = 3", "[eth1 0] in-discards = 4",
		"[eth1 0] out-pkts = 5", "[eth1 0] out-octets = 6", "[eth1 0] out-discards = 7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
