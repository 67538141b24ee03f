package main

import (
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"log/slog"

	"github.com/signalbox/signalbox/datapath"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// partner has the host behind p4 speak LACP, and gives what makes it mute.
func (r *running) partner() (mute func()) {
	r.t.Helper()
	aggregate := &spec.Port{
		Name: "partner", Enabled: true, Aggregate: spec.NewAggregate(spec.LACPManaged),
		Switched: &spec.Switched{Switch: spec.DefaultSwitch, Mode: spec.Trunk, AllVLANs: true},
	}
	aggregate.Aggregate.LACP.Fast = true
	member := &spec.Port{Name: "eth0", Enabled: true, Member: &spec.Member{Aggregate: "partner", Priority: spec.DefaultPortPriority}}
	ns := r.hosts[3]
	var d *datapath.Datapath
	err := ns.Do(func() (err error) {
		d, err = datapath.Open(r.t.Context(), datapath.Options{StateDir: r.t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	mute = func() {
		if d == nil {
			return
		}
		if err := d.Flush(); err != nil {
			r.t.Errorf("flush the partner: %v", err)
		}
		d = nil
	}
	r.t.Cleanup(mute)
	if err := d.Apply(r.t.Context(), spec.Change{Ports: map[string]*spec.Port{"partner": aggregate, "eth0": member}}); err != nil {
		r.t.Fatal(err)
	}
	r.wait("/lacp/interfaces/interface[name=lag1]/members/member[interface=p4]/state/distributing", "true")
	return mute
}

// fail takes the carrier from the active member of the aggregate without LACP.
func (r *running) fail() {
	r.t.Helper()
	r.wait("/interfaces/interface[name=p6]/team-member/state/role", "ACTIVE")
	if err := r.hosts[5].SetUp("eth0", false); err != nil {
		r.t.Fatal(err)
	}
	r.wait("/interfaces/interface[name=p6]/team-member/state/reason", "NO_CARRIER")
}

// discovery configures each leaf of LLDP, at p1.
func discovery() *gpb.Update {
	return element.Update("/lldp", map[string]any{
		"config": map[string]any{
			"enabled": true, "hello-timer": "1", "ttl": 3, "system-name": "sw1", "system-description": "a switch", "management-interface": "p1",
			"chassis-id": "02:00:00:00:05:01", "chassis-id-type": "MAC_ADDRESS",
			"suppress-tlv-advertisement": []any{"openconfig-lldp-types:SYSTEM_CAPABILITIES"},
		},
		"interfaces": map[string]any{"interface": []any{map[string]any{"name": "p1", "config": map[string]any{
			"name": "p1", "enabled": true, "port-description": "to the lab"}}}},
	})
}

// neighbor has the host behind p1 tell everything that LLDP can tell.
func (r *running) neighbor() {
	r.t.Helper()
	r.wait("/lldp/interfaces/interface[name=p1]/state/enabled", "true")
	r.wait("/interfaces/interface[name=p1]/state/oper-status", "UP")
	socket, err := traffic.Open(r.hosts[0], "eth0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer socket.Close()
	frame := "\x01\x80\xc2\x00\x00\x0e" + string(mac(1)) + "\x88\xcc" +
		"\x02\x07\x04" + string(mac(1)) + // chassis
		"\x04\x05\x05eth0" + // port
		"\x06\x02\x00\x78" + // time to live
		"\x08\x04desc" + "\x0a\x04name" + "\x0c\x06system" +
		"\x0e\x04\x00\x14\x00\x04" + // bridge and router, the bridge enabled
		"\x10\x0c\x05\x01\xc0\x00\x02\x01\x02\x00\x00\x00\x07\x00" + // 192.0.2.1 at interface 7
		"\xfe\x06\x00\x80\xc2\x01\x00\x0a" + // 802.1's port VLAN 10
		"\x00\x00"
	testenv.Within(r.t, bound, func() error {
		if err := socket.Send([]byte(frame)); err != nil {
			return err
		}
		_, err := r.Text(r.t.Context(), "/lldp/interfaces/interface[name=p1]/neighbors/neighbor[id=1]/state/system-name")
		return err
	})
}
