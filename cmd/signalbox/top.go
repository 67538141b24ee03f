package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/packets"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/top"
)

// The shortest time between samples that top asks for, and the width and
// height of what it prints where there is no terminal.
const (
	minTopInterval = 100 * time.Millisecond
	batchWidth     = 160
	batchHeight    = 1 << 16
	// Of --flows: packets that one sample stands for, samples in a second, octets
	// of each that name its flow.
	flowSample, flowLimit, flowSnap = 64, 10000, 96
)

// topFlags say how top is to run.
type topFlags struct {
	interval time.Duration
	count    int
	flows    bool
	sample   uint32
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
  signalbox top --flows
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
	c.Flags().BoolVar(&t.flows, "flows", false, "show the busiest flows, too, as samples tell")
	c.Flags().Uint32Var(&t.sample, "sample", flowSample, "with --flows: one of so many packets is a sample")
	c.Flags().IntVar(&t.count, "count", 0, "print so many screens as text, then end; 0 never ends")
	return c
}

func (t topFlags) run(ctx context.Context, cmd *cobra.Command, c *element.Client) error {
	feed := func(ctx context.Context, each func(*gnmi.Notification) error) error {
		return c.Subscribe(ctx, top.Subscription(t.interval), each)
	}
	title := "signalbox " + c.Address()
	var flows top.Sampler
	if t.flows {
		flows = t.sampler(c)
	}
	out, isFile := cmd.OutOrStdout().(*os.File)
	if t.count > 0 || !isFile || !term.IsTerminal(int(out.Fd())) {
		return t.print(ctx, cmd, title, feed, flows)
	}
	styles := top.Styles{}
	if os.Getenv("NO_COLOR") == "" {
		styles = top.Coloured()
	}
	return top.Run(ctx, title, feed, flows, t.interval, cmd.InOrStdin(), out, styles)
}

// sampler has packets sampled by a trace session of its own.
func (t topFlags) sampler(c *element.Client) top.Sampler {
	s := &sessionFlags{packets: true, direction: "in", sample: t.sample, limit: flowLimit, snap: flowSnap, duration: time.Hour}
	return func(ctx context.Context, each func(flow, in string, octets float64)) error {
		_, err := s.run(ctx, c, "", func() error { return nil }, func(p *packets.Packet) error {
			each(packets.Flow(p.Octets), p.In, float64(p.Length)*float64(t.sample))
			return nil
		})
		return err
	}
}

// print writes screens as text, each in the middle between two samples.
func (t topFlags) print(ctx context.Context, cmd *cobra.Command, title string, feed top.Feed, flows top.Sampler) error {
	board, printed := top.NewBoard(), 0
	var mu sync.Mutex // guards the board
	stop := t.sampleAside(ctx, flows, func(flow, in string, octets float64) {
		mu.Lock()
		defer mu.Unlock()
		board.Sample(flow, in, octets)
	})
	screen := top.Screen{Title: title, Width: batchWidth, Height: batchHeight, Ports: true}
	var due time.Time
	err := feed(ctx, func(n *gnmi.Notification) error {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case due.IsZero():
			due = now.Add(t.interval * 3 / 2)
			board.Round(now)
		case now.After(due):
			board.Round(now)
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
	failed := stop()
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return failed
	}
	return errors.Join(err, failed)
}

// sampleAside samples until stop is called, which tells what went wrong.
func (t topFlags) sampleAside(ctx context.Context, flows top.Sampler, each func(flow, in string, octets float64)) (stop func() error) {
	if flows == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- flows(ctx, each) }()
	return func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}
