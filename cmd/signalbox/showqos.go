package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// qosRow is an interface of "show qos".
type qosRow struct {
	Name       string            `json:"name"`
	ID         string            `json:"interface-id"`
	Directions []qosDirectionRow `json:"directions"`
	Policers   []policerRow      `json:"policers"`
	Terms      []termRow         `json:"terms"`
}

// qosDirectionRow is one direction of an interface.
type qosDirectionRow struct {
	Interface string     `json:"-"`
	Direction string     `json:"direction"` // input or output
	Policy    string     `json:"scheduler-policy,omitempty"`
	Maximum   uint64     `json:"maximum-rate"` // bit/s
	Rate      uint64     `json:"rate"`         // bit/s now
	Queues    []queueRow `json:"queues"`
}

// queueRow is a queue of "show qos".
type queueRow struct {
	Interface  string `json:"-"`
	Direction  string `json:"-"`
	Queue      string `json:"queue"`
	Rate       uint64 `json:"rate"` // bit/s now
	Guaranteed uint64 `json:"guaranteed-rate"`
	Ceiling    uint64 `json:"ceiling-rate"`
	Priority   uint64 `json:"priority"`
	Pkts       uint64 `json:"transmit-pkts"`
	Dropped    uint64 `json:"dropped-pkts"`
	Marked     uint64 `json:"ecn-marked-pkts"`
	Waiting    uint64 `json:"waiting-octets"`
	Limit      uint64 `json:"limit-octets,omitempty"`
	LimitPkts  uint64 `json:"limit-pkts,omitempty"`
}

// policerRow is a policer of "show qos".
type policerRow struct {
	Interface string `json:"-"`
	Sequence  string `json:"sequence"`
	Committed uint64 `json:"committed-rate"` // bit/s
	Peak      uint64 `json:"peak-rate,omitempty"`
	Conform   uint64 `json:"conforming-pkts"`
	Exceed    uint64 `json:"exceeding-pkts"`
	Violate   uint64 `json:"violating-pkts"`
}

// termRow is a term of "show qos".
type termRow struct {
	Interface string `json:"-"`
	Type      string `json:"type,omitempty"` // of the classifier, where it is in the list
	ID        string `json:"id"`
	Pkts      uint64 `json:"matched-packets"`
	Octets    uint64 `json:"matched-octets"`
}

// minQoSInterval is the shortest time between two samples.
const minQoSInterval = 100 * time.Millisecond

func showQoSCommand(f *clientFlags) *cobra.Command {
	interval := time.Second
	c := &cobra.Command{
		Use:   "qos [NAME…]",
		Short: "Classes and rates of interfaces: what each queue sends now and what it is given",
		Long: `Classes and rates of interfaces: what each queue sends now, measured between two
samples, beside what it is guaranteed and what it may send at most as the kernel
has it; what waits in it, and what it dropped; what policers and the terms of
classifiers counted. "input" is what comes in at the interface, which is what its
guest sends. The queue "default-class" has what is in no other.`,
		ValidArgsFunction: f.qosNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if interval < minQoSInterval {
				return fmt.Errorf("--interval %s: want at least %s", interval, minQoSInterval)
			}
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectQoS(ctx, c, names)
				if err == nil {
					err = measureQoS(ctx, c, rows, interval)
				}
				if err != nil {
					return err
				}
				return printQoS(cmd, f, rows)
			})
		},
	}
	c.Flags().DurationVar(&interval, "interval", interval, "time between the two samples that rates are measured between")
	return c
}

// collectQoS reads the interfaces of these names, of any for none.
func collectQoS(ctx context.Context, c *element.Client, names []string) ([]qosRow, error) {
	tree, err := c.Collect(ctx, "/qos/interfaces/interface")
	if err != nil {
		return nil, err
	}
	var rows []qosRow
	for _, e := range tree.List("qos/interfaces/interface") {
		name := e.Text("interface-ref/state/interface") // what is only configured has no state
		if name != "" && (len(names) == 0 || slices.Contains(names, name)) {
			rows = append(rows, newQoSRow(name, e))
		}
	}
	return rows, allFound("interface with classes or rates:", names, rows, func(r qosRow) string { return r.Name })
}

