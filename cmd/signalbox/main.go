// Command signalbox is an OpenConfig switch for Linux: the element itself
// (serve, flush), and a command line for it that is a gNMI client like any
// other (status, show, get, set, watch). It holds flags and wiring, no logic.
package main

import (
	"context"
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
		fmt.Fprintln(os.Stderr, "signalbox:", err)
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
	return root
}
