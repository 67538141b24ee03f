package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/top"
)

// The shortest time between samples that top asks for, and the width and
// height of what it prints where there is no terminal.
const (
	minTopInterval = 100 * time.Millisecond
	batchWidth     = 160
	batchHeight    = 1 << 16
)

// topFlags say how top is to run.
type topFlags struct {
	interval time.Duration
	count    int
}

func topCommand(f *clientFlags) *cobra.Command {
	var t topFlags
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch rates of all ports, how they went lately, and drops by reason",
		Long: `Watch the rates of all ports, how they went lately, and drops by reason.

Where the output is no terminal, or with --count, it prints one screen as text
after each interval.`,
		Example: `  signalbox top
  signalbox top --count 1 > now.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t.interval < minTopInterval || t.count < 0 {
				return fmt.Errorf("--interval %s, --count %d: want at least %s and none below zero", t.interval, t.count, minTopInterval)
			}
			return f.connect(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				return t.run(ctx, cmd, c)
			})
		},
	}
	c.Flags().DurationVar(&t.interval, "interval", time.Second, "time between samples")
	c.Flags().IntVar(&t.count, "count", 0, "print so many screens as text, then end; 0 never ends")
	return c
}

func (t topFlags) run(ctx context.Context, cmd *cobra.Command, c *element.Client) error {
	feed := func(ctx context.Context, each func(*gnmi.Notification) error) error {
		return c.Subscribe(ctx, top.Subscription(t.interval), each)
	}
	title := "signalbox " + c.Address()
	out, isFile := cmd.OutOrStdout().(*os.File)
	if t.count > 0 || !isFile || !term.IsTerminal(int(out.Fd())) {
		return t.print(ctx, cmd, title, feed)
	}
	styles := top.Styles{}
	if os.Getenv("NO_COLOR") == "" {
		styles = top.Coloured()
	}
	return top.Run(ctx, title, feed, cmd.InOrStdin(), out, styles)
}

// print writes screens as text, each in the middle between two samples.
func (t topFlags) print(ctx context.Context, cmd *cobra.Command, title string, feed top.Feed) error {
	board, printed := top.NewBoard(), 0
	screen := top.Screen{Title: title, Width: batchWidth, Height: batchHeight, Ports: true}
	var due time.Time
	err := feed(ctx, func(n *gnmi.Notification) error {
		now := time.Now()
		switch {
		case due.IsZero():
			due = now.Add(t.interval * 3 / 2)
		case now.After(due):
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), visible(top.Render(board, screen))); err != nil {
				return err
			}
			due = due.Add(t.interval)
			if printed++; printed == t.count {
				return errEnough
			}
		}
		board.Apply(n)
		return nil
	})
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}
