package main

import (
	"context"
	"fmt"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// counterRow is a line of "show counters".
type counterRow struct {
	Name        string `json:"name"`
	InPkts      uint64 `json:"in-pkts"`
	InOctets    uint64 `json:"in-octets"`
	InDiscards  uint64 `json:"in-discards"`
	InErrors    uint64 `json:"in-errors"`
	OutPkts     uint64 `json:"out-pkts"`
	OutOctets   uint64 `json:"out-octets"`
	OutDiscards uint64 `json:"out-discards"`
	OutErrors   uint64 `json:"out-errors"`
}

// dropRow is a line of "show counters --drops".
type dropRow struct {
	Name      string `json:"name"`
	Direction string `json:"direction"`
	Reason    string `json:"reason"`
	Pkts      uint64 `json:"pkts"`
	SFlowCode uint64 `json:"sflow-code"`
}

func showCountersCommand(f *clientFlags) *cobra.Command {
	var drops bool
	c := &cobra.Command{
		Use:               "counters [NAME…]",
		Aliases:           []string{"counter"},
		Short:             "Frames and octets of each interface; with --drops, why frames were dropped",
		ValidArgsFunction: f.interfaceNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				if drops {
					return showDrops(ctx, cmd, f, c, names)
				}
				return showCounters(ctx, cmd, f, c, names)
			})
		},
	}
	c.Flags().BoolVar(&drops, "drops", false, "dropped frames by direction and reason")
	return c
}

func showCounters(ctx context.Context, cmd *cobra.Command, f *clientFlags, c *element.Client, names []string) error {
	tree, err := c.Collect(ctx, below("/interfaces/interface[name=%s]", names, "state/counters")...)
	if err != nil {
		return err
	}
	var rows []counterRow
	for _, e := range tree.List("interfaces/interface") {
		n := e.At("state/counters")
		rows = append(rows, counterRow{
			Name:   e.Key("name"),
			InPkts: n.Uint("in-pkts"), InOctets: n.Uint("in-octets"), InDiscards: n.Uint("in-discards"), InErrors: n.Uint("in-errors"),
			OutPkts: n.Uint("out-pkts"), OutOctets: n.Uint("out-octets"), OutDiscards: n.Uint("out-discards"), OutErrors: n.Uint("out-errors"),
		})
	}
	if err := allFound("interface", names, rows, func(r counterRow) string { return r.Name }); err != nil {
		return err
	}
	return printRows(cmd, f, rows, []column[counterRow]{
		{title: "interface", value: func(r counterRow) any { return r.Name }},
		{title: "in pkts", value: func(r counterRow) any { return r.InPkts }, right: true},
		{title: "in octets", value: func(r counterRow) any { return r.InOctets }, right: true},
		{title: "discards", value: func(r counterRow) any { return r.InDiscards }, right: true},
		{title: "errors", value: func(r counterRow) any { return r.InErrors }, right: true},
		{title: "out pkts", value: func(r counterRow) any { return r.OutPkts }, right: true},
		{title: "out octets", value: func(r counterRow) any { return r.OutOctets }, right: true},
		{title: "discards", value: func(r counterRow) any { return r.OutDiscards }, right: true},
		{title: "errors", value: func(r counterRow) any { return r.OutErrors }, right: true},
	}, "no interface")
}

func showDrops(ctx context.Context, cmd *cobra.Command, f *clientFlags, c *element.Client, names []string) error {
	tree, err := c.Collect(ctx, below("/interfaces/interface[name=%s]", names, "switch-port/discards")...)
	if err != nil {
		return err
	}
	var rows []dropRow
	for _, e := range tree.List("interfaces/interface") {
		for _, d := range e.List("switch-port/discards/discard") {
			if d.Uint("state/pkts") == 0 {
				continue
			}
			rows = append(rows, dropRow{
				Name: e.Key("name"), Direction: d.Key("direction"), Reason: d.Key("reason"),
				Pkts: d.Uint("state/pkts"), SFlowCode: d.Uint("state/sflow-code"),
			})
		}
	}
	return printRows(cmd, f, rows, []column[dropRow]{
		{title: "interface", value: func(r dropRow) any { return r.Name }},
		{title: "direction", value: func(r dropRow) any { return r.Direction }},
		{title: "reason", value: func(r dropRow) any { return r.Reason }},
		{title: "pkts", value: func(r dropRow) any { return r.Pkts }, right: true},
		{title: "sflow code", value: func(r dropRow) any { return fmt.Sprint(r.SFlowCode) }, right: true},
	}, "no frame was dropped")
}
