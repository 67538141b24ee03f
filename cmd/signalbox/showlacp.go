package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/spf13/cobra"
)

// lacpRow is an aggregate of "show lacp".
type lacpRow struct {
	Name     string          `json:"name"`
	Mode     string          `json:"lacp-mode"`
	Interval string          `json:"interval"`
	System   string          `json:"system-id-mac"`
	Priority uint64          `json:"system-priority"`
	Fallback bool            `json:"fallback"`
	Timeout  uint64          `json:"fallback-timeout"` // seconds
	FellBack bool            `json:"fell-back"`
	Members  []lacpMemberRow `json:"members"`
}

// lacpMemberRow is a member of an aggregate of "show lacp".
type lacpMemberRow struct {
	Aggregate    string       `json:"-"`
	Name         string       `json:"interface"`
	Actor        lacpEndRow   `json:"actor"`
	Partner      *lacpEndRow  `json:"partner,omitempty"` // nil before it was heard
	BothPassive  bool         `json:"both-passive"`
	ActorChurn   bool         `json:"actor-churn"`
	PartnerChurn bool         `json:"partner-churn"`
	LastChange   uint64       `json:"last-change,omitempty"` // nanoseconds since 1970
	Counters     lacpCounters `json:"counters"`
}

// lacpEndRow is one end of a link.
type lacpEndRow struct {
	Priority     uint64   `json:"system-priority"`
	System       string   `json:"system-id"`
	Key          uint64   `json:"key"`
	Port         uint64   `json:"port-num"`
	PortPriority uint64   `json:"port-priority"`
	State        uint8    `json:"state"`
	Bits         []string `json:"state-bits"`
}

// lacpCounters are a member's.
type lacpCounters struct {
	In             uint64 `json:"lacp-in-pkts"`
	Out            uint64 `json:"lacp-out-pkts"`
	InErrors       uint64 `json:"lacp-rx-errors"`
	OutErrors      uint64 `json:"lacp-tx-errors"`
	Unknown        uint64 `json:"lacp-unknown-errors"`
	Illegal        uint64 `json:"lacp-errors"`
	Timeouts       uint64 `json:"lacp-timeout-transitions"`
	MarkersIn      uint64 `json:"marker-in-pkts"`
	MarkersOut     uint64 `json:"marker-response-out-pkts"`
	PartnerChanges uint64 `json:"partner-changes"`
	ActorChurns    uint64 `json:"actor-churn-transitions"`
	PartnerChurns  uint64 `json:"partner-churn-transitions"`
}

func showLACPCommand(f *clientFlags) *cobra.Command {
	var counters bool
	c := &cobra.Command{
		Use:   "lacp [NAME…]",
		Short: "LACP of each aggregate and member: both ends, their keys and states; with --counters, PDUs",
		Long: `LACP of each aggregate and member: both ends, their keys and their states.

The state of an end is the octet of its PDUs and the names of its bits; a link
in use has 0x3d, or 0x3f with short timeouts.`,
		ValidArgsFunction: f.aggregateNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectLACP(ctx, c, names)
				if err != nil {
					return err
				}
				return printLACP(cmd, f, rows, counters)
			})
		},
	}
	c.Flags().BoolVar(&counters, "counters", false, "PDUs and errors of each member")
	return c
}

// collectLACP reads the aggregates of these names, of any for none.
func collectLACP(ctx context.Context, c *element.Client, names []string) ([]lacpRow, error) {
	tree, err := c.Collect(ctx, below("/lacp/interfaces/interface[name=%s]", names, "state", "members/member[interface=*]/state")...)
	if err != nil {
		return nil, err
	}
	var rows []lacpRow
	for _, e := range tree.List("lacp/interfaces/interface") {
		if e.Has("state/lacp-mode") { // what is only configured has no state
			rows = append(rows, newLACPRow(e))
		}
	}
	return rows, allFound("aggregate with LACP", names, rows, func(r lacpRow) string { return r.Name })
}

