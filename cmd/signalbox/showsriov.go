package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// sriovRow is a physical function of "show sriov".
type sriovRow struct {
	Name         string   `json:"name"`
	Oper         string   `json:"oper-status"`
	Driver       string   `json:"driver,omitempty"`
	Firmware     string   `json:"firmware-version,omitempty"`
	PCI          string   `json:"pci-address,omitempty"`
	Total        uint64   `json:"total-vfs,omitempty"`
	Number       uint64   `json:"num-vfs"`
	Free         uint64   `json:"free-vfs"`
	Eswitch      string   `json:"eswitch-mode,omitempty"`
	Capabilities []string `json:"capability"`
	Pending      string   `json:"pending-action,omitempty"`
	Fault        string   `json:"fault,omitempty"`
	VFs          []vfRow  `json:"vfs"`
}

// vfRow is a virtual function of "show sriov". What the driver does not tell is
// nil.
type vfRow struct {
	Interface  string  `json:"-"`
	ID         uint64  `json:"id"`
	MAC        string  `json:"mac-address,omitempty"`
	VLAN       *uint64 `json:"vlan-id,omitempty"`
	PCP        *uint64 `json:"vlan-pcp,omitempty"`
	TPID       string  `json:"vlan-tpid,omitempty"`
	MinRate    *uint64 `json:"min-tx-rate,omitempty"` // Mbit/s
	MaxRate    *uint64 `json:"max-tx-rate,omitempty"` // Mbit/s
	SpoofCheck *bool   `json:"spoof-check,omitempty"`
	Trust      *bool   `json:"trust,omitempty"`
	Link       string  `json:"link-state,omitempty"`
	PCI        string  `json:"pci-address,omitempty"`
	Driver     string  `json:"driver,omitempty"`
	Netdev     string  `json:"netdev,omitempty"`

	Representor string `json:"representor,omitempty"`

	Use    string `json:"used-by,omitempty"`
	LinkUp *bool  `json:"link-up,omitempty"`
	Rebind bool   `json:"rebind-pending,omitempty"`

	Counters *vfCounters `json:"counters,omitempty"`
}

// vfCounters are a virtual function's.
type vfCounters struct {
	InPackets   uint64 `json:"in-pkts"`
	InOctets    uint64 `json:"in-octets"`
	InDiscards  uint64 `json:"in-discards"`
	OutPackets  uint64 `json:"out-pkts"`
	OutOctets   uint64 `json:"out-octets"`
	OutDiscards uint64 `json:"out-discards"`
}

func showSRIOVCommand(f *clientFlags) *cobra.Command {
	var counters bool
	c := &cobra.Command{
		Use:   "sriov [NAME…]",
		Short: "Physical functions (SR-IOV) and their virtual functions; with --counters, their frames",
		Long: `Interfaces that can have virtual functions (SR-IOV), and the virtual functions
that there are: how each is set, as read back, and who uses it. With --counters,
the frames of each virtual function whose interface or driver counts them.`,
		ValidArgsFunction: f.interfaceNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				rows, err := collectSRIOV(ctx, c, names)
				if err != nil {
					return err
				}
				return printSRIOV(cmd, f, rows, counters)
			})
		},
	}
	c.Flags().BoolVar(&counters, "counters", false, "frames and octets of the virtual functions")
	return c
}

// collectSRIOV reads the physical functions of these names, of any for none.
func collectSRIOV(ctx context.Context, c *element.Client, names []string) ([]sriovRow, error) {
	tree, err := c.Collect(ctx, below("/interfaces/interface[name=%s]", names, "sriov/state", "sriov/vfs/vf[id=*]/state", "state/oper-status")...)
	if err != nil {
		return nil, err
	}
	var rows []sriovRow
	for _, e := range tree.List("interfaces/interface") {
		if s := e.At("sriov/state"); s != nil {
			rows = append(rows, newSRIOVRow(e, s))
		}
	}
	return rows, allFound("interface with SR-IOV", names, rows, func(r sriovRow) string { return r.Name })
}