func newQoSRow(name string, e *element.Tree) qosRow {
	r := qosRow{Name: name, ID: e.Key("interface-id"), Directions: []qosDirectionRow{}, Policers: []policerRow{}, Terms: []termRow{}}
	for _, direction := range []string{"input", "output"} {
		if d := e.At(direction); d.Has("scheduler-policy/state/rate") {
			r.Directions = append(r.Directions, newQoSDirectionRow(name, direction, d))
		}
	}
	for _, p := range e.List("input/scheduler-policy/schedulers/scheduler") {
		if p.Has("state/committed-rate") {
			r.Policers = append(r.Policers, policerRow{
				Interface: name, Sequence: p.Key("sequence"), Committed: p.Uint("state/committed-rate"), Peak: p.Uint("state/peak-rate"),
				Conform: p.Uint("state/conforming-pkts"), Exceed: p.Uint("state/exceeding-pkts"), Violate: p.Uint("state/violating-pkts"),
			})
		}
	}
	add := func(kind string, terms []*element.Tree) {
		for _, t := range terms {
			r.Terms = append(r.Terms, termRow{Interface: name, Type: kind, ID: t.Key("id"), Pkts: t.Uint("state/matched-packets"), Octets: t.Uint("state/matched-octets")})
		}
	}
	for _, c := range e.List("input/classifiers/classifier") {
		add(c.Key("type"), c.List("terms/term"))
	}
	add("", e.List("input/terms/term"))
	return r
}

func newQoSDirectionRow(name, direction string, e *element.Tree) qosDirectionRow {
	s := e.At("scheduler-policy/state")
	d := qosDirectionRow{Interface: name, Direction: direction, Policy: s.Text("name"), Maximum: s.Uint("rate"), Queues: []queueRow{}}
	for _, q := range e.List("queues/queue") {
		if !q.Has("state/ceiling-rate") {
			continue
		}
		s := q.At("state")
		d.Queues = append(d.Queues, queueRow{
			Interface: name, Direction: direction, Queue: q.Key("name"), Guaranteed: s.Uint("guaranteed-rate"), Ceiling: s.Uint("ceiling-rate"),
			Priority: s.Uint("priority"), Pkts: s.Uint("transmit-pkts"), Dropped: s.Uint("dropped-pkts"), Marked: s.Uint("ecn-marked-pkts"),
			Waiting: s.Uint("waiting-octets"), Limit: s.Uint("limit-octets"), LimitPkts: s.Uint("limit-pkts"),
		})
	}
	slices.SortStableFunc(d.Queues, func(a, b queueRow) int { return int(a.Priority) - int(b.Priority) })
	return d
}

// printQoS prints the directions, and what they have in further tables.
func printQoS(cmd *cobra.Command, f *clientFlags, rows []qosRow) error {
	if f.json {
		return printRows[qosRow](cmd, f, rows, nil, "")
	}
	var directions []qosDirectionRow
	var queues []queueRow
	var policers []policerRow
	var terms []termRow
	for _, r := range rows {
		directions = append(directions, r.Directions...)
		for _, d := range r.Directions {
			queues = append(queues, d.Queues...)
		}
		policers, terms = append(policers, r.Policers...), append(terms, r.Terms...)
	}
	if len(directions)+len(policers)+len(terms) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "no interface with classes or rates")
		return err
	}
	tables := []func() error{
		func() error { return printRows(cmd, f, directions, qosDirectionColumns(), "nothing is held back") },
		func() error { return printMore(cmd, f, queues, queueColumns()) },
		func() error { return printMore(cmd, f, policers, policerColumns()) },
		func() error { return printMore(cmd, f, terms, termColumns()) },
	}
	for _, table := range tables {
		if err := table(); err != nil {
			return err
		}
	}
	return nil
}

