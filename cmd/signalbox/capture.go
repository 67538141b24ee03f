package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/packets"
)

// What a capture asks for where it is not told.
const (
	captureLimit = 1000000
	captureSnap  = 65535
)

func captureCommand(f *clientFlags) *cobra.Command {
	s := &sessionFlags{packets: true}
	file := ""
	c := &cobra.Command{
		Use:   "capture -w FILE [FILTER]",
		Short: "Write packets with what became of them into a pcapng file for Wireshark",
		Long: `Write packets into a pcapng file, each as it came in, with comments: what became
of it, the line of configuration that a drop follows from, and its way through
the stages of the switch.

FILTER is an expression as tcpdump has it, about the packet as it came in.`,
		Example: `  signalbox capture -w drops.pcapng --drops
  signalbox capture -w - --interface port1 | wireshark -k -i -`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.connect(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				return s.capture(ctx, cmd, c, file, strings.Join(args, " "))
			})
		},
	}
	s.register(c, f, captureLimit, captureSnap)
	c.Flags().StringVarP(&file, "write", "w", "", "the `FILE` to write; - for standard output")
	must(c.MarkFlagRequired("write"))
	must(c.MarkFlagFilename("write", "pcapng"))
	return c
}

func (s *sessionFlags) capture(ctx context.Context, cmd *cobra.Command, c *element.Client, name, filter string) (err error) {
	var out io.WriteCloser = standard{cmd.OutOrStdout()}
	if name != "-" {
		if out, err = os.Create(name); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := packets.NewCapture(out, s.snap, softwareVersion(), "filter: "+filter)
	begin := func() error {
		return errors.Join(w.Begin(s.interfaces...), say(cmd, "capturing; Ctrl-C ends it"))
	}
	t, err := s.run(ctx, c, filter, begin, func(p *packets.Packet) error {
		return errors.Join(w.Write(p), w.Flush())
	})
	if err != nil {
		return err
	}
	return say(cmd, t.String())
}

// standard is an output that stays open.
type standard struct{ io.Writer }

// Close does nothing.
func (standard) Close() error { return nil }
