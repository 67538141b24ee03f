package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

func getCommand(f *clientFlags) *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "get PATH…",
		Short: "Read paths once",
		Example: `  signalbox get /interfaces/interface[name=eth1]/state/oper-status
  signalbox get --type config /network-instances`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := parsePaths(args)
			if err != nil {
				return err
			}
			dataType, ok := gnmi.GetRequest_DataType_value[strings.ToUpper(kind)]
			if !ok {
				return fmt.Errorf("--type %q: want all, config, state or operational", kind)
			}
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				answer, err := c.Get(ctx, gnmi.GetRequest_DataType(dataType), gnmi.Encoding_JSON_IETF, paths...)
				if err != nil {
					return err
				}
				return printAnswer(cmd, f, answer)
			})
		},
	}
	c.Flags().StringVar(&kind, "type", "all", "`TYPE` of data: all, config, state or operational")
	must(c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"all", "config", "state", "operational"}, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// updateRow is one path and its value, as scripts read it.
type updateRow struct {
	Timestamp int64  `json:"timestamp"` // nanoseconds since 1970
	Path      string `json:"path"`
	Value     any    `json:"value,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"`
}

// printAnswer prints a single value bare, and several behind their paths.
func printAnswer(cmd *cobra.Command, f *clientFlags, answer *gnmi.GetResponse) error {
	rows := []updateRow{}
	for _, n := range answer.GetNotification() {
		rows = append(rows, updateRows(n)...)
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), rows)
	}
	for _, r := range rows {
		value, err := indented(r.Value)
		if err != nil {
			return err
		}
		if len(rows) > 1 {
			value = r.Path + ": " + value
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), visible(value)); err != nil {
			return err
		}
	}
	return nil
}

// indented writes a value: a string bare, what has a structure as JSON.
func indented(value any) (string, error) {
	if raw, ok := value.(json.RawMessage); ok {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return text, nil
		}
	}
	b, err := json.MarshalIndent(value, "", "  ")
	return string(b), err
}

func updateRows(n *gnmi.Notification) []updateRow {
	var rows []updateRow
	for _, p := range n.GetDelete() {
		rows = append(rows, updateRow{Timestamp: n.GetTimestamp(), Path: element.FormatPath(n.GetPrefix(), p), Deleted: true})
	}
	for _, u := range n.GetUpdate() {
		rows = append(rows, updateRow{
			Timestamp: n.GetTimestamp(), Path: element.FormatPath(n.GetPrefix(), u.GetPath()), Value: element.JSONValue(u.GetVal()),
		})
	}
	return rows
}

func parsePaths(args []string) ([]*gnmi.Path, error) {
	paths := make([]*gnmi.Path, len(args))
	for i, arg := range args {
		p, err := element.ParsePath(arg)
		if err != nil {
			return nil, err
		}
		paths[i] = p
	}
	return paths, nil
}
