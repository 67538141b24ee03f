package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// Environment variables that stand in for the client's flags.
const (
	envAddress = "SIGNALBOX_ADDRESS"
	envCA      = "SIGNALBOX_CA"
)

// defaultAddress has the port that IANA registered for gNMI.
const defaultAddress = "127.0.0.1:9339"

// clientFlags are what every command that talks to an element takes.
type clientFlags struct {
	element.Options
	timeout time.Duration
	json    bool
}

// clientCommands are the commands that are gNMI clients.
func clientCommands() []*cobra.Command {
	f := &clientFlags{}
	commands := []*cobra.Command{
		statusCommand(f), showCommand(f), getCommand(f), setCommand(f), commitCommand(f), rollbackCommand(f), watchCommand(f), topCommand(f),
		traceCommand(f), captureCommand(f), explainCommand(f),
	}
	for _, c := range commands {
		f.register(c)
	}
	return commands
}

func (f *clientFlags) register(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVarP(&f.Address, "address", "a", environment(envAddress, defaultAddress), "the element's `HOST:PORT` ("+envAddress+")")
	flags.BoolVar(&f.Insecure, "insecure", false, "speak plain text")
	flags.BoolVar(&f.SkipVerify, "skip-verify", false, "take any certificate")
	flags.StringVar(&f.CA, "ca", environment(envCA, ""), "PEM `FILE` with the authorities to trust ("+envCA+"; default the system's and "+element.OwnCertificate+")")
	flags.StringVar(&f.Cert, "cert", "", "PEM `FILE` with the client's certificate")
	flags.StringVar(&f.Key, "key", "", "PEM `FILE` with the client's key")
	f.registerLogin(c)
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	flags.BoolVar(&f.json, "json", false, "print JSON for scripts")
}

func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// call runs f with a connection and the time limit of one call.
func (f *clientFlags) call(ctx context.Context, do func(context.Context, *element.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	return f.connect(ctx, do)
}

// connect runs f with a connection and no time limit.
func (f *clientFlags) connect(ctx context.Context, do func(context.Context, *element.Client) error) error {
	c, err := element.Dial(f.Options)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// interfaceNames completes names of interfaces that the element has.
func (f *clientFlags) interfaceNames(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	taken := map[string]bool{}
	for _, name := range given {
		taken[name] = true
	}
	var names []string
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	err := f.connect(ctx, func(ctx context.Context, c *element.Client) error {
		tree, err := c.Collect(ctx, "/interfaces/interface/state/name", "/interfaces/interface/state/oper-status")
		for _, e := range tree.List("interfaces/interface") {
			if name := e.Key("name"); !taken[name] {
				names = append(names, fmt.Sprintf("%s\t%s", name, e.Text("state/oper-status")))
			}
		}
		return err
	})
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
