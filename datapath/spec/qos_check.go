package spec

import (
	"errors"
	"fmt"
	"math"
)

// check reports what is wrong with the classes and rates of a port by
// themselves, as *Invalid, or nil. What depends on the speed of the link is not
// known here.
func (q *QoS) check(port string) error {
	fail := func(format string, args ...any) error {
		return &Invalid{Port: port, Reason: fmt.Sprintf(format, args...)}
	}
	var errs []error
	if q.Classifier != nil {
		errs = append(errs, q.Classifier.check(fail))
	}
	if q.Input != nil {
		errs = append(errs, q.Input.check(fail))
	}
	if q.Output != nil {
		errs = append(errs, q.Output.check(fail))
	}
	if n := len(q.Policers); n > MaxPolicers {
		errs = append(errs, fail("%d policers: want at most %d", n, MaxPolicers))
	}
	for n := range q.Policers {
		errs = append(errs, q.Policers[n].check(fail))
	}
	switch {
	case q.Sharing > ShareAbsolute:
		errs = append(errs, fail("mode of sharing %d is none", q.Sharing))
	case q.Sharing != ShareNone && q.Output != nil && len(q.Output.Groups) > 0:
		errs = append(errs, fail("what leaves by the port is divided either by where it came from or by queues"))
	}
	if q.Share.Rate != 0 {
		errs = append(errs, checkRate(Rate{BitsPerSecond: q.Share.Rate}, fail))
	}
	if q.Share.Weight > MaxShareWeight {
		errs = append(errs, fail("minimum weight %d: want 1 to %d", q.Share.Weight, MaxShareWeight))
	}
	return errors.Join(errs...)
}

// beyondOutput reports anything but a scheduler of what leaves.
func (q *QoS) beyondOutput() bool {
	return q.Classifier != nil || q.Input != nil || len(q.Policers) > 0 || q.Sharing != ShareNone || q.Share != Share{}
}

// failure makes an error about the port at hand.
type failure func(format string, args ...any) error

func (c *Classifier) check(fail failure) error {
	if n := len(c.Terms); n > MaxTerms {
		return fail("classifier %s has %d terms: want at most %d", c.Name, n, MaxTerms)
	}
	var errs []error
	ids := make(map[string]bool, len(c.Terms))
	for n := range c.Terms {
		t := &c.Terms[n]
		if ids[t.ID] {
			errs = append(errs, fail("classifier %s has the term %s twice", c.Name, t.ID))
		}
		ids[t.ID] = true
		if reason := t.Match.Contradiction(); reason != "" {
			errs = append(errs, fail("term %s of classifier %s matches nothing: %s", t.ID, c.Name, reason))
		}
		errs = append(errs, t.Remark.check(fail))
	}
	return errors.Join(errs...)
}

func (r Remark) check(fail failure) error {
	switch {
	case r.DSCP > 63 && r.DSCP != NoRemark:
		return fail("dscp %d: want 0 to 63", r.DSCP)
	case r.PCP > 7 && r.PCP != NoRemark:
		return fail("priority code point %d: want 0 to 7", r.PCP)
	}
	return nil
}

// EtherTypes that conditions on layer 3 go with.
const (
	EtherTypeIPv4 = 0x0800
	EtherTypeIPv6 = 0x86dd
)

// Protocols that have ports (IANA, Protocol Numbers).
const (
	ProtocolTCP  = 6
	ProtocolUDP  = 17
	ProtocolSCTP = 132
)