func newLACPRow(e *element.Tree) lacpRow {
	s := e.At("state")
	r := lacpRow{
		Name: e.Key("name"), Mode: s.Text("lacp-mode"), Interval: s.Text("interval"), System: s.Text("system-id-mac"),
		Priority: s.Uint("system-priority"), Fallback: s.True("fallback"), Timeout: s.Uint("fallback-timeout"), FellBack: s.True("fell-back"),
		Members: []lacpMemberRow{},
	}
	for _, m := range e.List("members/member") {
		if m.Has("state/activity") {
			r.Members = append(r.Members, newLACPMemberRow(r.Name, m))
		}
	}
	return r
}

func newLACPMemberRow(aggregate string, e *element.Tree) lacpMemberRow {
	s, n := e.At("state"), e.At("state/counters")
	r := lacpMemberRow{
		Aggregate: aggregate, Name: e.Key("interface"),
		Actor:       newLACPEnd(s.Uint("system-priority"), s.Text("system-id"), s.Uint("oper-key"), s.Uint("port-num"), s.Uint("port-priority"), s.Texts("state-bit")),
		BothPassive: s.True("both-passive"), ActorChurn: s.True("actor-churn"), PartnerChurn: s.True("partner-churn"), LastChange: s.Uint("last-change"),
		Counters: lacpCounters{
			In: n.Uint("lacp-in-pkts"), Out: n.Uint("lacp-out-pkts"), InErrors: n.Uint("lacp-rx-errors"), OutErrors: n.Uint("lacp-tx-errors"),
			Unknown: n.Uint("lacp-unknown-errors"), Illegal: n.Uint("lacp-errors"), Timeouts: n.Uint("lacp-timeout-transitions"),
			MarkersIn: n.Uint("marker-in-pkts"), MarkersOut: n.Uint("marker-response-out-pkts"), PartnerChanges: n.Uint("partner-changes"),
			ActorChurns: n.Uint("actor-churn-transitions"), PartnerChurns: n.Uint("partner-churn-transitions"),
		},
	}
	if s.Has("partner-id") {
		partner := newLACPEnd(s.Uint("partner-system-priority"), s.Text("partner-id"), s.Uint("partner-key"), s.Uint("partner-port-num"),
			s.Uint("partner-port-priority"), s.Texts("partner-state-bit"))
		r.Partner = &partner
	}
	return r
}

// newLACPEnd puts the octet of the state together from its bits, whose order
// is the model's.
func newLACPEnd(priority uint64, system string, key, port, portPriority uint64, bits []string) lacpEndRow {
	e := lacpEndRow{Priority: priority, System: system, Key: key, Port: port, PortPriority: portPriority, Bits: append([]string{}, bits...)}
	for bit, v := range ocpath.Get(ocpath.LacpInterfacesInterfaceMembersMemberStateStateBit).Values {
		for _, name := range bits {
			if name == v.Name {
				e.State |= 1 << bit
			}
		}
	}
	return e
}

// printLACP prints the aggregates, and in a second table their members' ends
// or counters.
func printLACP(cmd *cobra.Command, f *clientFlags, rows []lacpRow, counters bool) error {
	if err := printRows(cmd, f, rows, lacpColumns(), "no aggregate with LACP"); err != nil || f.json {
		return err
	}
	var members []lacpMemberRow
	for _, r := range rows {
		members = append(members, r.Members...)
	}
	if len(members) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	if counters {
		return printRows(cmd, f, members, lacpCounterColumns(), "")
	}
	return printRows(cmd, f, lacpEnds(members), lacpEndColumns(), "")
}

func lacpColumns() []column[lacpRow] {
	return []column[lacpRow]{
		{title: "lag", value: func(r lacpRow) any { return r.Name }},
		{title: "mode", value: func(r lacpRow) any { return r.Mode }},
		{title: "interval", value: func(r lacpRow) any { return r.Interval }},
		{title: "system", value: func(r lacpRow) any { return fmt.Sprintf("%d,%s", r.Priority, r.System) }},
		{title: "members", value: func(r lacpRow) any { return len(r.Members) }, right: true},
		{title: "fallback", value: func(r lacpRow) any { return fallback(r) }},
	}
}

