package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

func showCommand(f *clientFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Show interfaces, aggregates, neighbors, bridging, classes and rates, virtual functions, VLANs, addresses, counters, the configuration or its history",
	}
	c.AddCommand(showInterfacesCommand(f), showLAGCommand(f), showLACPCommand(f), showLLDPCommand(f), showDCBCommand(f), showQoSCommand(f), showSRIOVCommand(f), showVLANsCommand(f),
		showFDBCommand(f), showCountersCommand(f), showConfigCommand(f), showHistoryCommand(f))
	return c
}

// interfaceRow is a line of "show interfaces".
type interfaceRow struct {
	Name        string `json:"name"`
	Admin       string `json:"admin-status"`
	Oper        string `json:"oper-status"`
	Kind        string `json:"kind,omitempty"`
	Switch      string `json:"switch,omitempty"`
	LAG         string `json:"aggregate-id,omitempty"` // it is a member of
	Mode        string `json:"mode,omitempty"`
	VLANs       string `json:"vlans,omitempty"`
	MTU         uint64 `json:"mtu,omitempty"` // 0 where the leaf can not hold it, as of lo
	MAC         string `json:"mac-address,omitempty"`
	Description string `json:"description,omitempty"`
}

func showInterfacesCommand(f *clientFlags) *cobra.Command {
	var switched bool
	c := &cobra.Command{
		Use:               "interfaces [NAME…]",
		Aliases:           []string{"interface", "int"},
		Short:             "Interfaces, their status and VLANs",
		ValidArgsFunction: f.interfaceNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				tree, err := c.Collect(ctx, below("/interfaces/interface[name=%s]", names,
					"state", "ethernet", "aggregation/switched-vlan/state", "switch-port/state")...)
				if err != nil {
					return err
				}
				var rows []interfaceRow
				for _, e := range tree.List("interfaces/interface") {
					if row := newInterfaceRow(e); !switched || row.Switch != "" {
						rows = append(rows, row)
					}
				}
				if err := allFound("interface", names, rows, func(r interfaceRow) string { return r.Name }); err != nil {
					return err
				}
				return printRows(cmd, f, rows, interfaceColumns(), "no interface")
			})
		},
	}
	c.Flags().BoolVar(&switched, "switched", false, "only ports of a switch")
	return c
}

func newInterfaceRow(e *element.Tree) interfaceRow {
	return interfaceRow{
		Name:        e.Key("name"),
		Admin:       e.Text("state/admin-status"),
		Oper:        e.Text("state/oper-status"),
		Kind:        e.Text("switch-port/state/kind"),
		Switch:      e.Text("switch-port/state/switch"),
		LAG:         e.Text("ethernet/state/aggregate-id"),
		Mode:        switchedVLAN(e).Text("interface-mode"),
		VLANs:       carried(e),
		MTU:         e.Uint("state/mtu"),
		MAC:         e.Text("ethernet/state/mac-address"),
		Description: e.Text("state/description"),
	}
}

// mode is that of a port, and of a member the aggregate that is one.
func (r interfaceRow) mode() string {
	if r.LAG != "" {
		return "in " + r.LAG
	}
	return r.Mode
}

// switchedVLAN is the state of a port's VLANs, which an aggregate has in a place
// of its own; nil for what is no port.
func switchedVLAN(e *element.Tree) *element.Tree {
	if s := e.At("aggregation/switched-vlan/state"); s != nil {
		return s
	}
	return e.At("ethernet/switched-vlan/state")
}

// carried writes the VLANs of a port: "10", "20,30..40 (native 10)", "all".
func carried(e *element.Tree) string {
	vlans := e.Text("switch-port/state/carried-vlans")
	if e.True("switch-port/state/all-vlans") {
		vlans = "all"
	}
	if native := switchedVLAN(e).Text("native-vlan"); native != "" {
		vlans += fmt.Sprintf(" (native %s)", native)
	}
	return vlans
}

func interfaceColumns() []column[interfaceRow] {
	return []column[interfaceRow]{
		{title: "interface", value: func(r interfaceRow) any { return r.Name }},
		{title: "admin", value: func(r interfaceRow) any { return status(r.Admin, "UP") }},
		{title: "oper", value: func(r interfaceRow) any { return status(r.Oper, "UP") }},
		{title: "kind", value: func(r interfaceRow) any { return r.Kind }},
		{title: "switch", value: func(r interfaceRow) any { return r.Switch }},
		{title: "mode", value: func(r interfaceRow) any { return r.mode() }},
		{title: "vlans", value: func(r interfaceRow) any { return r.VLANs }},
		{title: "mtu", value: func(r interfaceRow) any { return present(r.MTU) }, right: true},
		{title: "mac address", value: func(r interfaceRow) any { return r.MAC }},
		{title: "description", value: func(r interfaceRow) any { return r.Description }},
	}
}

// vlanRow is a line of "show vlans".
type vlanRow struct {
	Switch  string   `json:"switch"`
	VLAN    uint64   `json:"vlan-id"`
	Name    string   `json:"name,omitempty"`
	Status  string   `json:"status"`
	Members []string `json:"members"`
}

func showVLANsCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:               "vlans",
		Aliases:           []string{"vlan"},
		Short:             "VLANs of each switch and the interfaces that carry them",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				tree, err := c.Collect(ctx, "/network-instances/network-instance/vlans/vlan/state")
				if err != nil {
					return err
				}
				var rows []vlanRow
				for _, s := range tree.List("network-instances/network-instance") {
					for _, v := range s.List("vlans/vlan") {
						rows = append(rows, vlanRow{
							Switch: s.Key("name"), VLAN: v.Uint("state/vlan-id"), Name: v.Text("state/name"),
							Status: v.Text("state/status"), Members: append([]string{}, v.Texts("state/member")...),
						})
					}
				}
				return printRows(cmd, f, rows, []column[vlanRow]{
					{title: "switch", value: func(r vlanRow) any { return r.Switch }},
					{title: "vlan", value: func(r vlanRow) any { return r.VLAN }, right: true},
					{title: "name", value: func(r vlanRow) any { return r.Name }},
					{title: "status", value: func(r vlanRow) any { return status(r.Status, "ACTIVE") }},
					{title: "members", value: func(r vlanRow) any { return strings.Join(r.Members, " ") }},
				}, "no VLAN")
			})
		},
	}
}

// below gives for each name, or for all where there is none, the paths of the
// parts below it.
func below(format string, names []string, parts ...string) []string {
	if len(names) == 0 {
		names = []string{"*"}
	}
	var paths []string
	for _, name := range names {
		name = strings.NewReplacer(`\`, `\\`, `]`, `\]`).Replace(name)
		for _, part := range parts {
			paths = append(paths, fmt.Sprintf(format, name)+"/"+part)
		}
	}
	return paths
}

// allFound is an error where a name that was asked for has no row.
func allFound[R any](what string, names []string, rows []R, nameOf func(R) string) error {
	have := map[string]bool{}
	for _, r := range rows {
		have[nameOf(r)] = true
	}
	var missing []string
	for _, name := range names {
		if !have[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s %s", what, strings.Join(missing, ", "))
	}
	return nil
}