// Contradiction tells why no frame can match; "" where one can.
func (m *Match) Contradiction() string {
	version := m.Version
	if p := m.SourcePrefix; p.IsValid() {
		if reason := sameVersion(&version, p.Addr().Is4(), "source"); reason != "" {
			return reason
		}
	}
	if p := m.DestinationPrefix; p.IsValid() {
		if reason := sameVersion(&version, p.Addr().Is4(), "destination"); reason != "" {
			return reason
		}
	}
	ports := !m.SourcePorts.IsZero() || !m.DestinationPorts.IsZero()
	ip := version != 0 || ports || m.DSCPs != 0 || m.HasProtocol || m.HasTTL || m.TCPFlags != 0
	switch {
	case version != 0 && version != 4 && version != 6:
		return fmt.Sprintf("there is no version %d of IP", version)
	case m.EtherType == EtherTypeIPv4 && version == 6, m.EtherType == EtherTypeIPv6 && version == 4:
		return fmt.Sprintf("its ethertype is %#04x and its conditions are those of IPv%d", m.EtherType, version)
	case m.EtherType != 0 && m.EtherType != EtherTypeIPv4 && m.EtherType != EtherTypeIPv6 && ip:
		return fmt.Sprintf("its ethertype %#04x is not that of IP, and it has conditions on IP", m.EtherType)
	case m.TCPFlags != 0 && m.HasProtocol && m.Protocol != ProtocolTCP:
		return fmt.Sprintf("its protocol is %d, and it has conditions on the flags of TCP (%d)", m.Protocol, ProtocolTCP)
	case ports && m.HasProtocol && m.Protocol != ProtocolTCP && m.Protocol != ProtocolUDP && m.Protocol != ProtocolSCTP:
		return fmt.Sprintf("its protocol %d has no ports: TCP (%d), UDP (%d) and SCTP (%d) have", m.Protocol, ProtocolTCP, ProtocolUDP, ProtocolSCTP)
	case m.SourcePorts.First > m.SourcePorts.Last, m.DestinationPorts.First > m.DestinationPorts.Last:
		return "its range of ports ends before it begins"
	case m.VLAN > MaxVLAN:
		return fmt.Sprintf("there is no vlan %d", m.VLAN)
	}
	return ""
}

// sameVersion holds a prefix against the version of IP so far, which it sets.
func sameVersion(version *uint8, is4 bool, what string) string {
	is := uint8(6)
	if is4 {
		is = 4
	}
	if *version != 0 && *version != is {
		return fmt.Sprintf("its %s is one of IPv%d, and it has conditions on IPv%d", what, is, *version)
	}
	*version = is
	return ""
}

// checkRate wants a rate that the kernel and the program can keep; none is right
// too.
func checkRate(r Rate, fail failure) error {
	switch {
	case r.Percent > 100:
		return fail("%d percent: want 1 to 100", r.Percent)
	case r.Percent != 0 && r.BitsPerSecond != 0:
		return fail("want a rate or a percentage, not both")
	case r.BitsPerSecond != 0 && (r.BitsPerSecond < MinRate || r.BitsPerSecond > MaxRate):
		return fail("%d bit/s: want %d to %d", r.BitsPerSecond, uint64(MinRate), uint64(MaxRate))
	}
	return nil
}

// checkBurst wants one that lets a frame through; 0 is the default.
func checkBurst(octets uint32, fail failure) error {
	if octets != 0 && (octets < MinBurst || octets > MaxBurst) {
		return fail("burst of %d octets: want %d to %d", octets, MinBurst, MaxBurst)
	}
	return nil
}

func (s *Scheduler) check(fail failure) error {
	errs := []error{checkRate(s.Maximum, fail), checkBurst(s.Burst, fail), s.checkMinima(fail)}
	groupOf := map[string]uint32{}
	for n := range s.Groups {
		g := &s.Groups[n]
		if n > 0 && s.Groups[n-1].Sequence >= g.Sequence {
			errs = append(errs, fail("scheduler %d stands behind scheduler %d", g.Sequence, s.Groups[n-1].Sequence))
		}
		errs = append(errs, g.check(fail))
		for _, queue := range g.Queues {
			if other, twice := groupOf[queue.Queue]; twice {
				errs = append(errs, fail("queue %s is in schedulers %d and %d", queue.Queue, other, g.Sequence))
			}
			groupOf[queue.Queue] = g.Sequence
		}
	}
	if _, ok := groupOf[s.DefaultQueue]; !ok && s.DefaultQueue != "" {
		errs = append(errs, fail("the default queue %s is in no scheduler of the policy", s.DefaultQueue))
	}
	if levels := s.Levels(); levels > MaxPriorities {
		errs = append(errs, fail("%d levels of priority: want at most %d; each queue of a strict scheduler, each other scheduler and the class of what is in no queue is one", levels, MaxPriorities))
	}
	if classes := s.Classes(); classes > MaxClasses {
		errs = append(errs, fail("%d classes: want at most %d", classes, MaxClasses))
	}
	return errors.Join(errs...)
}