func newSRIOVRow(e, s *element.Tree) sriovRow {
	r := sriovRow{
		Name: e.Key("name"), Oper: e.Text("state/oper-status"), Driver: s.Text("driver"), Firmware: s.Text("firmware-version"),
		PCI: s.Text("pci-address"), Total: s.Uint("total-vfs"), Number: s.Uint("num-vfs"), Free: s.Uint("free-vfs"), Eswitch: s.Text("eswitch-mode"),
		Capabilities: append([]string{}, s.Texts("capability")...), Pending: s.Text("pending-action"), Fault: s.Text("fault"), VFs: []vfRow{},
	}
	for _, v := range e.List("sriov/vfs/vf") {
		if v.Has("state/id") { // what is only configured has no state
			r.VFs = append(r.VFs, newVFRow(r.Name, v.At("state")))
		}
	}
	slices.SortFunc(r.VFs, func(a, b vfRow) int { return cmp.Compare(a.ID, b.ID) })
	return r
}

func newVFRow(name string, s *element.Tree) vfRow {
	r := vfRow{
		Interface: name, ID: s.Uint("id"), MAC: s.Text("mac-address"), VLAN: told(s, "vlan-id"), PCP: told(s, "vlan-pcp"), TPID: s.Text("vlan-tpid"),
		MinRate: told(s, "min-tx-rate"), MaxRate: told(s, "max-tx-rate"), SpoofCheck: toldWhether(s, "spoof-check"), Trust: toldWhether(s, "trust"),
		Link: s.Text("link-state"), PCI: s.Text("pci-address"), Driver: s.Text("driver"), Netdev: s.Text("netdev"), Representor: s.Text("representor"), Use: s.Text("used-by"),
		LinkUp: toldWhether(s, "link-up"), Rebind: s.True("rebind-pending"),
	}
	if c := s.At("counters"); c != nil {
		r.Counters = &vfCounters{
			InPackets: c.Uint("in-pkts"), InOctets: c.Uint("in-octets"), InDiscards: c.Uint("in-discards"),
			OutPackets: c.Uint("out-pkts"), OutOctets: c.Uint("out-octets"), OutDiscards: c.Uint("out-discards"),
		}
	}
	return r
}

// told is a number, nil where there is none.
func told(e *element.Tree, leaf string) *uint64 {
	if !e.Has(leaf) {
		return nil
	}
	n := e.Uint(leaf)
	return &n
}

// toldWhether is a boolean, nil where there is none.
func toldWhether(e *element.Tree, leaf string) *bool {
	if !e.Has(leaf) {
		return nil
	}
	b := e.True(leaf)
	return &b
}

// printSRIOV prints the physical functions, then the virtual ones.
func printSRIOV(cmd *cobra.Command, f *clientFlags, rows []sriovRow, counters bool) error {
	const none = "no interface with SR-IOV"
	if f.json || len(rows) == 0 {
		return printRows(cmd, f, rows, sriovColumns(), none)
	}
	var vfs []vfRow
	for _, r := range rows {
		vfs = append(vfs, r.VFs...)
	}
	if counters {
		return printRows(cmd, f, slices.DeleteFunc(vfs, func(r vfRow) bool { return r.Counters == nil }), vfCounterColumns(), "no virtual function is counted")
	}
	if err := printRows(cmd, f, rows, sriovColumns(), none); err != nil || len(vfs) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
		return err
	}
	return printRows(cmd, f, vfs, vfColumns(), none)
}

func sriovColumns() []column[sriovRow] {
	return []column[sriovRow]{
		{title: "interface", value: func(r sriovRow) any { return r.Name }},
		{title: "oper", value: func(r sriovRow) any { return status(r.Oper, "UP") }},
		{title: "driver", value: func(r sriovRow) any { return r.Driver }},
		{title: "firmware", value: func(r sriovRow) any { return r.Firmware }},
		{title: "pci", value: func(r sriovRow) any { return r.PCI }},
		{title: "vfs", value: func(r sriovRow) any { return r.Number }, right: true},
		{title: "free", value: func(r sriovRow) any { return r.Free }, right: true},
		{title: "total", value: func(r sriovRow) any { return present(r.Total) }, right: true},
		{title: "switch", value: func(r sriovRow) any { return r.Eswitch }},
		{title: "can", value: func(r sriovRow) any {
			return strings.ToLower(strings.ReplaceAll(strings.Join(r.Capabilities, " "), "VF_", ""))
		}},
		{title: "pending", value: func(r sriovRow) any { return status(r.Pending, "NONE") }},
		{title: "fault", value: func(r sriovRow) any { return r.Fault }},
	}
}

