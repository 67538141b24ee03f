package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

// watchFlags say how a subscription is to be.
type watchFlags struct {
	mode        string
	interval    time.Duration
	updatesOnly bool
	count       int
}

func watchCommand(f *clientFlags) *cobra.Command {
	var w watchFlags
	c := &cobra.Command{
		Use:   "watch PATH…",
		Short: "Follow paths: print each change, or samples at an interval, until Ctrl-C",
		Example: `  signalbox watch /interfaces/interface/state/oper-status
  signalbox watch --mode sample --interval 1s /interfaces/interface[name=eth1]/state/counters`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := w.subscription(args)
			if err != nil {
				return err
			}
			return f.connect(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				return w.follow(ctx, cmd, f, c, list)
			})
		},
	}
	c.Flags().StringVar(&w.mode, "mode", "target-defined", "`MODE`: on-change, sample or target-defined (counters sampled, the rest on change)")
	c.Flags().DurationVar(&w.interval, "interval", 10*time.Second, "time between samples")
	c.Flags().BoolVar(&w.updatesOnly, "updates-only", false, "leave out what is there at the start")
	c.Flags().IntVar(&w.count, "count", 0, "end after so many lines; 0 never ends")
	must(c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"on-change", "sample", "target-defined"}, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

func (w *watchFlags) subscription(args []string) (*gnmi.SubscriptionList, error) {
	mode, ok := gnmi.SubscriptionMode_value[strings.ToUpper(strings.ReplaceAll(w.mode, "-", "_"))]
	if !ok {
		return nil, fmt.Errorf("--mode %q: want on-change, sample or target-defined", w.mode)
	}
	paths, err := parsePaths(args)
	if err != nil {
		return nil, err
	}
	list := &gnmi.SubscriptionList{Encoding: gnmi.Encoding_PROTO, UpdatesOnly: w.updatesOnly}
	for _, p := range paths {
		s := &gnmi.Subscription{Path: p, Mode: gnmi.SubscriptionMode(mode)}
		if s.Mode != gnmi.SubscriptionMode_ON_CHANGE {
			s.SampleInterval = uint64(w.interval)
		}
		list.Subscription = append(list.Subscription, s)
	}
	return list, nil
}

// errEnough ends a watch that has printed what was asked for.
var errEnough = errors.New("enough")

func (w *watchFlags) follow(ctx context.Context, cmd *cobra.Command, f *clientFlags, c *element.Client, list *gnmi.SubscriptionList) error {
	printed := 0
	err := c.Subscribe(ctx, list, func(n *gnmi.Notification) error {
		for _, r := range updateRows(n) {
			line, err := r.line(f.json)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), visible(line)); err != nil {
				return err
			}
			if printed++; printed == w.count {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) || (errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return nil // Ctrl-C is how a watch ends
	}
	return err
}

func (r updateRow) line(asJSON bool) (string, error) {
	if asJSON {
		b, err := json.Marshal(r)
		return string(b), err
	}
	at := time.Unix(0, r.Timestamp).Format("15:04:05.000")
	if r.Deleted {
		return fmt.Sprintf("%s %s deleted", at, r.Path), nil
	}
	value, err := indented(r.Value)
	return fmt.Sprintf("%s %s = %s", at, r.Path, strings.Trim(value, `"`)), err
}