// Levels counts the levels of priority: each queue of a strict group is one,
// each other group, and the class of what is in no queue where there is one.
func (s *Scheduler) Levels() int {
	levels := s.ownDefault()
	for n := range s.Groups {
		if s.Groups[n].Strict {
			levels += len(s.Groups[n].Queues)
		} else {
			levels++
		}
	}
	return levels
}

// Classes counts the queues, with the class of what is in none.
func (s *Scheduler) Classes() int {
	classes := s.ownDefault()
	for n := range s.Groups {
		classes += len(s.Groups[n].Queues)
	}
	return classes
}

// ownDefault is 1 where what is in no queue has a class of its own.
func (s *Scheduler) ownDefault() int {
	if s.DefaultQueue != "" {
		return 0
	}
	return 1
}

// checkMinima wants guarantees that can be given all at once, as far as that can
// be said without the speed of the link.
func (s *Scheduler) checkMinima(fail failure) error {
	var rate, percent uint64
	for n := range s.Groups {
		m := s.Groups[n].Minimum
		rate += min(m.BitsPerSecond, math.MaxUint64-rate)
		percent += uint64(m.Percent)
	}
	switch {
	case percent > 100:
		return fail("the minima are %d percent of the line together", percent)
	case s.Maximum.BitsPerSecond != 0 && rate > s.Maximum.BitsPerSecond:
		return fail("the minima are %d bit/s together, above the maximum of %d bit/s", rate, s.Maximum.BitsPerSecond)
	}
	return nil
}

func (g *SchedulerGroup) check(fail failure) error {
	errs := []error{
		checkRate(g.Minimum, fail), checkRate(g.Maximum, fail), checkBurst(g.Burst, fail), checkBurst(g.ExcessBurst, fail),
	}
	if Above(g.Minimum, g.Maximum) {
		errs = append(errs, fail("the minimum of scheduler %d is above its maximum", g.Sequence))
	}
	if len(g.Queues) == 0 {
		errs = append(errs, fail("scheduler %d has no queue", g.Sequence))
	}
	for n := range g.Queues {
		q := &g.Queues[n]
		if q.Queue == "" {
			errs = append(errs, fail("input %s of scheduler %d names no queue", q.ID, g.Sequence))
		}
		if !g.Strict && q.Weight > MaxWeight {
			errs = append(errs, fail("weight %d: want 1 to %d", q.Weight, MaxWeight))
		}
		if red := q.RED; red != nil && (red.Min == 0 || red.Min >= red.Max) {
			errs = append(errs, fail("thresholds %d and %d of queue %s: want the minimum above 0 and below the maximum", red.Min, red.Max, q.Queue))
		}
	}
	return errors.Join(errs...)
}

// Above reports that a minimum is above a maximum, as far as that can be said
// without the speed of the link.
func Above(minimum, maximum Rate) bool {
	return !maximum.IsZero() && (minimum.Percent > maximum.Percent && maximum.BitsPerSecond == 0 && minimum.BitsPerSecond == 0 ||
		minimum.BitsPerSecond > maximum.BitsPerSecond && maximum.Percent == 0)
}

func (p *Policer) check(fail failure) error {
	errs := []error{
		checkRate(Rate{BitsPerSecond: p.Committed}, fail), checkRate(Rate{BitsPerSecond: p.Peak}, fail),
		checkBurst(p.Burst, fail), checkBurst(p.PeakBurst, fail),
	}
	switch {
	case p.Committed == 0:
		errs = append(errs, fail("policer %d has no rate", p.Sequence))
	case p.Peak != 0 && p.Peak < p.Committed:
		errs = append(errs, fail("the peak rate of policer %d is below its committed rate", p.Sequence))
	case p.Peak == 0 && p.PeakBurst != 0:
		errs = append(errs, fail("policer %d has one rate and two bursts", p.Sequence))
	}
	if p.Conform.Drop {
		errs = append(errs, fail("policer %d drops what conforms", p.Sequence))
	}
	for _, a := range []PolicerAction{p.Conform, p.Exceed, p.Violate} {
		errs = append(errs, a.Remark.check(fail))
	}
	return errors.Join(errs...)
}
