package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
)

// fabric is an element with many ports whose other ends nobody uses. It grows:
// thousands of interfaces take a while to make.
type fabric struct {
	binary  string
	ports   int
	sw, far *topology.Namespace
	state   string
	*element.Process
}

// newFabric starts an element without ports.
func newFabric(ctx context.Context, binary string) (f *fabric, err error) {
	f = &fabric{binary: binary}
	if f.sw, err = topology.New(); err != nil {
		return nil, err
	}
	if f.far, err = topology.New(); err != nil {
		return nil, errors.Join(err, f.sw.Close())
	}
	// An interface's other end must not have its number: the kernel then takes
	// it for one without another end, and tells of its carrier up to a second
	// late (net/core/link_watch.c).
	if err = f.far.Tap("other"); err == nil {
		f.state, err = os.MkdirTemp("", "signalbox-bench-")
	}
	if err == nil {
		f.Process, err = element.Start(ctx, f.options(false))
	}
	if err != nil {
		return nil, errors.Join(err, f.close(ctx))
	}
	return f, nil
}

func (f *fabric) options(insecure bool) element.Options {
	return element.Options{Binary: f.binary, Namespace: f.sw, StateDir: f.state, Insecure: insecure}
}

// grow adds ports until there are so many, all in VLAN 10.
func (f *fabric) grow(ctx context.Context, ports int) error {
	var updates []*gpb.Update
	for ; f.ports < ports; f.ports++ {
		name := portName(f.ports)
		if err := topology.Cable(topology.End{Namespace: f.sw, Name: name}, topology.End{Namespace: f.far, Name: name}); err != nil {
			return err
		}
		updates = append(updates, element.Access(name, 10))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.Configure(ctx, updates...)
}

func portName(i int) string { return fmt.Sprintf("p%d", i) }

// restart ends the element, takes it off the host where that is asked for, and
// gives the time of the new start.
func (f *fabric) restart(ctx context.Context, flushed, insecure bool) (float64, error) {
	if err := f.Stop(); err != nil {
		return 0, err
	}
	if flushed {
		if err := element.Flush(ctx, f.binary, f.sw); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	p, err := element.Start(ctx, f.options(insecure))
	if err != nil {
		return 0, err
	}
	f.Process = p
	return float64(time.Since(start)), nil
}

func (f *fabric) close(ctx context.Context) (err error) {
	if f.Process != nil {
		err = errors.Join(f.Stop(), element.Flush(context.WithoutCancel(ctx), f.binary, f.sw))
	}
	return errors.Join(err, f.far.Close(), f.sw.Close(), os.RemoveAll(f.state))
}

// sizes are the numbers of ports at which management is measured.
func sizes() []int { return []int{10, 100, 1000, 4000} }

// usual is the number of ports that most goals are about.
const usual = 1000

// manage measures Set, Get, Subscribe and the start, by the number of ports.
// All is measured on one fabric that grows.
func (b *bench) manage(ctx context.Context) (err error) {
	if !b.wants(managed()...) {
		return nil
	}
	f, err := newFabric(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close(ctx)) }()
	m := &manager{bench: b, fabric: f}
	for _, ports := range sizes() {
		if ports > usual && !b.wants("set", "get", "start") {
			break
		}
		start := time.Now()
		if err := f.grow(ctx, ports); err != nil {
			return err
		}
		b.say("%d ports, which took %s to make", ports, time.Since(start).Round(time.Millisecond))
		for _, p := range m.parts() {
			if !b.wants(p.name) || ports != usual && !p.everySize {
				continue
			}
			b.say("%s at %d ports", p.name, ports)
			if err := p.do(ctx); err != nil {
				return fmt.Errorf("%s at %d ports: %w", p.name, ports, err)
			}
		}
	}
	return nil
}

// manager measures one fabric.
type manager struct {
	*bench
	*fabric
	// fewest are what was measured with the fewest ports, by what.
	fewest map[string]float64
}

// managePart is a group of measurements of a fabric.
type managePart struct {
	name string
	// everySize has it measured at each number of ports, not only the usual.
	everySize bool
	do        func(context.Context) error
}

func (m *manager) parts() []managePart {
	return []managePart{
		{"set", true, m.set},
		{"get", true, m.get},
		{"large", false, m.large},
		{"sample", false, m.sample},
		{"rate", false, m.rate},
		{"event", false, m.event},
		{"trace", false, m.trace},
		{"idle", false, m.idle},
		{"stalled", false, m.stalled},
		{"start", true, m.start},
	}
}

// managed are the names of the groups that are measured on a fabric.
func managed() []string {
	var names []string
	for _, p := range (&manager{}).parts() {
		names = append(names, p.name)
	}
	return names
}

// first gives what was measured with the fewest ports.
func (m *manager) first(what string, now float64) float64 {
	if m.fewest == nil {
		m.fewest = map[string]float64{}
	}
	if _, ok := m.fewest[what]; !ok {
		m.fewest[what] = now
	}
	return m.fewest[what]
}

func ms(nanoseconds float64) string { return fmt.Sprintf("%.2f ms", nanoseconds/1e6) }

func us(nanoseconds float64) string { return fmt.Sprintf("%.0f µs", nanoseconds/1e3) }

// start measures how long an element takes from its start until it serves.
func (m *manager) start(ctx context.Context) error {
	if m.ports == 100 {
		return nil // says nothing that the others do not
	}
	const rounds = 3 // a start with thousands of ports takes seconds
	took, err := takeTurns(ctx, rounds, []arm{
		{"restart", func() (float64, error) { return m.restart(ctx, false, false) }},
		{"start", func() (float64, error) { return m.restart(ctx, true, false) }},
		{"program", func() (float64, error) {
			start := time.Now()
			_, err := m.sw.Run(ctx, m.fabric.binary, "version")
			return float64(time.Since(start)), err
		}},
	})
	if err != nil {
		return err
	}
	fewest := m.first("restart", took["restart"])
	m.add(row{fmt.Sprintf("restart until it serves, %d ports", m.ports), ms(took["restart"]), "10 ports " + ms(fewest), ratio(took["restart"], fewest), "–"})
	m.add(row{fmt.Sprintf("start on a flushed host, %d ports", m.ports), ms(took["start"]), "signalbox version " + ms(took["program"]), ratio(took["start"], took["program"]), "–"})
	return nil
}
