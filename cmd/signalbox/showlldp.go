package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// lldpRow is an interface of "show lldp".
type lldpRow struct {
	Name        string            `json:"name"`
	Enabled     bool              `json:"enabled"`
	Description string            `json:"port-description,omitempty"`
	Counters    lldpCounters      `json:"counters"`
	Neighbors   []lldpNeighborRow `json:"neighbors"`
}

// lldpCounters are an interface's.
type lldpCounters struct {
	In        uint64 `json:"frame-in"`
	Out       uint64 `json:"frame-out"`
	InErrors  uint64 `json:"frame-error-in"`
	OutErrors uint64 `json:"frame-error-out"`
	Discarded uint64 `json:"frame-discard"`
}

// lldpNeighborRow is a neighbor of "show lldp".
type lldpNeighborRow struct {
	Interface    string   `json:"-"`
	ID           string   `json:"id"`
	System       string   `json:"system-name,omitempty"`
	Software     string   `json:"system-description,omitempty"`
	Chassis      string   `json:"chassis-id"`
	Port         string   `json:"port-id"`
	Description  string   `json:"port-description,omitempty"`
	Capabilities []string `json:"capabilities"` // that are enabled
	Addresses    []string `json:"mgmt-addresses"`
	TTL          uint64   `json:"ttl"`         // seconds
	Age          uint64   `json:"age"`         // seconds
	Heard        uint64   `json:"last-update"` // seconds ago
}

func showLLDPCommand(f *clientFlags) *cobra.Command {
	var counters bool
	c := &cobra.Command{
		Use:               "lldp [NAME…]",
		Short:             "Neighbors that interfaces have heard by LLDP; with --counters, frames",
		ValidArgsFunction: f.interfaceNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectLLDP(ctx, c, names)
				if err != nil {
					return err
				}
				return printLLDP(cmd, f, rows, counters)
			})
		},
	}
	c.Flags().BoolVar(&counters, "counters", false, "frames of each interface")
	return c
}

// collectLLDP reads the interfaces of these names, of any for none.
func collectLLDP(ctx context.Context, c *element.Client, names []string) ([]lldpRow, error) {
	tree, err := c.Collect(ctx, below("/lldp/interfaces/interface[name=%s]", names, "state", "neighbors/neighbor[id=*]")...)
	if err != nil {
		return nil, err
	}
	var rows []lldpRow
	for _, e := range tree.List("lldp/interfaces/interface") {
		if e.Has("state/name") { // what is only configured has no state
			rows = append(rows, newLLDPRow(e))
		}
	}
	return rows, allFound("interface with LLDP", names, rows, func(r lldpRow) string { return r.Name })
}

func newLLDPRow(e *element.Tree) lldpRow {
	n := e.At("state/counters")
	r := lldpRow{
		Name: e.Key("name"), Enabled: e.True("state/enabled"), Description: e.Text("state/port-description"), Neighbors: []lldpNeighborRow{},
		Counters: lldpCounters{
			In: n.Uint("frame-in"), Out: n.Uint("frame-out"), InErrors: n.Uint("frame-error-in"),
			OutErrors: n.Uint("frame-error-out"), Discarded: n.Uint("frame-discard"),
		},
	}
	for _, neighbor := range e.List("neighbors/neighbor") {
		if neighbor.Has("state/chassis-id") {
			r.Neighbors = append(r.Neighbors, newLLDPNeighborRow(r.Name, neighbor))
		}
	}
	return r
}

func newLLDPNeighborRow(name string, e *element.Tree) lldpNeighborRow {
	s := e.At("state")
	r := lldpNeighborRow{
		Interface: name, ID: e.Key("id"), System: s.Text("system-name"), Software: s.Text("system-description"), Chassis: s.Text("chassis-id"),
		Port: s.Text("port-id"), Description: s.Text("port-description"), Capabilities: []string{}, Addresses: []string{},
		TTL: s.Uint("ttl"), Age: s.Uint("age"), Heard: s.Uint("last-update"),
	}
	for _, c := range e.List("capabilities/capability") {
		if c.True("state/enabled") {
			r.Capabilities = append(r.Capabilities, c.Key("name"))
		}
	}
	for _, a := range e.List("mgmt-addresses/mgmt-address") {
		r.Addresses = append(r.Addresses, a.Key("address"))
	}
	return r
}

// printLLDP prints the neighbors or, where asked for, what interfaces counted.
func printLLDP(cmd *cobra.Command, f *clientFlags, rows []lldpRow, counters bool) error {
	if f.json || counters || len(rows) == 0 {
		return printRows(cmd, f, rows, lldpColumns(), "no interface with LLDP")
	}
	var neighbors []lldpNeighborRow
	for _, r := range rows {
		neighbors = append(neighbors, r.Neighbors...)
	}
	return printRows(cmd, f, neighbors, lldpNeighborColumns(), "no neighbor was heard")
}

func lldpColumns() []column[lldpRow] {
	count := func(title string, value func(*lldpCounters) uint64) column[lldpRow] {
		return column[lldpRow]{title: title, value: func(r lldpRow) any { return value(&r.Counters) }, right: true}
	}
	return []column[lldpRow]{
		{title: "interface", value: func(r lldpRow) any { return r.Name }},
		{title: "enabled", value: func(r lldpRow) any { return yes(r.Enabled) }},
		{title: "neighbors", value: func(r lldpRow) any { return len(r.Neighbors) }, right: true},
		count("in", func(c *lldpCounters) uint64 { return c.In }),
		count("out", func(c *lldpCounters) uint64 { return c.Out }),
		count("in errors", func(c *lldpCounters) uint64 { return c.InErrors }),
		count("out errors", func(c *lldpCounters) uint64 { return c.OutErrors }),
		count("discarded", func(c *lldpCounters) uint64 { return c.Discarded }),
	}
}

func lldpNeighborColumns() []column[lldpNeighborRow] {
	return []column[lldpNeighborRow]{
		{title: "interface", value: func(r lldpNeighborRow) any { return r.Interface }},
		{title: "system", value: func(r lldpNeighborRow) any { return r.System }},
		{title: "chassis", value: func(r lldpNeighborRow) any { return r.Chassis }},
		{title: "port", value: func(r lldpNeighborRow) any { return r.Port }},
		{title: "port description", value: func(r lldpNeighborRow) any { return r.Description }},
		{title: "capabilities", value: func(r lldpNeighborRow) any { return strings.ToLower(strings.Join(r.Capabilities, " ")) }},
		{title: "address", value: func(r lldpNeighborRow) any { return strings.Join(r.Addresses, " ") }},
		{title: "ttl", value: func(r lldpNeighborRow) any { return fmt.Sprintf("%d s", r.TTL) }, right: true},
		{title: "heard", value: func(r lldpNeighborRow) any { return fmt.Sprintf("%d s ago", r.Heard) }, right: true},
	}
}
