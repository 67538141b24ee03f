package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// qosPort is a port with these classes.
func qosPort(q *QoS) *Port {
	return &Port{Name: "p1", Switched: &Switched{Switch: "default", Mode: Access, PVID: 1}, QoS: q}
}

func group(sequence uint32, queues ...string) SchedulerGroup {
	g := SchedulerGroup{Sequence: sequence}
	for _, queue := range queues {
		g.Queues = append(g.Queues, SchedulerQueue{ID: queue, Queue: queue})
	}
	return g
}

func TestQoSCheck(t *testing.T) {
	rate := func(n uint64) Rate { return Rate{BitsPerSecond: n} }
	pass := PolicerAction{Remark: Unmarked}
	policer := func(change func(*Policer)) *QoS {
		p := Policer{Sequence: 1, Committed: 1e6, Conform: pass, Exceed: PolicerAction{Drop: true, Remark: Unmarked}, Violate: pass}
		change(&p)
		return &QoS{Policers: []Policer{p}}
	}
	output := func(s Scheduler) *QoS { return &QoS{Output: &s} }
	with := func(g SchedulerGroup, change func(*SchedulerGroup)) SchedulerGroup { change(&g); return g }
	term := func(m Match) *QoS {
		return &QoS{Classifier: &Classifier{Terms: []Term{{ID: "1", Match: m, Remark: Unmarked}}}}
	}
	var many []SchedulerGroup
	var queues []string
	for n := range 64 {
		queues = append(queues, fmt.Sprint("q", n))
	}
	for n := range 8 {
		many = append(many, group(uint32(n), queues[n]))
	}
	tests := []struct {
		name   string
		qos    *QoS
		reason string // "" is none
	}{
		{"nothing", &QoS{}, ""},
		{"a port bounded", &QoS{Input: &Scheduler{Maximum: rate(MinRate)}, Output: &Scheduler{Maximum: rate(MaxRate), Burst: MinBurst}}, ""},
		{"rate below", output(Scheduler{Maximum: rate(MinRate - 1)}), "7999 bit/s"},
		{"rate above", output(Scheduler{Maximum: rate(1 << 63)}), "9223372036854775808 bit/s"},
		{"rate in percent", output(Scheduler{Maximum: Rate{Percent: 101}}), "101 percent"},
		{"rate and percent", output(Scheduler{Maximum: Rate{BitsPerSecond: 1e6, Percent: 1}}), "not both"},
		{"burst below a frame", output(Scheduler{Maximum: rate(1e6), Burst: MinBurst - 1}), "burst of 1517"},
		{"minima within", output(Scheduler{Maximum: rate(2e6), Groups: []SchedulerGroup{
			with(group(1, "a"), func(g *SchedulerGroup) { g.Minimum = rate(1e6) }), with(group(2, "b"), func(g *SchedulerGroup) { g.Minimum = rate(1e6) })}}), ""},
		{"minima above the maximum", output(Scheduler{Maximum: rate(2e6), Groups: []SchedulerGroup{
			with(group(1, "a"), func(g *SchedulerGroup) { g.Minimum = rate(1e6) }), with(group(2, "b"), func(g *SchedulerGroup) { g.Minimum = rate(1e6 + 1) })}}), "the minima are 2000001 bit/s"},
		{"minima above the line", output(Scheduler{Groups: []SchedulerGroup{
			with(group(1, "a"), func(g *SchedulerGroup) { g.Minimum.Percent = 60 }), with(group(2, "b"), func(g *SchedulerGroup) { g.Minimum.Percent = 41 })}}), "101 percent"},
		{"minimum above maximum", output(Scheduler{Groups: []SchedulerGroup{with(group(1, "a"), func(g *SchedulerGroup) { g.Minimum, g.Maximum = rate(2e6), rate(1e6) })}}), "above its maximum"},
		{"percent beside a rate", output(Scheduler{Groups: []SchedulerGroup{with(group(1, "a"), func(g *SchedulerGroup) { g.Minimum, g.Maximum = rate(2e6), Rate{Percent: 1} })}}), ""},
		{"out of order", output(Scheduler{Groups: []SchedulerGroup{group(2, "a"), group(1, "b")}}), "scheduler 1 stands behind scheduler 2"},
		{"no queue", output(Scheduler{Groups: []SchedulerGroup{group(1)}}), "has no queue"},
		{"a queue twice", output(Scheduler{Groups: []SchedulerGroup{group(1, "a"), group(2, "a")}}), "schedulers 1 and 2"},
		{"default of nowhere", output(Scheduler{Groups: []SchedulerGroup{group(1, "a")}, DefaultQueue: "b"}), "default queue b"},
		{"eight levels", output(Scheduler{Groups: many, DefaultQueue: "q0"}), ""},
		{"nine levels", output(Scheduler{Groups: many}), "9 levels"},
		{"all classes", output(Scheduler{Groups: []SchedulerGroup{group(1, queues...)}, DefaultQueue: "q0"}), ""},
		{"a class too many", output(Scheduler{Groups: []SchedulerGroup{group(1, queues...)}}), "65 classes"},
		{"weight above", output(Scheduler{Groups: []SchedulerGroup{with(group(1, "a"), func(g *SchedulerGroup) { g.Queues[0].Weight = MaxWeight + 1 })}}), "weight 65536"},
		{"urgency above", output(Scheduler{Groups: []SchedulerGroup{with(group(1, "a"), func(g *SchedulerGroup) { g.Strict, g.Queues[0].Weight = true, MaxWeight+1 })}}), ""},
		{"thresholds", output(Scheduler{Groups: []SchedulerGroup{with(group(1, "a"), func(g *SchedulerGroup) { g.Queues[0].RED = &RED{Min: 5, Max: 5} })}}), "thresholds 5 and 5"},
		{"shared by queues", &QoS{Sharing: ShareWeight, Output: &Scheduler{Groups: []SchedulerGroup{group(1, "a")}}}, "either by"},
		{"shared and bounded", &QoS{Sharing: ShareWeight, Output: &Scheduler{Maximum: rate(1e6)}}, ""},
		{"no mode", &QoS{Sharing: 3}, "mode of sharing"},
		{"share above", &QoS{Share: Share{Weight: 101}}, "minimum weight 101"},
		{"guarantee above", &QoS{Share: Share{Rate: 1 << 63}}, "9223372036854775808 bit/s"},
		{"policer", policer(func(*Policer) {}), ""},
		{"policer of two rates", policer(func(p *Policer) { p.Peak, p.PeakBurst = 1e6, MinBurst }), ""},
		{"policer without a rate", policer(func(p *Policer) { p.Committed = 0 }), "has no rate"},
		{"peak below", policer(func(p *Policer) { p.Peak = 1e5 }), "below its committed rate"},
		{"two bursts of one rate", policer(func(p *Policer) { p.PeakBurst = MinBurst }), "two bursts"},
		{"conforming is dropped", policer(func(p *Policer) { p.Conform.Drop = true }), "drops what conforms"},
		{"mark", policer(func(p *Policer) { p.Exceed.Remark.DSCP = 64 }), "dscp 64"},
		{"policers", &QoS{Policers: make([]Policer, 9)}, "9 policers"},
		{"terms", &QoS{Classifier: &Classifier{Terms: make([]Term, 65)}}, "65 terms"},
		{"an id twice", &QoS{Classifier: &Classifier{Terms: make([]Term, 2)}}, "twice"},
		{"priority code point", &QoS{Classifier: &Classifier{Terms: []Term{{Remark: Remark{NoRemark, 8}}}}}, "code point 8"},
		{"no version", term(Match{Version: 5}), "version 5"},
		{"two versions", term(Match{SourcePrefix: netip.MustParsePrefix("192.0.2.0/24"), DestinationPrefix: netip.MustParsePrefix("2001:db8::/32")}), "IPv4"},
		{"type of another version", term(Match{EtherType: EtherTypeIPv6, SourcePrefix: netip.MustParsePrefix("192.0.2.0/24")}), "0x86dd"},
		{"no IP", term(Match{EtherType: 0x0806, DSCPs: 1}), "0x0806"},
		{"flags of UDP", term(Match{Protocol: ProtocolUDP, HasProtocol: true, TCPFlags: 2}), "flags of TCP"},
		{"ports of ICMP", term(Match{Protocol: 1, HasProtocol: true, SourcePorts: PortRange{1, 2}}), "no ports"},
		{"ports of SCTP", term(Match{Protocol: ProtocolSCTP, HasProtocol: true, SourcePorts: PortRange{1, 2}}), ""},
		{"ports backwards", term(Match{SourcePorts: PortRange{2, 1}}), "ends before"},
		{"no VLAN", term(Match{VLAN: 4095}), "vlan 4095"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := qosPort(tt.qos).Check()
			if tt.reason == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var refused *Invalid
			if !errors.As(err, &refused) || refused.Port != "p1" || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("got %v, want a refusal of p1 for %q", err, tt.reason)
			}
		})
	}
}

