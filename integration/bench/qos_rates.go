package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/integration/element"
)

// maximum holds what leaves by port b, then what comes in at port a, to rates,
// by the simple form. Between two guests of one host both are the same way.
func (b *bench) maximum(ctx context.Context, s *shaped) error {
	const much = 40 * gigabit // more than a CPU takes
	free := map[string]float64{}
	for _, l := range []load{{tcp: true, own: much}, {own: much}} {
		got, err := s.rates(ctx, l)
		if err != nil {
			return err
		}
		free[l.kind()] = got[0]
	}
	for _, held := range []struct{ port, what string }{{"b", "receives"}, {"a", "sends"}} {
		for _, rate := range []uint64{10 * megabit, 100 * megabit, gigabit, 5 * gigabit} {
			if err := s.element.Configure(ctx, element.Bandwidth(held.port, map[string]any{"maximum-bandwidth": rate})); err != nil {
				return err
			}
			for _, l := range []load{{tcp: true, own: rate}, {own: rate}} {
				got, err := s.rates(ctx, l)
				if err != nil {
					return err
				}
				goal := "1 ± 0.005"
				if rate == 10*megabit || rate == 5*gigabit {
					goal = "1 ± 0.02"
				}
				b.add(row{fmt.Sprintf("maximum of what a guest %s, %s", held.what, l.kind()), bitrate(got[0]),
					fmt.Sprintf("%s configured, %s without", bitrate(rate), bitrate(free[l.kind()])), exact(got[0], float64(rate)), goal})
			}
		}
		if err := s.element.Remove(ctx, "/interfaces/interface[name="+held.port+"]/bandwidth"); err != nil {
			return err
		}
	}
	return nil
}

// minimum gives TCP classes and UDP classes that flood a guaranteed rate each,
// which are all of the line together.
func (b *bench) minimum(ctx context.Context, s *shaped) error {
	const line = gigabit
	for _, classes := range []int{2, 4, 8} {
		var groups []element.SchedulerGroup
		var loads []load
		// From 1 to as many parts of the line, TCP and UDP in turns.
		parts := uint64(classes * (classes + 1) / 2)
		for class := range classes {
			share := line * 99 / 100 * uint64(class+1) / parts
			groups = append(groups, element.SchedulerGroup{Minimum: share, Maximum: line, Weights: map[int]int{class: 1}})
			loads = append(loads, load{class: class, tcp: class%2 == 0, own: share, line: line})
		}
		if err := s.schedule(ctx, line, 0, groups...); err != nil {
			return err
		}
		got, err := s.rates(ctx, loads...)
		if err != nil {
			return err
		}
		worst, least := 0, 2.0
		for i, l := range loads {
			if r := got[i] / float64(l.own); r < least {
				worst, least = i, r
			}
		}
		b.add(row{fmt.Sprintf("minimum of %d classes, half TCP and half UDP that floods, the one that got least of its own", classes),
			loads[worst].kind() + " " + bitrate(got[worst]), bitrate(loads[worst].own) + " guaranteed", exact(got[worst], float64(loads[worst].own)), "≥ 0.98"})
	}
	return nil
}

// weights shares the line 1 to 2 to 4, with all of them sending, and with the
// heaviest silent.
func (b *bench) weights(ctx context.Context, s *shaped) error {
	const line = gigabit
	if err := s.schedule(ctx, line, 0, element.SchedulerGroup{Weights: map[int]int{0: 1, 1: 2, 2: 4}}); err != nil {
		return err
	}
	mixed := func(tcp ...bool) (loads []load) {
		for class, t := range tcp {
			loads = append(loads, load{class: class, tcp: t, own: line / 7, line: line})
		}
		return loads
	}
	for _, loads := range [][]load{mixed(true, true, true), mixed(false, false, false), mixed(true, false, true), mixed(true, true), mixed(false, false), mixed(true, false)} {
		got, err := s.rates(ctx, loads...)
		if err != nil {
			return err
		}
		var kinds, shares []string
		off := 1.0
		for i, l := range loads {
			kinds = append(kinds, fmt.Sprintf("%s %d", l.kind(), 1<<i))
			shares = append(shares, fmt.Sprintf("%.3f", got[i]/got[0]))
			if r := got[i] / got[0] / float64(int(1)<<i); max(r, 1/r) > max(off, 1/off) {
				off = r
			}
		}
		b.add(row{"weights: " + strings.Join(kinds, ", "), strings.Join(shares, " : "), "of 1, 2 and 4 in the policy", fmt.Sprintf("%.4f×", off), "1 ± 0.02"})
	}
	return nil
}

// lending has one class want the line, of which it has a tenth.
func (b *bench) lending(ctx context.Context, s *shaped) error {
	const line = gigabit
	err := s.schedule(ctx, line, -1,
		element.SchedulerGroup{Minimum: line * 8 / 10, Maximum: line, Weights: map[int]int{0: 1}},
		element.SchedulerGroup{Minimum: line / 10, Maximum: line, Weights: map[int]int{1: 1}})
	if err != nil {
		return err
	}
	for _, l := range []load{{class: 1, tcp: true, own: line}, {class: 1, own: line}, {class: 7, tcp: true, own: line}} {
		got, err := s.rates(ctx, l)
		if err != nil {
			return err
		}
		what := "a class with a tenth of the line"
		if l.class == 7 {
			what = "the default class with a hundredth of the line"
		}
		b.add(row{fmt.Sprintf("%s alone, %s", what, l.kind()), bitrate(got[0]), bitrate(uint64(line)) + " line", exact(got[0], line), "≥ 0.97"})
	}
	return nil
}

// defaultClass has every other class flood.
func (b *bench) defaultClass(ctx context.Context, s *shaped) error {
	const line = gigabit
	err := s.schedule(ctx, line, -1,
		element.SchedulerGroup{Strict: true, Weights: map[int]int{0: 1}},
		element.SchedulerGroup{Weights: map[int]int{1: 1, 2: 1}})
	if err != nil {
		return err
	}
	for _, tcp := range []bool{true, false} {
		l := load{class: 7, tcp: tcp, own: line / 100, line: line}
		got, err := s.rates(ctx, l, load{class: 0, own: line}, load{class: 1, own: line})
		if err != nil {
			return err
		}
		b.add(row{fmt.Sprintf("default class, %s, while a strict one and others flood", l.kind()), bitrate(got[0]), bitrate(l.own) + ", a hundredth of the line", exact(got[0], float64(l.own)), "≥ 1"})
	}
	return nil
}
