package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// commandOrigin is that of paths whose value is text of commands.
const commandOrigin = "signalbox_cli"

// commandText is the operation that carries out a text of commands.
func commandText(text string) *gnmi.Update {
	return &gnmi.Update{
		Path: &gnmi.Path{Origin: commandOrigin},
		Val:  &gnmi.TypedValue{Value: &gnmi.TypedValue_AsciiVal{AsciiVal: text}},
	}
}

// electionFlag makes a Set that of a master among several writers.
type electionFlag struct{ id uint64 }

// register defines the flag in the manner of a flag set's Uint64Var.
func (f *electionFlag) register(define func(p *uint64, name string, value uint64, usage string)) {
	define(&f.id, "election-id", 0, "write as the master with this `NUMBER`, where the element arbitrates between writers")
}

func (f *electionFlag) extensions() []*gnmi_ext.Extension {
	if f.id == 0 {
		return nil
	}
	return []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{
		MasterArbitration: &gnmi_ext.MasterArbitration{ElectionId: &gnmi_ext.Uint128{Low: f.id}},
	}}}
}

// commitFlags make a Set a commit that must be confirmed.
type commitFlags struct {
	election electionFlag
	id       string
	rollback time.Duration
}

func (f *commitFlags) register(c *cobra.Command) {
	f.election.register(c.Flags().Uint64Var)
	c.Flags().StringVar(&f.id, "commit", "", "take the change back unless the commit `ID` is confirmed in time")
	c.Flags().DurationVar(&f.rollback, "rollback-after", 0, "how long a commit waits for its confirmation (default the element's, 10m)")
}

func (f *commitFlags) extensions() ([]*gnmi_ext.Extension, error) {
	if f.id == "" {
		if f.rollback != 0 {
			return nil, errors.New("--rollback-after is about a commit: name it with --commit")
		}
		return f.election.extensions(), nil
	}
	r := &gnmi_ext.CommitRequest{}
	if f.rollback != 0 {
		r.RollbackDuration = durationpb.New(f.rollback)
	}
	return append(f.election.extensions(), commitExtension(&gnmi_ext.Commit{Id: f.id, Action: &gnmi_ext.Commit_Commit{Commit: r}})), nil
}

func commitExtension(c *gnmi_ext.Commit) *gnmi_ext.Extension {
	return &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_Commit{Commit: c}}
}

// commitCommand has the actions on a commit that waits for its confirmation.
func commitCommand(f *clientFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "commit",
		Short: "Confirm or take back a change made with \"set --commit\"",
	}
	var election electionFlag
	election.register(c.PersistentFlags().Uint64Var)
	action := func(name, short, said string, action func(id string) *gnmi_ext.Commit) *cobra.Command {
		return &cobra.Command{
			Use: name + " ID", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := f.sendCommit(cmd.Context(), &election, action(args[0])); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), said+"\n", args[0])
				return err
			},
		}
	}
	c.AddCommand(
		action("confirm", "Keep the change", "commit %s is confirmed", func(id string) *gnmi_ext.Commit {
			return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Confirm{}}
		}),
		action("cancel", "Take the change back now", "commit %s is taken back", func(id string) *gnmi_ext.Commit {
			return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Cancel{}}
		}),
		commitExtendCommand(f, &election))
	return c
}

func commitExtendCommand(f *clientFlags, election *electionFlag) *cobra.Command {
	return &cobra.Command{
		Use: "extend ID DURATION", Short: "Give the change another time from now on until it is taken back", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := time.ParseDuration(args[1])
			if err != nil {
				return err
			}
			err = f.sendCommit(cmd.Context(), election, &gnmi_ext.Commit{Id: args[0], Action: &gnmi_ext.Commit_SetRollbackDuration{
				SetRollbackDuration: &gnmi_ext.CommitSetRollbackDuration{RollbackDuration: durationpb.New(d)},
			}})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "commit %s is taken back in %s\n", args[0], d)
			return err
		},
	}
}

// sendCommit sends a Set with nothing but an action on a commit.
func (f *clientFlags) sendCommit(ctx context.Context, election *electionFlag, c *gnmi_ext.Commit) error {
	return f.call(ctx, func(ctx context.Context, client *element.Client) error {
		_, err := client.Set(ctx, &gnmi.SetRequest{Extension: append(election.extensions(), commitExtension(c))})
		return err
	})
}
