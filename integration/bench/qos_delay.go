package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/traffic"
)

const (
	probePeriod = time.Millisecond
	probeTime   = 2 * time.Second
	probeRounds = 5
	strictClass = 5
)

// strict times probes of the most urgent class while others flood the line, and
// while nobody else sends.
func (b *bench) strict(ctx context.Context, s *shaped) error {
	const line = gigabit
	err := s.schedule(ctx, line, 0,
		element.SchedulerGroup{Strict: true, Weights: map[int]int{strictClass: 1}},
		element.SchedulerGroup{Minimum: line / 10, Maximum: line, Weights: map[int]int{0: 1, 1: 1}})
	if err != nil {
		return err
	}
	loads := map[string][]load{
		"unloaded": nil,
		"UDP":      {{class: 0, own: line}, {class: 1, own: line / 10}},
		"TCP":      {{class: 0, tcp: true, own: line}, {class: 1, tcp: true, own: line}},
	}
	var arms []arm
	for _, name := range []string{"unloaded", "UDP", "TCP"} {
		arms = append(arms, arm{name, func() (float64, error) { return s.delay(loads[name]) }})
	}
	m, err := takeTurns(ctx, probeRounds, arms)
	if err != nil {
		return err
	}
	frame := float64(traffic.FrameOctets*8) / line * float64(time.Second)
	for _, name := range []string{"UDP", "TCP"} {
		b.add(row{fmt.Sprintf("strict class while others flood with %s at %s, 99th percentile of the delay", name, bitrate(uint64(line))), micro(m[name]),
			fmt.Sprintf("unloaded %s, one MTU %s", micro(m["unloaded"]), micro(frame)), exact(m[name], 2*m["unloaded"]+frame), "≤ 1 of twice unloaded and one MTU"})
	}
	return nil
}

func micro(nanoseconds float64) string { return fmt.Sprintf("%.1f µs", nanoseconds/1e3) }

// delay is the 99th percentile of what probes of the strict class take under a
// load.
func (s *shaped) delay(loads []load) (p99 float64, err error) {
	stop, err := s.send(loads...)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return 0, err
	}
	if len(loads) > 0 {
		time.Sleep(warmUp / 4)
	}
	err = errors.Join(s.count.ResetDelays(), traffic.Probe(s.a, receiver, strictClass<<3, -1, probePeriod, probeTime))
	if err != nil {
		return 0, err
	}
	took, _, err := s.count.Delay(0.99)
	return float64(took), err
}

// uplink has two guests compete for what leaves by port b, by weight and by
// guaranteed rates: the other one sends from port c.
func (b *bench) uplink(ctx context.Context, s *shaped) error {
	const line = gigabit
	c, err := s.guest(ctx, "c", 3)
	if err == nil { // a class by its mark would go before the one by the port
		err = s.element.Remove(ctx, "/qos/interfaces/interface[interface-id=a]")
	}
	if err != nil {
		return err
	}
	for _, how := range []struct {
		mode, leaf string
		a, c       any
		share      float64 // of guest a against that of guest c
	}{
		{"WEIGHT", "minimum-weight", 25, 75, 1.0 / 3},
		{"ABSOLUTE", "minimum-bandwidth", uint64(line * 7 / 10), uint64(line / 10), 0},
	} {
		err := s.element.Configure(ctx,
			element.Bandwidth("b", map[string]any{"maximum-bandwidth": uint64(line), "minimum-bandwidth-mode": how.mode}),
			element.Bandwidth("a", map[string]any{how.leaf: how.a}), element.Bandwidth("c", map[string]any{how.leaf: how.c}))
		if err != nil {
			return err
		}
		got, err := s.rates(ctx, load{class: 0, tcp: true, own: line / 4}, load{from: c, class: 1, own: line})
		if err != nil {
			return err
		}
		if how.share != 0 {
			b.add(row{"weights of two guests at an uplink, TCP 25 and UDP that floods 75", fmt.Sprintf("%.4f : 1", got[0]/got[1]), fmt.Sprintf("%.4f : 1", how.share), exact(got[0]/got[1], how.share), "1 ± 0.02"})
			continue
		}
		least := float64(how.a.(uint64))
		b.add(row{"minimum of a guest at an uplink, TCP, while another one floods with UDP", bitrate(got[0]), bitrate(least) + " guaranteed", exact(got[0], least), "≥ 0.98"})
	}
	return nil
}
