package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// lagRow is an aggregate of "show lag".
type lagRow struct {
	Name         string      `json:"name"`
	Mode         string      `json:"mode"` // LACP, STATIC or SWITCH_INDEPENDENT
	Distribution string      `json:"distribution"`
	Oper         string      `json:"oper-status"`
	VLANs        string      `json:"vlans,omitempty"`
	Speed        uint64      `json:"lag-speed,omitempty"` // Mbit/s
	MinLinks     uint64      `json:"min-links"`
	Designated   string      `json:"designated-member,omitempty"`
	Failovers    uint64      `json:"failovers"`
	LastDuration uint64      `json:"last-failover-duration,omitempty"` // microseconds
	LastReason   string      `json:"last-failover-reason,omitempty"`
	Members      []memberRow `json:"members"`
}

// memberRow is a member of an aggregate of "show lag".
type memberRow struct {
	Aggregate    string      `json:"-"`
	Name         string      `json:"name"`
	Role         string      `json:"role"`
	Reason       string      `json:"reason"`
	Oper         string      `json:"oper-status"`
	Collecting   bool        `json:"collecting"`
	Distributing bool        `json:"distributing"`
	Share        json.Number `json:"share"` // percent
	Speed        string      `json:"speed,omitempty"`
	Transitions  uint64      `json:"transitions"`
	LastChange   uint64      `json:"last-change,omitempty"` // nanoseconds since 1970
}

func showLAGCommand(f *clientFlags) *cobra.Command {
	var counters bool
	c := &cobra.Command{
		Use:     "lag [NAME…]",
		Aliases: []string{"lags", "team", "aggregate"},
		Short:   "Aggregates (LAGs) and what each of their members does",
		Long: `Aggregates (LAGs) and what each of their members does: whether it takes frames
in and sends them out, which share of the flows leaves by it, and why it is not
active. With --counters, the frames of each aggregate and of each member since
it became one.`,
		ValidArgsFunction: f.aggregateNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectLAGs(ctx, c, names)
				switch {
				case err != nil:
					return err
				case counters && len(rows) > 0:
					return showCounters(ctx, cmd, f, c, withMembers(rows))
				}
				return printLAGs(cmd, f, rows)
			})
		},
	}
	c.Flags().BoolVar(&counters, "counters", false, "frames and octets of the aggregates and their members")
	return c
}

// collectLAGs reads the aggregates of these names, of any for none, with their
// members.
func collectLAGs(ctx context.Context, c *element.Client, names []string) ([]lagRow, error) {
	paths := below("/interfaces/interface[name=%s]", names, "aggregation", "switch-port/state", "state/oper-status")
	tree, err := c.Collect(ctx, append(paths, below("/interfaces/interface[name=%s]", nil,
		"team-member/state", "ethernet/state/negotiated-port-speed", "state/oper-status")...)...)
	if err != nil {
		return nil, err
	}
	members := map[string][]memberRow{}
	for _, e := range tree.List("interfaces/interface") {
		if m := e.At("team-member/state"); m != nil {
			members[m.Text("aggregate")] = append(members[m.Text("aggregate")], newMemberRow(e, m))
		}
	}
	var rows []lagRow
	for _, e := range tree.List("interfaces/interface") {
		if e.Has("aggregation/state/lag-type") {
			rows = append(rows, newLAGRow(e, members[e.Key("name")]))
		}
	}
	return rows, allFound("aggregate", names, rows, func(r lagRow) string { return r.Name })
}

func newLAGRow(e *element.Tree, members []memberRow) lagRow {
	s := e.At("aggregation/teaming/state")
	mode := e.Text("aggregation/state/lag-type")
	if s.True("switch-independent") {
		mode = "SWITCH_INDEPENDENT"
	}
	return lagRow{
		Name: e.Key("name"), Mode: mode, Distribution: s.Text("distribution"), Oper: e.Text("state/oper-status"), VLANs: carried(e),
		Speed: e.Uint("aggregation/state/lag-speed"), MinLinks: e.Uint("aggregation/state/min-links"), Designated: s.Text("designated-member"),
		Failovers: s.Uint("failovers"), LastDuration: s.Uint("last-failover/duration"), LastReason: s.Text("last-failover/reason"),
		Members: append([]memberRow{}, members...),
	}
}

func newMemberRow(e, m *element.Tree) memberRow {
	return memberRow{
		Aggregate: m.Text("aggregate"), Name: e.Key("name"), Role: m.Text("role"), Reason: m.Text("reason"), Oper: e.Text("state/oper-status"),
		Collecting: m.True("collecting"), Distributing: m.True("distributing"), Share: json.Number(m.Text("share")),
		Speed: speedName(e.Text("ethernet/state/negotiated-port-speed")), Transitions: m.Uint("transitions"), LastChange: m.Uint("last-change"),
	}
}

// active counts the members that frames leave by.
func (r lagRow) active() int {
	n := 0
	for _, m := range r.Members {
		if m.Role == "ACTIVE" {
			n++
		}
	}
	return n
}

