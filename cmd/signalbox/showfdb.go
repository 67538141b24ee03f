package main

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// fdbRow is a line of "show fdb".
type fdbRow struct {
	Switch    string `json:"switch"`
	VLAN      uint64 `json:"vlan"`
	MAC       string `json:"mac-address"`
	Interface string `json:"interface"`
	Type      string `json:"entry-type"`
	Age       uint64 `json:"age"` // seconds
}

// fdbFilter says which entries are wanted; "" is any.
type fdbFilter struct{ name, vlan, mac, port string }

func showFDBCommand(f *clientFlags) *cobra.Command {
	var filter fdbFilter
	c := &cobra.Command{
		Use:               "fdb",
		Aliases:           []string{"mac"},
		Short:             "The filtering database: which address is behind which interface",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				tree, err := c.Collect(ctx, filter.path())
				if err != nil {
					return err
				}
				return printRows(cmd, f, fdbRows(tree, filter.port), []column[fdbRow]{
					{title: "switch", value: func(r fdbRow) any { return r.Switch }},
					{title: "vlan", value: func(r fdbRow) any { return r.VLAN }, right: true},
					{title: "mac address", value: func(r fdbRow) any { return r.MAC }},
					{title: "interface", value: func(r fdbRow) any { return r.Interface }},
					{title: "type", value: func(r fdbRow) any { return r.Type }},
					{title: "age", value: func(r fdbRow) any { return (time.Duration(r.Age) * time.Second).String() }, right: true},
				}, "no address")
			})
		},
	}
	c.Flags().StringVar(&filter.name, "switch", "", "only this switch")
	c.Flags().StringVar(&filter.vlan, "vlan", "", "only this VLAN")
	c.Flags().StringVar(&filter.mac, "mac", "", "only this address")
	c.Flags().StringVar(&filter.port, "interface", "", "only behind this interface")
	must(c.RegisterFlagCompletionFunc("interface", f.interfaceNames))
	return c
}

// path asks the element for no more than what is wanted; what stands behind an
// interface is no key, and is sorted out here.
func (f fdbFilter) path() string {
	any := func(s string) string {
		if s == "" {
			return "*"
		}
		return s
	}
	return fmt.Sprintf("/network-instances/network-instance[name=%s]/fdb/mac-table/entries/entry[mac-address=%s][vlan=%s]",
		any(f.name), any(f.mac), any(f.vlan))
}

func fdbRows(tree *element.Tree, port string) []fdbRow {
	var rows []fdbRow
	for _, s := range tree.List("network-instances/network-instance") {
		for _, e := range s.List("fdb/mac-table/entries/entry") {
			row := fdbRow{
				Switch: s.Key("name"), VLAN: e.Uint("state/vlan"), MAC: e.Key("mac-address"),
				Interface: e.Text("interface/interface-ref/state/interface"),
				Type:      e.Text("state/entry-type"), Age: e.Uint("state/age"),
			}
			// An entry that is configured for a port that is not there has no state.
			if e.At("state") != nil && (port == "" || port == row.Interface) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}
