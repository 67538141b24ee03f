package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// queueID names a queue as the element tells it.
type queueID struct{ entry, direction, queue string }

// queueSamples are what a queue has sent at two moments.
type queueSamples struct {
	count    int
	from, to time.Time
	sent     uint64 // octets at from
	now      uint64 // octets at to
}

// rate is in bit/s between both.
func (s *queueSamples) rate() uint64 {
	if !s.to.After(s.from) || s.now < s.sent {
		return 0
	}
	return uint64(float64(s.now-s.sent) * 8 / s.to.Sub(s.from).Seconds())
}

// measureQoS fills in the rates of the rows.
func measureQoS(ctx context.Context, c *element.Client, rows []qosRow, interval time.Duration) error {
	wanted := map[queueID]*queueSamples{}
	for _, r := range rows {
		for _, d := range r.Directions {
			for _, q := range d.Queues {
				wanted[queueID{r.ID, d.Direction, q.Queue}] = &queueSamples{}
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	list := &gpb.SubscriptionList{Encoding: gpb.Encoding_PROTO}
	for _, direction := range []string{"input", "output"} {
		path, err := element.ParsePath("/qos/interfaces/interface/" + direction + "/queues/queue/state/transmit-octets")
		if err != nil {
			return err
		}
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: path, Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(interval)})
	}
	err := c.Subscribe(ctx, list, func(n *gpb.Notification) error { return sampleQueues(wanted, n) })
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for _, r := range rows {
		for i := range r.Directions {
			d := &r.Directions[i]
			for j := range d.Queues {
				d.Queues[j].Rate = wanted[queueID{r.ID, d.Direction, d.Queues[j].Queue}].rate()
				d.Rate += d.Queues[j].Rate
			}
		}
	}
	return nil
}

// sampleQueues takes what a notification tells, and is errEnough when each queue
// was told twice, or one three times: then another one is gone.
func sampleQueues(wanted map[queueID]*queueSamples, n *gpb.Notification) error {
	at := time.Unix(0, n.GetTimestamp())
	for _, u := range n.GetUpdate() {
		id, ok := queueOf(slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem()))
		s := wanted[id]
		if !ok || s == nil {
			continue
		}
		switch s.count++; s.count {
		case 1:
			s.from, s.sent = at, u.GetVal().GetUintVal()
		case 2:
			s.to, s.now = at, u.GetVal().GetUintVal()
		default:
			return errEnough
		}
	}
	for _, s := range wanted {
		if s.count < 2 {
			return nil
		}
	}
	return errEnough
}

// queueOf finds the queue that a path is below.
func queueOf(elems []*gpb.PathElem) (id queueID, ok bool) {
	if len(elems) != 8 || elems[5].GetName() != "queue" { // /qos/interfaces/interface/input/queues/queue/state/…
		return id, false
	}
	return queueID{elems[2].GetKey()["interface-id"], elems[3].GetName(), elems[5].GetKey()["name"]}, true
}

// lost paints a number of packets that did not get through as they were.
func lost(n uint64) any {
	if n == 0 {
		return n
	}
	return bad(fmt.Sprint(n))
}

// bitRate is a rate as people say it, with three digits at least: "4.00 Mbit/s".
func bitRate(rate uint64) string {
	n, units := float64(rate), []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"}
	unit := 0
	for n >= 1000 && unit < len(units)-1 {
		n, unit = n/1000, unit+1
	}
	switch {
	case unit == 0:
		return fmt.Sprintf("%d bit/s", rate)
	case n < 10:
		return fmt.Sprintf("%.2f %s", n, units[unit])
	case n < 100:
		return fmt.Sprintf("%.1f %s", n, units[unit])
	}
	return fmt.Sprintf("%.0f %s", n, units[unit])
}

// barWidth is how many characters a whole bar has.
const barWidth = 10

// bar shows a part of a whole, in eighths of a character.
func bar(part, whole uint64) string {
	if whole == 0 {
		return strings.Repeat("·", barWidth)
	}
	eighths := int(float64(barWidth*8) * min(float64(part)/float64(whole), 1))
	full, rest := eighths/8, eighths%8
	b := strings.Repeat("█", full)
	if rest > 0 {
		b += string([]rune("▏▎▍▌▋▊▉")[rest-1])
		full++
	}
	return b + strings.Repeat("·", barWidth-full)
}
