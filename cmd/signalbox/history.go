package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// versionRow is a line of "show history".
type versionRow struct {
	ID     uint64    `json:"id"`
	Time   time.Time `json:"time"`
	Author string    `json:"author,omitempty"`
	// Note says what is special about the version.
	Note string `json:"note,omitempty"`
}

func showHistoryCommand(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "The last versions of the configuration, which \"rollback\" brings back",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				tree, err := c.Collect(ctx, "/system/configuration")
				if err != nil {
					return err
				}
				return printRows(cmd, f, versionRows(tree.At("system/configuration")), []column[versionRow]{
					{title: "version", value: func(r versionRow) any { return r.ID }, right: true},
					{title: "time", value: func(r versionRow) any { return r.Time.Format(time.DateTime) }},
					{title: "author", value: func(r versionRow) any { return r.Author }},
					{title: "note", value: func(r versionRow) any { return r.Note }},
				}, "no version")
			})
		},
	}
}

// versionRows are the versions, the newest first.
func versionRows(configuration *element.Tree) []versionRow {
	var rows []versionRow
	versions := configuration.List("versions/version")
	for i := len(versions) - 1; i >= 0; i-- {
		v := versions[i]
		row := versionRow{
			ID: v.Uint("state/id"), Time: time.Unix(0, int64(v.Uint("state/time"))), Author: v.Text("state/author"),
		}
		if i == len(versions)-1 {
			row.Note = "running"
			if id := configuration.Text("state/unconfirmed-commit"); id != "" {
				until := time.Unix(0, int64(configuration.Uint("state/rollback-time")))
				row.Note += fmt.Sprintf(", commit %s to be confirmed by %s", id, until.Format(time.DateTime))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func rollbackCommand(f *clientFlags) *cobra.Command {
	var commit commitFlags
	c := &cobra.Command{
		Use:   "rollback VERSION",
		Short: "Bring a version of the configuration back that \"show history\" lists",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q: want the number of a version", args[0])
			}
			extensions, err := commit.extensions()
			if err != nil {
				return err
			}
			err = f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				_, err := c.Set(ctx, &gnmi.SetRequest{
					Update: []*gnmi.Update{commandText(fmt.Sprintf("rollback %d", id))}, Extension: extensions,
				})
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the configuration is that of version %d\n", id)
			return err
		},
	}
	commit.register(c)
	return c
}