func vfColumns() []column[vfRow] {
	return []column[vfRow]{
		{title: "interface", value: func(r vfRow) any { return r.Interface }},
		{title: "vf", value: func(r vfRow) any { return r.ID }, right: true},
		{title: "mac address", value: func(r vfRow) any { return r.MAC }},
		{title: "vlan", value: func(r vfRow) any { return r.tag() }},
		{title: "rate", value: func(r vfRow) any { return r.rate() }, right: true},
		{title: "spoof check", value: func(r vfRow) any { return whether(r.SpoofCheck) }},
		{title: "trust", value: func(r vfRow) any { return whether(r.Trust) }},
		{title: "link", value: func(r vfRow) any { return r.Link }},
		{title: "used by", value: func(r vfRow) any { return r.Use }},
		{title: "driver", value: func(r vfRow) any { return r.Driver }},
		{title: "netdev", value: func(r vfRow) any { return r.device() }},
		{title: "representor", value: func(r vfRow) any { return r.Representor }},
		{title: "pci", value: func(r vfRow) any { return r.PCI }},
	}
}

func vfCounterColumns() []column[vfRow] {
	count := func(title string, value func(*vfCounters) uint64) column[vfRow] {
		return column[vfRow]{title: title, value: func(r vfRow) any { return value(r.Counters) }, right: true}
	}
	return []column[vfRow]{
		{title: "interface", value: func(r vfRow) any { return r.Interface }},
		{title: "vf", value: func(r vfRow) any { return r.ID }, right: true},
		count("in pkts", func(c *vfCounters) uint64 { return c.InPackets }),
		count("in octets", func(c *vfCounters) uint64 { return c.InOctets }),
		count("discards", func(c *vfCounters) uint64 { return c.InDiscards }),
		count("out pkts", func(c *vfCounters) uint64 { return c.OutPackets }),
		count("out octets", func(c *vfCounters) uint64 { return c.OutOctets }),
		count("discards", func(c *vfCounters) uint64 { return c.OutDiscards }),
	}
}

// tag is the tag of a function's frames: "100", "100 (priority 3)", "none".
func (r vfRow) tag() string {
	switch {
	case r.VLAN == nil:
		return ""
	case *r.VLAN == 0:
		return "none"
	}
	text := strconv.FormatUint(*r.VLAN, 10)
	if r.PCP != nil && *r.PCP != 0 {
		text += fmt.Sprintf(" (priority %d)", *r.PCP)
	}
	if strings.HasSuffix(r.TPID, "88A8") {
		text += " 802.1ad"
	}
	return text
}

// rate is what a function may send: "50 Mbit/s to 1 Gbit/s", "any".
func (r vfRow) rate() string {
	least, most := number(r.MinRate), number(r.MaxRate)
	switch {
	case r.MaxRate == nil:
		return ""
	case least == 0 && most == 0:
		return "any"
	case least == 0:
		return "to " + megabits(most)
	case most == 0:
		return "from " + megabits(least)
	}
	return megabits(least) + " to " + megabits(most)
}

func number(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}

func whether(b *bool) any {
	if b == nil {
		return ""
	}
	return yes(*b)
}

// device is the function's interface, with what is to be said of it.
func (r vfRow) device() any {
	switch {
	case r.Rebind:
		return bad(r.Netdev + " (rebind for its address)")
	case r.Netdev != "" && r.LinkUp != nil && *r.LinkUp:
		return good(r.Netdev + " (up)")
	}
	return r.Netdev
}