func qosDirectionColumns() []column[qosDirectionRow] {
	return []column[qosDirectionRow]{
		{title: "interface", value: func(r qosDirectionRow) any { return r.Interface }},
		{title: "direction", value: func(r qosDirectionRow) any { return r.Direction }},
		{title: "policy", value: func(r qosDirectionRow) any { return r.Policy }},
		{title: "rate", value: func(r qosDirectionRow) any { return bitRate(r.Rate) }, right: true},
		{title: "of", value: func(r qosDirectionRow) any { return bar(r.Rate, r.Maximum) }},
		{title: "maximum", value: func(r qosDirectionRow) any { return bitRate(r.Maximum) }, right: true},
	}
}

func queueColumns() []column[queueRow] {
	return []column[queueRow]{
		{title: "interface", value: func(r queueRow) any { return r.Interface }},
		{title: "direction", value: func(r queueRow) any { return r.Direction }},
		{title: "queue", value: func(r queueRow) any { return r.Queue }},
		{title: "rate", value: func(r queueRow) any { return bitRate(r.Rate) }, right: true},
		{title: "of", value: func(r queueRow) any { return bar(r.Rate, r.Ceiling) }},
		{title: "ceiling", value: func(r queueRow) any { return bitRate(r.Ceiling) }, right: true},
		{title: "guaranteed", value: func(r queueRow) any { return bitRate(r.Guaranteed) }, right: true},
		{title: "priority", value: func(r queueRow) any { return r.Priority }, right: true},
		{title: "waiting", value: func(r queueRow) any { return r.Waiting }, right: true},
		{title: "pkts", value: func(r queueRow) any { return r.Pkts }, right: true},
		{title: "dropped", value: func(r queueRow) any { return lost(r.Dropped) }, right: true},
		{title: "marked", value: func(r queueRow) any { return r.Marked }, right: true},
	}
}

func policerColumns() []column[policerRow] {
	return []column[policerRow]{
		{title: "interface", value: func(r policerRow) any { return r.Interface }},
		{title: "policer", value: func(r policerRow) any { return r.Sequence }, right: true},
		{title: "committed", value: func(r policerRow) any { return bitRate(r.Committed) }, right: true},
		{title: "peak", value: func(r policerRow) any {
			if r.Peak == 0 {
				return ""
			}
			return bitRate(r.Peak)
		}, right: true},
		{title: "conforming", value: func(r policerRow) any { return r.Conform }, right: true},
		{title: "exceeding", value: func(r policerRow) any { return lost(r.Exceed) }, right: true},
		{title: "violating", value: func(r policerRow) any { return lost(r.Violate) }, right: true},
	}
}

func termColumns() []column[termRow] {
	return []column[termRow]{
		{title: "interface", value: func(r termRow) any { return r.Interface }},
		{title: "type", value: func(r termRow) any { return r.Type }},
		{title: "term", value: func(r termRow) any { return r.ID }},
		{title: "packets", value: func(r termRow) any { return r.Pkts }, right: true},
		{title: "octets", value: func(r termRow) any { return r.Octets }, right: true},
	}
}

// qosNames completes names of interfaces with classes or rates.
func (f *clientFlags) qosNames(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	var names []string
	err := f.connect(ctx, func(ctx context.Context, c *element.Client) error {
		tree, err := c.Collect(ctx, "/qos/interfaces/interface/interface-ref/state", "/qos/interfaces/interface/output/scheduler-policy/state/name")
		for _, e := range tree.List("qos/interfaces/interface") {
			if name := e.Text("interface-ref/state/interface"); name != "" && !slices.Contains(given, name) {
				names = append(names, strings.TrimSuffix(name+"\t"+e.Text("output/scheduler-policy/state/name"), "\t"))
			}
		}
		return err
	})
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
