package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// statusReport is what "status" tells.
type statusReport struct {
	Address    string   `json:"address"`
	Hostname   string   `json:"hostname"`
	Version    string   `json:"software-version"`
	GNMI       string   `json:"gnmi-version"`
	Models     int      `json:"models"`
	Configured string   `json:"last-configuration,omitempty"`
	Interfaces int      `json:"interfaces"`
	Up         int      `json:"interfaces-up"`
	Ports      int      `json:"switch-ports"`
	Switches   []string `json:"switches"`
	Addresses  uint64   `json:"fdb-entries"`
	// Collectors are those that the element connects to.
	Collectors []collectorReport `json:"collectors,omitempty"`
}

// collectorReport is how it stands with one collector.
type collectorReport struct {
	Address    string `json:"address"`
	Target     string `json:"target"`
	Registered bool   `json:"registered"`
	Sessions   uint64 `json:"sessions"`
	Error      string `json:"last-error,omitempty"`
}

func statusCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell whether an element serves, and what it has; fails where none does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				if err := c.Healthy(ctx); err != nil {
					return err
				}
				report, err := newStatusReport(ctx, c)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(cmd.OutOrStdout(), report)
				}
				return report.print(cmd)
			})
		},
	}
}

func newStatusReport(ctx context.Context, c *element.Client) (*statusReport, error) {
	capabilities, err := c.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := c.Collect(ctx, "/system/state", "/interfaces/interface/state/oper-status",
		"/interfaces/interface/switch-port/state/switch", "/network-instances/network-instance/state",
		"/network-instances/network-instance/fdb/state", "/components/component[name=signalbox]/state/software-version",
		"/system/grpc-servers/grpc-server/dial-out")
	if err != nil {
		return nil, err
	}
	r := &statusReport{
		Address: c.Address(), Hostname: tree.Text("system/state/hostname"), Version: signalboxVersion(tree),
		GNMI: capabilities.GetGNMIVersion(), Models: len(capabilities.GetSupportedModels()),
		Configured: clockTime(tree.Text("system/state/last-configuration-timestamp")), Switches: []string{},
	}
	for _, e := range tree.List("interfaces/interface") {
		r.Interfaces++
		if e.Text("state/oper-status") == "UP" {
			r.Up++
		}
		if e.Has("switch-port/state/switch") {
			r.Ports++
		}
	}
	for _, s := range tree.List("network-instances/network-instance") {
		r.Switches = append(r.Switches, s.Key("name"))
		r.Addresses += s.Uint("fdb/state/dynamic-entries") + s.Uint("fdb/state/static-entries")
	}
	for _, server := range tree.List("system/grpc-servers/grpc-server") {
		for _, c := range server.List("dial-out/collector") {
			r.Collectors = append(r.Collectors, collectorReport{
				c.Key("address"), c.Text("state/target"), c.Text("state/registered") == "true", c.Uint("state/sessions"), c.Text("state/last-error"),
			})
		}
	}
	return r, nil
}

// signalboxVersion is the version of the element's own software; that of
// /system/state is the operating system's.
func signalboxVersion(tree *element.Tree) string {
	for _, c := range tree.List("components/component") {
		return c.Text("state/software-version")
	}
	return "unknown"
}

// clockTime writes nanoseconds since 1970 as a time in this machine's zone.
func clockTime(nanoseconds string) string {
	n, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil || n == 0 {
		return ""
	}
	return time.Unix(0, n).Format(time.RFC3339)
}

func (r *statusReport) print(cmd *cobra.Command) error {
	configured := r.Configured
	if configured == "" {
		configured = "never"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), `%s serves at %s
  software     %s, gNMI %s, %d models
  configured   %s
  interfaces   %d, %d up, %d of them switch ports
  switches     %d, %d addresses in their databases
`, r.Hostname, r.Address, r.Version, r.GNMI, r.Models, configured, r.Interfaces, r.Up, r.Ports, len(r.Switches), r.Addresses)
	for _, c := range r.Collectors {
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "  collector   ", c)
		}
	}
	return err
}

// String says it in a line.
func (c collectorReport) String() string {
	if !c.Registered {
		return fmt.Sprintf("%s, not registered: %s", c.Address, visible(c.Error))
	}
	return fmt.Sprintf("%s, registered as %s, %d sessions", c.Address, c.Target, c.Sessions)
}
