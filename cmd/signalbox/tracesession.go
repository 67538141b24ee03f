package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/packets"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// ownSessions is what the ids of this command's sessions begin with, and
// tidyTime how long it may take to remove one at the end.
const (
	ownSessions = "cli-"
	tidyTime    = 5 * time.Second
)

// sessionFlags are the conditions of a trace session that a command has for
// itself.
type sessionFlags struct {
	interfaces, reasons []string
	vlans               []uint
	direction           string
	drops, kernel       bool
	sample, limit, snap uint32
	duration            time.Duration
	count               int
	packets             bool // the level PACKETS
}

func (s *sessionFlags) register(c *cobra.Command, f *clientFlags, limit, snap uint32) {
	flags := c.Flags()
	flags.StringSliceVarP(&s.interfaces, "interface", "i", nil, "only packets that pass this `NAME` (may be repeated)")
	flags.StringVar(&s.direction, "direction", "both", "at which of a packet's interfaces `WHERE` is looked: in, out or both")
	flags.UintSliceVar(&s.vlans, "vlan", nil, "only packets in this VLAN `ID` (may be repeated)")
	flags.BoolVar(&s.drops, "drops", false, "only packets that are dropped, or a copy of which is")
	flags.StringSliceVar(&s.reasons, "reason", nil, "only packets that are dropped for this `REASON` (may be repeated)")
	flags.BoolVar(&s.kernel, "kernel", false, "tell of drops by the kernel behind the switch, too")
	flags.Uint32Var(&s.sample, "sample", 1, "one of so many packets, at random")
	flags.Uint32Var(&s.limit, "limit", limit, "at most so many packets in a second")
	flags.Uint32Var(&s.snap, "snap", snap, "so many octets of each packet at most")
	flags.DurationVar(&s.duration, "duration", time.Hour, "end after this time")
	flags.IntVarP(&s.count, "count", "c", 0, "end after so many packets; 0 does not")
	must(c.RegisterFlagCompletionFunc("interface", f.interfaceNames))
	must(c.RegisterFlagCompletionFunc("direction", cobra.FixedCompletions([]string{"both", "in", "out"}, cobra.ShellCompDirectiveNoFileComp)))
	must(c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(valueNames(ocpath.TracesSessionsSessionConfigDropReason), cobra.ShellCompDirectiveNoFileComp)))
}

// valueNames are the values of an enumeration.
func valueNames(leaf ocpath.ID) []string {
	var names []string
	for _, v := range ocpath.Get(leaf).Values {
		names = append(names, v.Name)
	}
	return names
}

// config is the session for a filter expression, as RFC 7951 has it.
func (s *sessionFlags) config(id, filter string) ([]byte, error) {
	if s.duration < time.Second || s.duration > 24*time.Hour {
		return nil, fmt.Errorf("--duration %s: want 1s to 24h", s.duration)
	}
	config := map[string]any{
		"id": id, "level": "EVENTS", "direction": strings.ToUpper(s.direction), "drops-only": s.drops, "kernel-drops": s.kernel,
		"sample-one-in": s.sample, "max-events-per-second": s.limit, "snap-length": s.snap, "duration": uint32(math.Ceil(s.duration.Seconds())),
	}
	if s.packets {
		config["level"] = "PACKETS"
	}
	if filter != "" {
		config["filter"] = filter
	}
	if len(s.interfaces) > 0 {
		config["interface"] = s.interfaces
	}
	if len(s.vlans) > 0 {
		config["vlan"] = s.vlans
	}
	if len(s.reasons) > 0 {
		reasons := make([]string, len(s.reasons))
		for i, r := range s.reasons {
			reasons[i] = strings.ToUpper(strings.ReplaceAll(r, "-", "_"))
		}
		config["drop-reason"] = reasons
	}
	return json.Marshal(config)
}

// tally is what there is to say of a session at its end.
type tally struct {
	shown                int
	missed               uint64 // events that did not get here
	matched, lost, limit uint64 // packets
}