// withMembers are the names of aggregates, each before those of its members.
func withMembers(rows []lagRow) []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
		for _, m := range r.Members {
			names = append(names, m.Name)
		}
	}
	return names
}

// printLAGs prints the aggregates, and their members in a second table.
func printLAGs(cmd *cobra.Command, f *clientFlags, rows []lagRow) error {
	if err := printRows(cmd, f, rows, lagColumns(), "no aggregate"); err != nil || f.json {
		return err
	}
	var members []memberRow
	for _, r := range rows {
		members = append(members, r.Members...)
	}
	if len(members) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return printRows(cmd, f, members, memberColumns(), "")
}

func lagColumns() []column[lagRow] {
	return []column[lagRow]{
		{title: "lag", value: func(r lagRow) any { return r.Name }},
		{title: "mode", value: func(r lagRow) any { return r.Mode }},
		{title: "distribution", value: func(r lagRow) any { return r.Distribution }},
		{title: "oper", value: func(r lagRow) any { return status(r.Oper, "UP") }},
		{title: "vlans", value: func(r lagRow) any { return r.VLANs }},
		{title: "active", value: func(r lagRow) any { return fmt.Sprintf("%d/%d", r.active(), len(r.Members)) }, right: true},
		{title: "min", value: func(r lagRow) any { return r.MinLinks }, right: true},
		{title: "speed", value: func(r lagRow) any { return megabits(r.Speed) }, right: true},
		{title: "designated", value: func(r lagRow) any { return r.Designated }},
		{title: "failovers", value: func(r lagRow) any { return r.Failovers }, right: true},
		{title: "last failover", value: func(r lagRow) any { return lastFailover(r) }},
	}
}

func memberColumns() []column[memberRow] {
	return []column[memberRow]{
		{title: "lag", value: func(r memberRow) any { return r.Aggregate }},
		{title: "member", value: func(r memberRow) any { return r.Name }},
		{title: "role", value: func(r memberRow) any { return role(r.Role) }},
		{title: "reason", value: func(r memberRow) any { return strings.TrimPrefix(r.Reason, "NONE") }},
		{title: "oper", value: func(r memberRow) any { return status(r.Oper, "UP") }},
		{title: "in", value: func(r memberRow) any { return yes(r.Collecting) }},
		{title: "out", value: func(r memberRow) any { return yes(r.Distributing) }},
		{title: "share", value: func(r memberRow) any { return percent(r.Share.String()) }, right: true},
		{title: "speed", value: func(r memberRow) any { return r.Speed }, right: true},
		{title: "changes", value: func(r memberRow) any { return r.Transitions }, right: true},
		{title: "since", value: func(r memberRow) any { return moment(r.LastChange) }},
	}
}

// role paints a role; a member that waits is neither good nor bad.
func role(text string) any {
	if text == "STANDBY" {
		return text
	}
	return status(text, "ACTIVE")
}

func yes(b bool) any {
	if b {
		return good("yes")
	}
	return "no"
}

// percent is a share as a column has it: "33.20 %".
func percent(share string) string {
	whole, part, _ := strings.Cut(share, ".")
	if whole == "" {
		return ""
	}
	return whole + "." + (part + "00")[:2] + " %"
}

// megabits is a speed as people say it, "" for none.
func megabits(n uint64) string {
	switch {
	case n == 0:
		return ""
	case n%1000 == 0:
		return fmt.Sprintf("%d Gbit/s", n/1000)
	}
	return fmt.Sprintf("%d Mbit/s", n)
}

// speedName is the model's name of a speed as people say it: SPEED_10GB gives
// "10 Gbit/s".
func speedName(identity string) string {
	if i := strings.LastIndexByte(identity, ':'); i >= 0 {
		identity = identity[i+1:]
	}
	number, ok := strings.CutPrefix(identity, "SPEED_")
	if !ok || number == "UNKNOWN" {
		return ""
	}
	return strings.NewReplacer("GB", " Gbit/s", "MB", " Mbit/s").Replace(number)
}

func lastFailover(r lagRow) string {
	if r.LastReason == "" {
		return ""
	}
	return fmt.Sprintf("%s, %s", (time.Duration(r.LastDuration) * time.Microsecond).String(), r.LastReason)
}

// moment is a time in the machine's own zone, "" for none.
func moment(nanoseconds uint64) string {
	if nanoseconds == 0 {
		return ""
	}
	return time.Unix(0, int64(nanoseconds)).Format(time.DateTime)
}

// aggregateNames completes names of aggregates.
func (f *clientFlags) aggregateNames(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	var names []string
	err := f.connect(ctx, func(ctx context.Context, c *element.Client) error {
		tree, err := c.Collect(ctx, "/interfaces/interface/aggregation/state/lag-type", "/interfaces/interface/state/oper-status")
		for _, e := range tree.List("interfaces/interface") {
			if name := e.Key("name"); e.Has("aggregation/state/lag-type") && !slices.Contains(given, name) {
				names = append(names, fmt.Sprintf("%s\t%s %s", name, e.Text("aggregation/state/lag-type"), e.Text("state/oper-status")))
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
