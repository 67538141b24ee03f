// Command signalbox is an OpenConfig switch for Linux: the element itself
// (serve, flush), and a command line for it that is a gNMI client like any
// other (status, show, get, set, watch). It holds flags and wiring, no logic.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "signalbox:", visible(err.Error()))
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "signalbox",
		Short:         "An OpenConfig switch for Linux: eBPF forwards, gNMI configures and watches",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), flushCommand())
	root.AddCommand(clientCommands()...)
	root.AddCommand(userCommand(), versionCommand())
	refuseUnknown(root)
	return root
}

// refuseUnknown has the commands that only hold others refuse what is none of
// them. By itself cobra prints their help and ends as if all were well.
func refuseUnknown(c *cobra.Command) {
	for _, sub := range c.Commands() {
		refuseUnknown(sub)
	}
	if !c.HasParent() || c.Runnable() {
		return
	}
	c.DisableFlagsInUseLine, c.SuggestionsMinimumDistance = true, 2
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		reason := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			reason += ", did you mean " + near[0] + "?"
		}
		return errors.New(reason)
	}
}
