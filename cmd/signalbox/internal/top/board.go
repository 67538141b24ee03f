// Package top is what "signalbox top" shows: the rates of each interface, the
// drops by reason, and how they went lately.
//
// Board takes notifications and knows numbers; the view turns a board into
// text for a width and height; Program joins both with a terminal. Only Program
// knows of a terminal and a clock.
package top

import (
	"cmp"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// history is how many rates are kept of each counter.
const history = 60

// Order is what interfaces are ordered by.
type Order uint8

// The orders, in the order in which a key goes through them.
const (
	ByTraffic Order = iota // most octets first
	ByDrops                // most drops first
	ByName
	orders
)

// String is the order as the screen names it.
func (o Order) String() string {
	return [...]string{"traffic", "drops", "name"}[o%orders]
}

// Board is what was told so far.
type Board struct {
	ports map[string]*port
	drops map[drop]*series
	flows map[string]*flow
}

// flow is what was seen of a flow, as an estimate from samples.
type flow struct {
	name, in string
	octets   float64
	series   series
	quiet    int // rounds without a packet
}

// Bounds of what is kept of flows.
const (
	maxFlows   = 4096
	quietFlows = 10 // rounds that a flow without packets stays
)

// port is an interface.
type port struct {
	name, status, sw string
	counters         [counters]series
}

// counter is one that is shown of an interface.
type counter uint8

const (
	inOctets counter = iota
	outOctets
	inPkts
	outPkts
	inDiscards
	outDiscards
	counters
)

// shown are the counters by their leaf.
func shown(leaf string) (c counter, ok bool) {
	switch leaf {
	case "in-octets":
		return inOctets, true
	case "out-octets":
		return outOctets, true
	case "in-pkts":
		return inPkts, true
	case "out-pkts":
		return outPkts, true
	case "in-discards":
		return inDiscards, true
	case "out-discards":
		return outDiscards, true
	}
	return 0, false
}

// drop is a count of dropped frames.
type drop struct{ port, direction, reason string }

// series is a counter over time.
type series struct {
	value uint64
	at    time.Time
	// rates are per second, the newest last.
	rates []float64
}

// add takes a sample. The first one only says where the counter stands.
func (s *series) add(value uint64, at time.Time) {
	if !s.at.IsZero() && at.After(s.at) {
		rate := 0.0
		if value >= s.value { // else it began anew
			rate = float64(value-s.value) / at.Sub(s.at).Seconds()
		}
		s.rates = append(s.rates, rate)
		if len(s.rates) > history {
			s.rates = slices.Delete(s.rates, 0, len(s.rates)-history)
		}
	}
	s.value, s.at = value, at
}

// rate is the newest, 0 where there is none yet.
func (s *series) rate() float64 {
	if len(s.rates) == 0 {
		return 0
	}
	return s.rates[len(s.rates)-1]
}

// NewBoard is a board of nothing.
func NewBoard() *Board {
	return &Board{ports: map[string]*port{}, drops: map[drop]*series{}, flows: map[string]*flow{}}
}

// Subscription is what a board wants to be told, counters at the interval.
func Subscription(interval time.Duration) *gpb.SubscriptionList {
	list := &gpb.SubscriptionList{Encoding: gpb.Encoding_PROTO}
	add := func(mode gpb.SubscriptionMode, paths ...string) {
		for _, text := range paths {
			p, err := element.ParsePath(text)
			if err != nil {
				panic("top: " + err.Error()) // they stand here
			}
			s := &gpb.Subscription{Path: p, Mode: mode}
			if mode == gpb.SubscriptionMode_SAMPLE {
				s.SampleInterval = uint64(interval)
			}
			list.Subscription = append(list.Subscription, s)
		}
	}
	add(gpb.SubscriptionMode_ON_CHANGE, "/interfaces/interface/state/oper-status", "/interfaces/interface/switch-port/state/switch")
	add(gpb.SubscriptionMode_SAMPLE, "/interfaces/interface/state/counters", "/interfaces/interface/switch-port/discards/discard/state/pkts")
	return list
}

// Apply takes what a notification says.
func (b *Board) Apply(n *gpb.Notification) {
	at := time.Unix(0, n.GetTimestamp())
	for _, p := range n.GetDelete() {
		b.remove(slices.Concat(n.GetPrefix().GetElem(), p.GetElem()))
	}
	for _, u := range n.GetUpdate() {
		b.update(slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem()), u.GetVal(), at)
	}
}

