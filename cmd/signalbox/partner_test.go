package main

import (
	"log/slog"

	"github.com/signalbox/signalbox/datapath"
	"github.com/signalbox/signalbox/datapath/spec"
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