func fallback(r lacpRow) any {
	switch {
	case r.FellBack:
		return bad("in use")
	case r.Fallback:
		return fmt.Sprintf("after %d s", r.Timeout)
	}
	return "no"
}

// lacpLine is one end of one member: two lines a member.
type lacpLine struct {
	member *lacpMemberRow
	side   string
	end    *lacpEndRow // nil for a partner that was not heard
}

func lacpEnds(members []lacpMemberRow) []lacpLine {
	var lines []lacpLine
	for i := range members {
		m := &members[i]
		lines = append(lines, lacpLine{m, "actor", &m.Actor}, lacpLine{m, "partner", m.Partner})
	}
	return lines
}

func lacpEndColumns() []column[lacpLine] {
	of := func(value func(*lacpEndRow) any) func(lacpLine) any {
		return func(l lacpLine) any {
			if l.end == nil {
				return ""
			}
			return value(l.end)
		}
	}
	return []column[lacpLine]{
		{title: "lag", value: func(l lacpLine) any { return l.member.Aggregate }},
		{title: "member", value: func(l lacpLine) any { return l.member.Name }},
		{title: "end", value: func(l lacpLine) any { return l.side }},
		{title: "system", value: of(func(e *lacpEndRow) any { return fmt.Sprintf("%d,%s", e.Priority, e.System) })},
		{title: "key", value: of(func(e *lacpEndRow) any { return e.Key }), right: true},
		{title: "port", value: of(func(e *lacpEndRow) any { return fmt.Sprintf("%d,%d", e.PortPriority, e.Port) }), right: true},
		{title: "state", value: of(func(e *lacpEndRow) any { return e.text() })},
		{title: "note", value: func(l lacpLine) any { return l.note() }},
	}
}

// text is the state in hexadecimal and in words: "0x3d activity aggregation …".
func (e *lacpEndRow) text() string {
	words := append([]string{fmt.Sprintf("0x%02x", e.State)}, e.Bits...)
	return strings.ToLower(strings.Join(words, " "))
}

// note is what is wrong with an end.
func (l lacpLine) note() any {
	var notes []string
	add := func(is bool, text string) {
		if is {
			notes = append(notes, text)
		}
	}
	actor := l.side == "actor"
	add(!actor && l.end == nil, "not heard")
	add(actor && l.member.BothPassive, "both ends are passive")
	add(actor && l.member.ActorChurn || !actor && l.member.PartnerChurn, "not in sync for 60 s")
	if notes == nil {
		return ""
	}
	return bad(strings.Join(notes, ", "))
}

func lacpCounterColumns() []column[lacpMemberRow] {
	columns := []column[lacpMemberRow]{
		{title: "lag", value: func(r lacpMemberRow) any { return r.Aggregate }},
		{title: "member", value: func(r lacpMemberRow) any { return r.Name }},
	}
	for _, c := range []struct {
		title string
		value func(*lacpCounters) uint64
	}{
		{"in", func(c *lacpCounters) uint64 { return c.In }},
		{"out", func(c *lacpCounters) uint64 { return c.Out }},
		{"in errors", func(c *lacpCounters) uint64 { return c.InErrors }},
		{"out errors", func(c *lacpCounters) uint64 { return c.OutErrors }},
		{"unknown", func(c *lacpCounters) uint64 { return c.Unknown }},
		{"illegal", func(c *lacpCounters) uint64 { return c.Illegal }},
		{"timeouts", func(c *lacpCounters) uint64 { return c.Timeouts }},
		{"markers", func(c *lacpCounters) uint64 { return c.MarkersIn }},
		{"answered", func(c *lacpCounters) uint64 { return c.MarkersOut }},
		{"partners", func(c *lacpCounters) uint64 { return c.PartnerChanges }},
		{"churns", func(c *lacpCounters) uint64 { return c.ActorChurns + c.PartnerChurns }},
	} {
		columns = append(columns, column[lacpMemberRow]{title: c.title, value: func(r lacpMemberRow) any { return c.value(&r.Counters) }, right: true})
	}
	return columns
}
