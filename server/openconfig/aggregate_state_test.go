package openconfig

import (
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// fullAggregate has a value for each thing that can be observed of an
// aggregate.
func fullAggregate(mode spec.AggregateMode) *spec.Interface {
	settings := spec.NewAggregate(mode)
	settings.Primary, settings.UpDelay, settings.DownDelay = "m1", 2*time.Second, 3*time.Millisecond
	i := &spec.Interface{
		Name: "bond1", Present: true, AdminUp: true, Oper: spec.OperUp, SpeedMegabits: 20000, FullDuplex: true,
		Port: &spec.PortState{Switch: "red", Number: 9, Kind: spec.KindLAG, Mode: spec.Trunk, PVID: 5, Tagged: vlans(10), Forwarding: true},
		Aggregate: &spec.AggregateState{
			Number: 3, Mode: mode, Distribution: settings.Distribution, MinLinks: 1, Settings: settings,
			Standby: []string{"m3"}, Members: []string{"m1", "m2", "m3"}, Active: []string{"m1", "m2"}, Designated: "m1",
			SpeedMegabits: 20000, Failovers: 2, LastFailover: 1500 * time.Microsecond, LastReason: spec.MemberNoCarrier, Moved: 4, Announced: 5,
		},
	}
	if mode == spec.LACPManaged {
		i.Aggregate.LACP = &spec.LACPState{Passive: true, Fast: true, SystemID: spec.MAC{2, 5: 9}, SystemPriority: 7, Fallback: true,
			FallbackTimeout: 30 * time.Second, FellBack: true}
	}
	return i
}

// fullMember has a value for each thing that can be observed of a member.
func fullMember(t *testing.T) *spec.Interface {
	return &spec.Interface{
		Name: "m1", Present: true, Index: 8, AdminUp: true, Oper: spec.OperUp, MAC: mac(t, "02:00:00:00:00:05"),
		Member: &spec.MemberState{
			Aggregate: "bond1", Role: spec.MemberDown, Reason: spec.MemberDrained, Collecting: true, Buckets: 85, Transitions: 6,
			LastChange: time.Unix(5, 6), Drained: true,
			LACP: &spec.LACPMember{
				Actor:      spec.LACPEnd{SystemPriority: 7, SystemID: spec.MAC{2, 5: 9}, Key: 3, PortPriority: 11, Port: 12, State: 0x3f},
				Partner:    spec.LACPEnd{SystemPriority: 8, SystemID: spec.MAC{2, 5: 10}, Key: 4, PortPriority: 13, Port: 14, State: 0x85},
				ActorChurn: true, LastChange: time.Unix(7, 8), Counters: spec.LACPCounters{In: 1, PartnerChurnCount: 12},
			},
		},
	}
}

// state are the lines of every interface that is like the ones here.
func state(lines ...string) []string {
	return append(lines, "state/enabled = true", "state/admin-status = UP", "state/oper-status = UP", "state/cpu = false",
		"state/management = false", "hold-time/state/up = 0", "hold-time/state/down = 0")
}

func TestAggregateState(t *testing.T) {
	bond := fullAggregate(spec.SwitchIndependent)
	compare(t, texts(InterfaceState(bond)), prefixed("/interfaces/interface[name=bond1]/", state(
		"name = bond1", "state/name = bond1", "state/type = ieee8023adLag", "state/logical = true", "state/forwarding-viable = true",
		"aggregation/state/lag-type = STATIC", "aggregation/state/min-links = 1", "aggregation/state/lag-speed = 20000",
		"aggregation/state/member = m1,m2,m3",
		"aggregation/switched-vlan/state/interface-mode = TRUNK", "aggregation/switched-vlan/state/native-vlan = 5",
		"aggregation/switched-vlan/state/trunk-vlans = 10",
		"aggregation/teaming/state/switch-independent = true", "aggregation/teaming/state/distribution = VLAN_SOURCE_MAC",
		"aggregation/teaming/state/primary = m1", "aggregation/teaming/state/primary-reselect = ALWAYS",
		"aggregation/teaming/state/up-delay = 2000", "aggregation/teaming/state/down-delay = 3",
		"aggregation/teaming/state/announcements = 1", "aggregation/teaming/state/speed-weighted = false",
		"aggregation/teaming/state/flowlet-gap = 500", "aggregation/teaming/state/rebalance-interval = 10000",
		"aggregation/teaming/state/standby-member = m3", "aggregation/teaming/state/active-member = m1,m2",
		"aggregation/teaming/state/designated-member = m1", "aggregation/teaming/state/failovers = 2",
		"aggregation/teaming/state/last-failover/duration = 1500", "aggregation/teaming/state/last-failover/reason = NO_CARRIER",
		"aggregation/teaming/state/moved-buckets = 4", "aggregation/teaming/state/announced-addresses = 5",
		"switch-port/state/switch = red", "switch-port/state/number = 9", "switch-port/state/kind = LAG",
		"switch-port/state/allow-teaming = true", "switch-port/state/forwarding = true", "switch-port/state/all-vlans = false",
		"switch-port/state/carried-vlans = 5,10")...))
	if r := LACPInterface(bond); r != nil {
		t.Errorf("an aggregate without LACP has %v", texts(r))
	}
}

// The model has the list of members of a STATIC aggregate only.
func TestMembersOfLACPAreNotListed(t *testing.T) {
	for _, line := range texts(InterfaceState(fullAggregate(spec.LACPManaged))) {
		if line == "/interfaces/interface[name=bond1]/aggregation/state/member = m1,m2,m3" {
			t.Error(line)
		}
	}
}

func TestMemberState(t *testing.T) {
	compare(t, texts(InterfaceState(fullMember(t))), prefixed("/interfaces/interface[name=m1]/", state(
		"name = m1", "state/name = m1", "state/type = ethernetCsmacd", "state/ifindex = 8", "state/logical = false",
		"state/hardware-port = port-m1", "state/forwarding-viable = false", "ethernet/state/mac-address = 02:00:00:00:00:05",
		"ethernet/state/aggregate-id = bond1", "team-member/state/aggregate = bond1", "team-member/state/role = DOWN",
		"team-member/state/reason = DRAINED", "team-member/state/collecting = true", "team-member/state/distributing = false",
		"team-member/state/share = 33.2", "team-member/state/transitions = 6", "team-member/state/last-change = 5000000006")...))
}

func TestShare(t *testing.T) {
	for buckets, want := range map[uint16]string{0: "0.0", 1: "0.39", 64: "25.0", 128: "50.0", 255: "99.61", 256: "100.0"} {
		if got := share(buckets).String(); got != want {
			t.Errorf("%d buckets: %s, want %s", buckets, got, want)
		}
	}
}

func TestLACPState(t *testing.T) {
	compare(t, texts(LACPSystem(100), LACPInterface(fullAggregate(spec.LACPManaged))),
		append(prefixed("/lacp/interfaces/interface[name=bond1]/",
			"name = bond1", "state/name = bond1", "state/lacp-mode = PASSIVE", "state/interval = FAST",
			"state/system-id-mac = 02:00:00:00:00:09", "state/system-priority = 7", "state/fallback = true",
			"state/fallback-timeout = 30", "state/fell-back = true"), "/lacp/state/system-priority = 100"))
	compare(t, texts(LACPMember(fullMember(t))), prefixed("/lacp/interfaces/interface[name=bond1]/members/member[interface=m1]/",
		"interface = m1", "state/interface = m1", "state/activity = ACTIVE", "state/timeout = SHORT", "state/synchronization = IN_SYNC",
		"state/aggregatable = true", "state/collecting = true", "state/distributing = true",
		"state/state-bit = ACTIVITY,TIMEOUT,AGGREGATION,SYNCHRONIZATION,COLLECTING,DISTRIBUTING",
		"state/system-id = 02:00:00:00:00:09", "state/system-priority = 7", "state/oper-key = 3", "state/port-num = 12", "state/port-priority = 11",
		"state/partner-state-bit = ACTIVITY,AGGREGATION,EXPIRED", "state/partner-id = 02:00:00:00:00:0a", "state/partner-system-priority = 8",
		"state/partner-key = 4", "state/partner-port-num = 14", "state/partner-port-priority = 13",
		"state/both-passive = false", "state/actor-churn = true", "state/partner-churn = false", "state/last-change = 7000000008"))
}

// Nothing is told of a partner before it was heard.
func TestUnheardPartner(t *testing.T) {
	m := fullMember(t)
	m.Member.LACP.Partner = spec.LACPEnd{}
	for _, leaf := range LACPMember(m).Leaves {
		switch leaf.ID {
		case ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerId, ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerKey,
			ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerStateBit:
			t.Errorf("%s = %v", ocpath.Path(leaf.ID), leaf.Value)
		}
	}
}

func TestLACPCounters(t *testing.T) {
	device := fixed{state: spec.State{Interfaces: map[string]*spec.Interface{"m1": fullMember(t), "bond1": fullAggregate(spec.LACPManaged)}}}
	source := NewLACPCounters(device)
	for _, keys := range [][]string{nil, {"bond1"}, {"bond1", "m1"}, {"", "m1"}} {
		rows := 0
		_, err := source.Read(t.Context(), keys, func(row []string, values []schema.Value) error {
			rows++
			if row[0] != "bond1" || row[1] != "m1" || len(values) != len(source.Leaves()) || values[0].Uint() != 1 || values[len(values)-1].Uint() != 12 {
				t.Errorf("%v: %v", row, values)
			}
			return nil
		})
		if err != nil || rows != 1 {
			t.Errorf("%v: %d rows, %v", keys, rows, err)
		}
	}
}

// The numbers of the vocabulary are those of the model, in its order: they are
// converted into each other.
func TestTeamingNames(t *testing.T) {
	check := func(leaf ocpath.ID, names ...string) {
		t.Helper()
		values := ocpath.Get(leaf).Values
		if len(names) != len(values) {
			t.Errorf("%s has %d values, want %v", ocpath.Path(leaf), len(values), names)
			return
		}
		for n, name := range names {
			if values[n].Name != name {
				t.Errorf("%s: value %d is %s, want %s", ocpath.Path(leaf), n, values[n].Name, name)
			}
		}
	}
	var distributions, reasons, roles, reselects []string
	for d := spec.TransportPorts; d <= spec.ActiveBackup; d++ {
		distributions = append(distributions, d.String())
	}
	for r := spec.MemberFine; r < spec.NumMemberReasons; r++ {
		reasons = append(reasons, r.String())
	}
	for r := spec.MemberDown; r <= spec.MemberActive; r++ {
		roles = append(roles, r.String())
	}
	for r := spec.ReselectAlways; r <= spec.ReselectFailure; r++ {
		reselects = append(reselects, reselect(r))
	}
	check(ocpath.InterfacesInterfaceAggregationTeamingConfigDistribution, distributions...)
	check(ocpath.InterfacesInterfaceTeamMemberStateReason, reasons...)
	check(ocpath.InterfacesInterfaceTeamMemberStateRole, roles...)
	check(ocpath.InterfacesInterfaceAggregationTeamingConfigPrimaryReselect, reselects...)
}