func (b *Board) update(path []*gpb.PathElem, value *gpb.TypedValue, at time.Time) {
	if len(path) < 4 || path[1].GetName() != "interface" {
		return
	}
	name, leaf := path[1].GetKey()["name"], path[len(path)-1].GetName()
	if path[len(path)-3].GetName() == "discard" {
		key := path[len(path)-3].GetKey()
		at0 := drop{name, key["direction"], key["reason"]}
		if b.drops[at0] == nil {
			b.drops[at0] = &series{}
		}
		b.drops[at0].add(value.GetUintVal(), at)
		return
	}
	if b.ports[name] == nil {
		b.ports[name] = &port{name: name}
	}
	p := b.ports[name]
	if c, ok := shown(leaf); ok {
		p.counters[c].add(value.GetUintVal(), at)
	}
	switch leaf {
	case "oper-status":
		p.status = element.FormatValue(value)
	case "switch":
		p.sw = element.FormatValue(value)
	}
}

// remove forgets an interface that went, or that it is a port.
func (b *Board) remove(path []*gpb.PathElem) {
	if len(path) < 2 || path[1].GetName() != "interface" {
		return
	}
	name := path[1].GetKey()["name"]
	if len(path) > 2 && path[2].GetName() != "switch-port" {
		return
	}
	for d := range b.drops {
		if d.port == name {
			delete(b.drops, d)
		}
	}
	if len(path) == 2 {
		delete(b.ports, name)
	} else if p := b.ports[name]; p != nil {
		p.sw = ""
	}
}

// sorted gives the interfaces in an order; with ports only those of a switch.
func (b *Board) sorted(o Order, ports bool) []*port {
	var all []*port
	for _, p := range b.ports {
		if !ports || p.sw != "" {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y *port) int {
		weight := 0
		switch o {
		case ByTraffic:
			weight = cmp.Compare(y.sum(inOctets, outOctets), x.sum(inOctets, outOctets))
		case ByDrops:
			weight = cmp.Compare(y.sum(inDiscards, outDiscards), x.sum(inDiscards, outDiscards))
		}
		return cmp.Or(weight, element.CompareNatural(x.name, y.name))
	})
	return all
}

func (p *port) sum(a, b counter) float64 { return p.counters[a].rate() + p.counters[b].rate() }

// Sample takes a packet of a flow that came in at an interface and stands for so
// many octets.
func (b *Board) Sample(name, in string, octets float64) {
	f := b.flows[name]
	if f == nil {
		if len(b.flows) >= maxFlows {
			return // those that go make room
		}
		f = &flow{name: name, in: in}
		b.flows[name] = f
	}
	f.octets, f.in, f.quiet = f.octets+octets, in, 0
}

// Round ends a round of sampling: rates are those since the one before.
func (b *Board) Round(at time.Time) {
	for name, f := range b.flows {
		f.series.add(uint64(f.octets), at)
		if f.quiet++; f.quiet > quietFlows {
			delete(b.flows, name)
		}
	}
}

// busiest gives the flows with most octets at present.
func (b *Board) busiest(most int) []*flow {
	var all []*flow
	for _, f := range b.flows {
		if f.series.rate() > 0 {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(x, y *flow) int {
		return cmp.Or(cmp.Compare(y.series.rate(), x.series.rate()), cmp.Compare(x.name, y.name))
	})
	return all[:min(most, len(all))]
}

// reason is what is dropped for one reason at all ports.
type reason struct {
	name  string
	rate  float64
	total uint64
	// worst is the port that drops most for it.
	worst     string
	worstRate float64
}

// reasons gives those for which frames were ever dropped, most at present first.
func (b *Board) reasons() []reason {
	found := map[string]*reason{}
	for d, s := range b.drops {
		if s.value == 0 {
			continue
		}
		r := found[d.reason]
		if r == nil {
			r = &reason{name: d.reason}
			found[d.reason] = r
		}
		r.rate, r.total = r.rate+s.rate(), r.total+s.value
		if r.worst == "" || s.rate() > r.worstRate || s.rate() == r.worstRate && d.port < r.worst {
			r.worst, r.worstRate = d.port, s.rate()
		}
	}
	all := make([]reason, 0, len(found))
	for _, r := range found {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(x, y reason) int {
		return cmp.Or(cmp.Compare(y.rate, x.rate), cmp.Compare(y.total, x.total), cmp.Compare(x.name, y.name))
	})
	return all
}