func TestQoSOfWhat(t *testing.T) {
	team := NewAggregate(StaticLAG)
	member, switched := &Member{Aggregate: "lag1"}, &Switched{Switch: "default", Mode: Access, PVID: 1}
	queues, classes := &Scheduler{Groups: []SchedulerGroup{group(1, "a")}}, &Classifier{Terms: []Term{{ID: "1", Remark: Unmarked}}}
	tests := []struct {
		name string
		port Port
		fits bool
	}{
		{"no port", Port{QoS: &QoS{}}, false},
		{"an aggregate that classifies", Port{Aggregate: team, Switched: switched, QoS: &QoS{Classifier: classes}}, true},
		{"an aggregate with queues", Port{Aggregate: team, Switched: switched, QoS: &QoS{Output: queues}}, false},
		{"an aggregate at which others compete", Port{Aggregate: team, Switched: switched, QoS: &QoS{Sharing: ShareWeight}}, false},
		{"a member with queues", Port{Member: member, QoS: &QoS{Output: queues}}, true},
		{"a member that classifies", Port{Member: member, QoS: &QoS{Classifier: classes}}, false},
		{"a member with a share", Port{Member: member, QoS: &QoS{Share: Share{Weight: 1}}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.port.Name = "p1"
			if err := tt.port.Check(); (err == nil) != tt.fits {
				t.Errorf("got %v, fits: %t", err, tt.fits)
			}
		})
	}
}
