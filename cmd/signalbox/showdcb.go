package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// dcbRow is an interface of "show dcb".
type dcbRow struct {
	Name         string              `json:"name"`
	Supported    bool                `json:"supported"`
	Reason       string              `json:"unsupported-reason,omitempty"`
	Mode         []string            `json:"dcbx-mode"`
	CanMode      []string            `json:"dcbx-capabilities"`
	Willing      bool                `json:"willing"`
	MaxClasses   uint64              `json:"ets-max-traffic-classes,omitempty"`
	MaxPFC       uint64              `json:"pfc-max-traffic-classes,omitempty"`
	Paused       []string            `json:"pfc-enabled-priority"`
	Delay        uint64              `json:"pfc-delay,omitempty"` // bit times
	Classes      []dcbClassRow       `json:"traffic-classes"`
	Priorities   []dcbPriorityRow    `json:"priorities"`
	Applications []dcbApplicationRow `json:"applications"`
}

// dcbClassRow is a traffic class of "show dcb".
type dcbClassRow struct {
	Interface  string   `json:"-"`
	ID         string   `json:"id"`
	Algorithm  string   `json:"algorithm"`
	Bandwidth  string   `json:"bandwidth,omitempty"` // percent
	MaxRate    uint64   `json:"max-rate,omitempty"`  // kilobits per second
	Priorities []string `json:"priorities"`
}

// dcbPriorityRow is a priority of "show dcb".
type dcbPriorityRow struct {
	Interface   string `json:"-"`
	Priority    string `json:"priority"`
	Class       string `json:"traffic-class,omitempty"`
	Paused      bool   `json:"pfc"`
	Buffer      string `json:"buffer,omitempty"`
	Requests    uint64 `json:"requests"`
	Indications uint64 `json:"indications"`
}

// dcbApplicationRow is an application of "show dcb".
type dcbApplicationRow struct {
	Interface string   `json:"-"`
	Selector  string   `json:"selector"`
	Protocol  string   `json:"protocol"`
	Priority  []string `json:"priority"`
}

func showDCBCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "dcb [NAME…]",
		Short: "Data Center Bridging of interfaces: traffic classes, flow control, applications",
		Long: `Data Center Bridging (DCB) of the interfaces whose devices may have it: who
negotiates, how the traffic classes share the link (ETS), which priorities are
paused instead of dropped (PFC) and how often that happened, and the priorities
of applications; for an interface without it, the reason.`,
		ValidArgsFunction: f.interfaceNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectDCB(ctx, c, names)
				if err != nil {
					return err
				}
				return printDCB(cmd, f, rows)
			})
		},
	}
}

// collectDCB reads the interfaces of these names, of any for none.
func collectDCB(ctx context.Context, c *element.Client, names []string) ([]dcbRow, error) {
	tree, err := c.Collect(ctx, below("/interfaces/interface[name=%s]", names, "dcb")...)
	if err != nil {
		return nil, err
	}
	var rows []dcbRow
	for _, e := range tree.List("interfaces/interface") {
		if e.Has("dcb/state/supported") { // what is only configured has no state
			rows = append(rows, newDCBRow(e.Key("name"), e.At("dcb")))
		}
	}
	return rows, allFound("interface whose device could have DCB:", names, rows, func(r dcbRow) string { return r.Name })
}

func newDCBRow(name string, e *element.Tree) dcbRow {
	r := dcbRow{
		Name: name, Supported: e.True("state/supported"), Reason: e.Text("state/unsupported-reason"),
		Mode: texts(e, "state/dcbx-mode"), CanMode: texts(e, "capabilities/state/dcbx-mode"), Willing: e.True("ets/state/willing"),
		MaxClasses: e.Uint("ets/state/max-traffic-classes"), MaxPFC: e.Uint("pfc/state/max-traffic-classes"),
		Paused: texts(e, "pfc/state/enabled-priority"), Delay: e.Uint("pfc/state/delay"),
		Classes: []dcbClassRow{}, Priorities: dcbPriorities(name, e), Applications: []dcbApplicationRow{},
	}
	for _, c := range e.List("ets/traffic-classes/traffic-class") {
		if !c.Has("state/id") {
			continue
		}
		class := dcbClassRow{
			Interface: name, ID: c.Key("id"), Algorithm: c.Text("state/algorithm"), Bandwidth: c.Text("state/bandwidth"),
			MaxRate: c.Uint("state/max-rate"), Priorities: []string{},
		}
		for _, p := range r.Priorities {
			if p.Class == class.ID {
				class.Priorities = append(class.Priorities, p.Priority)
			}
		}
		r.Classes = append(r.Classes, class)
	}
	for _, a := range e.List("applications/application") {
		if a.Has("state/selector") {
			r.Applications = append(r.Applications, dcbApplicationRow{name, a.Key("selector"), a.Key("protocol"), texts(a, "state/priority")})
		}
	}
	return r
}

