package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/packets"
)

// What a trace asks for where it is not told: how many packets a second, and so
// much of each that it can say what it is.
const (
	traceLimit = 1000
	traceSnap  = 128
)

func traceCommand(f *clientFlags) *cobra.Command {
	s := &sessionFlags{packets: true}
	verbose := false
	c := &cobra.Command{
		Use:   "trace [FILTER]",
		Short: "Watch packets on their way: where they go, or why not and by which line of configuration",
		Long: `Watch packets on their way through the switch, a line for each: where it came in
and where it leaves, its VLAN, what it is, and what became of it. A dropped packet
has the reason, and the path of the configuration that the drop follows from.

FILTER is an expression as tcpdump has it, about the packet as it came in.`,
		Example: `  signalbox trace --drops
  signalbox trace -v --interface port1 'arp or icmp'
  signalbox trace --reason INGRESS_VLAN --duration 1m --json`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.connect(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				t, err := s.run(ctx, c, strings.Join(args, " "), func() error { return say(cmd, "tracing; Ctrl-C ends it") }, func(p *packets.Packet) error {
					return printPacket(cmd.OutOrStdout(), f, p, verbose)
				})
				if err != nil {
					return err
				}
				return say(cmd, t.String())
			})
		},
	}
	s.register(c, f, traceLimit, traceSnap)
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "print what each stage did")
	return c
}

// say tells a person what goes on, beside the output.
func say(cmd *cobra.Command, text string) error {
	_, err := fmt.Fprintln(cmd.ErrOrStderr(), text)
	return err
}

func printPacket(out io.Writer, f *clientFlags, p *packets.Packet, verbose bool) error {
	if f.json {
		b, err := json.Marshal(p)
		if err == nil {
			_, err = fmt.Fprintln(out, string(b))
		}
		return err
	}
	styles := stylesFor(out)
	lines := []string{packets.Line(p, styles)}
	if verbose {
		lines = append(lines, packets.StepLines(p, styles)...)
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// stylesFor is colours where a person looks, and none elsewhere.
func stylesFor(out io.Writer) packets.Styles {
	file, isFile := out.(*os.File)
	if isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" {
		return packets.Coloured()
	}
	return packets.Styles{}
}