// String is the tally on one line.
func (t tally) String() string {
	packets := "packets"
	if t.shown == 1 {
		packets = "packet"
	}
	text := fmt.Sprintf("%d %s of %d that match", t.shown, packets, max(t.matched, uint64(t.shown)))
	for _, part := range []struct {
		n    uint64
		what string
	}{{t.limit, "held back by --limit"}, {t.lost, "lost by the element"}, {t.missed, "events lost on the way here"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

// run makes a session, hands each packet of it to show, and removes it at the
// end, which comes with the context, too. begin is called when the session
// runs.
func (s *sessionFlags) run(ctx context.Context, c *element.Client, filter string, begin func() error, show func(*packets.Packet) error) (tally, error) {
	var t tally
	id := ownSessions + strings.ToLower(rand.Text()[:12])
	config, err := s.config(id, filter)
	if err != nil {
		return t, err
	}
	made := false
	start := func() error {
		made = true
		if _, err := c.Set(ctx, s.request(ctx, c, id, config)); err != nil {
			return err
		}
		return begin()
	}
	assembler := packets.NewAssembler()
	each := func(n *gnmi.Notification) error {
		for _, p := range assembler.Add(n) {
			if err := show(&p); err != nil {
				return err
			}
			if t.shown++; t.shown == s.count {
				return errEnough
			}
		}
		t.missed = assembler.Lost
		return ended(n)
	}
	err = c.Follow(ctx, sessionList(id), start, each)
	if made {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
		defer cancel()
		t.count(tidy, c, id)
		_, failed := c.Set(tidy, &gnmi.SetRequest{Delete: []*gnmi.Path{sessionPath(id)}})
		if errors.Is(err, errEnough) || ctx.Err() != nil {
			err = failed
		}
	}
	return t, err
}

// count asks what the element counted.
func (t *tally) count(ctx context.Context, c *element.Client, id string) {
	tree, err := c.Collect(ctx, element.FormatPath(sessionPath(id, "state", "counters")))
	if err != nil {
		return // there is nothing to say of it, then
	}
	for _, e := range tree.List("traces/sessions/session") {
		t.matched, t.lost, t.limit = e.Uint("state/counters/matched-packets"), e.Uint("state/counters/lost-packets"), e.Uint("state/counters/limited-packets")
	}
}

// request configures the session, and removes those of this command that a
// killed one left behind.
func (s *sessionFlags) request(ctx context.Context, c *element.Client, id string, config []byte) *gnmi.SetRequest {
	r := &gnmi.SetRequest{Update: []*gnmi.Update{{
		Path: sessionPath(id, "config"),
		Val:  &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: config}},
	}}}
	tree, err := c.Collect(ctx, "/traces/sessions/session/state/status")
	if err != nil {
		return r // the Set tells what is wrong
	}
	for _, e := range tree.List("traces/sessions/session") {
		if old := e.Key("id"); strings.HasPrefix(old, ownSessions) && e.Text("state/status") == "EXPIRED" {
			r.Delete = append(r.Delete, sessionPath(old))
		}
	}
	return r
}

// ended tells from a session's status that it is over.
func ended(n *gnmi.Notification) error {
	for _, u := range n.GetUpdate() {
		elems := slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem())
		if len(elems) == 0 || elems[len(elems)-1].GetName() != "status" {
			continue
		}
		switch status := u.GetVal().GetStringVal(); status {
		case "EXPIRED":
			return errEnough
		case "RUNNING":
		default:
			return fmt.Errorf("the trace session is %s", status)
		}
	}
	return nil
}

// sessionPath is a node of a session.
func sessionPath(id string, below ...string) *gnmi.Path {
	p := &gnmi.Path{Elem: []*gnmi.PathElem{{Name: "traces"}, {Name: "sessions"}, {Name: "session", Key: map[string]string{"id": id}}}}
	for _, name := range below {
		p.Elem = append(p.Elem, &gnmi.PathElem{Name: name})
	}
	return p
}

// sessionList subscribes to what a session sees, and to its end.
func sessionList(id string) *gnmi.SubscriptionList {
	return &gnmi.SubscriptionList{Encoding: gnmi.Encoding_PROTO, Subscription: []*gnmi.Subscription{
		{Path: sessionPath(id, "events"), Mode: gnmi.SubscriptionMode_ON_CHANGE},
		{Path: sessionPath(id, "state", "status"), Mode: gnmi.SubscriptionMode_ON_CHANGE},
	}}
}