// dcbPriorities joins what ETS and PFC tell of each priority.
func dcbPriorities(name string, e *element.Tree) []dcbPriorityRow {
	rows := []dcbPriorityRow{}
	classes := map[string]string{}
	for _, p := range e.List("ets/priorities/priority") {
		classes[p.Key("priority")] = p.Text("state/traffic-class")
	}
	for _, p := range e.List("pfc/priorities/priority") {
		rows = append(rows, dcbPriorityRow{
			Interface: name, Priority: p.Key("priority"), Class: classes[p.Key("priority")], Paused: p.True("state/enabled"),
			Buffer: p.Text("state/buffer"), Requests: p.Uint("state/requests"), Indications: p.Uint("state/indications"),
		})
		delete(classes, p.Key("priority"))
	}
	for _, p := range e.List("ets/priorities/priority") { // of a device without PFC
		if class, ok := classes[p.Key("priority")]; ok && class != "" {
			rows = append(rows, dcbPriorityRow{Interface: name, Priority: p.Key("priority"), Class: class})
		}
	}
	return rows
}

// texts are the elements of a leaf-list, an empty list for none.
func texts(e *element.Tree, path string) []string { return append([]string{}, e.Texts(path)...) }

// printDCB prints the interfaces, and what they have in further tables.
func printDCB(cmd *cobra.Command, f *clientFlags, rows []dcbRow) error {
	if err := printRows(cmd, f, rows, dcbColumns(), "no interface of a device"); err != nil || f.json {
		return err
	}
	var classes []dcbClassRow
	var priorities []dcbPriorityRow
	var applications []dcbApplicationRow
	for _, r := range rows {
		classes = append(classes, r.Classes...)
		priorities = append(priorities, r.Priorities...)
		applications = append(applications, r.Applications...)
	}
	if err := printMore(cmd, f, classes, dcbClassColumns()); err != nil {
		return err
	}
	if err := printMore(cmd, f, priorities, dcbPriorityColumns()); err != nil {
		return err
	}
	return printMore(cmd, f, applications, dcbApplicationColumns())
}

// printMore prints another table below the last one, unless it is empty.
func printMore[R any](cmd *cobra.Command, f *clientFlags, rows []R, columns []column[R]) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return printRows(cmd, f, rows, columns, "")
}

func dcbColumns() []column[dcbRow] {
	return []column[dcbRow]{
		{title: "interface", value: func(r dcbRow) any { return r.Name }},
		{title: "dcb", value: func(r dcbRow) any { return yes(r.Supported) }},
		{title: "dcbx", value: func(r dcbRow) any { return strings.Join(r.Mode, " ") }},
		{title: "willing", value: func(r dcbRow) any { return yes(r.Willing) }},
		{title: "classes", value: func(r dcbRow) any { return present(r.MaxClasses) }, right: true},
		{title: "pfc", value: func(r dcbRow) any { return strings.Join(r.Paused, " ") }},
		{title: "of", value: func(r dcbRow) any { return present(r.MaxPFC) }, right: true},
		{title: "delay", value: func(r dcbRow) any { return present(r.Delay) }, right: true},
		{title: "reason", value: func(r dcbRow) any { return r.Reason }},
	}
}

func dcbClassColumns() []column[dcbClassRow] {
	return []column[dcbClassRow]{
		{title: "interface", value: func(r dcbClassRow) any { return r.Interface }},
		{title: "class", value: func(r dcbClassRow) any { return r.ID }, right: true},
		{title: "algorithm", value: func(r dcbClassRow) any { return r.Algorithm }},
		{title: "bandwidth", value: func(r dcbClassRow) any { return unit(r.Bandwidth, "%") }, right: true},
		{title: "max rate", value: func(r dcbClassRow) any { return unit(fmt.Sprint(present(r.MaxRate)), "kbit/s") }, right: true},
		{title: "priorities", value: func(r dcbClassRow) any { return strings.Join(r.Priorities, " ") }},
	}
}

// unit puts a unit behind a number that is told.
func unit(number, unit string) string {
	if number == "" {
		return ""
	}
	return number + " " + unit
}

func dcbPriorityColumns() []column[dcbPriorityRow] {
	return []column[dcbPriorityRow]{
		{title: "interface", value: func(r dcbPriorityRow) any { return r.Interface }},
		{title: "priority", value: func(r dcbPriorityRow) any { return r.Priority }, right: true},
		{title: "class", value: func(r dcbPriorityRow) any { return r.Class }, right: true},
		{title: "pfc", value: func(r dcbPriorityRow) any { return yes(r.Paused) }},
		{title: "buffer", value: func(r dcbPriorityRow) any { return r.Buffer }, right: true},
		{title: "requests", value: func(r dcbPriorityRow) any { return r.Requests }, right: true},
		{title: "indications", value: func(r dcbPriorityRow) any { return r.Indications }, right: true},
	}
}

func dcbApplicationColumns() []column[dcbApplicationRow] {
	return []column[dcbApplicationRow]{
		{title: "interface", value: func(r dcbApplicationRow) any { return r.Interface }},
		{title: "selector", value: func(r dcbApplicationRow) any { return r.Selector }},
		{title: "protocol", value: func(r dcbApplicationRow) any { return r.Protocol }, right: true},
		{title: "priority", value: func(r dcbApplicationRow) any { return strings.Join(r.Priority, " ") }},
	}
}
