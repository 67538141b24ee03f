package dialout

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Dialer keeps the element registered with its collectors. It is made by New.
type Dialer struct {
	target     string
	tls        *tls.Config // nil for plain text
	log        *slog.Logger
	collectors []*collector
	sessions   *sessions
	changed    func(State) // nil for nobody

	// How long a pause between tries is at first, and at most.
	firstPause, lastPause time.Duration
	patience              time.Duration // for a collector to accept the target
}

// State is how it stands with one collector.
type State struct {
	// Collector is its address as it was given, "host:port".
	Collector string
	// Registered says that the collector knows the element and can open
	// sessions to it.
	Registered bool
	// Since is when Registered became what it is; zero before the first try
	// has ended.
	Since time.Time
	// Tries counts the connections that were tried, with those that succeeded.
	Tries uint64
	// Sessions are open now, at most MaxSessions.
	Sessions int
	// Err is why the last connection failed or ended, "" while registered.
	Err string
}

// Target is the name that the element registers under.
func (d *Dialer) Target() string { return d.target }

// State tells how it stands with each collector, in the order in which they
// were given.
func (d *Dialer) State() []State {
	all := make([]State, 0, len(d.collectors))
	for _, c := range d.collectors {
		c.mu.Lock()
		all = append(all, c.state)
		c.mu.Unlock()
	}
	return all
}

// Watch calls f for each change of a collector's state while Run runs, those of
// one collector in their order. It is called before Run; f must not call the
// Dialer.
func (d *Dialer) Watch(f func(State)) { d.changed = f }

// Listener gives the sessions that collectors open. Once it is closed, new
// ones are refused and those under way go on.
func (d *Dialer) Listener() net.Listener { return d.sessions }

// Run dials until the context ends. When it returns, no session is left and
// nothing of it runs any more.
func (d *Dialer) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, c := range d.collectors {
		running.Go(func() { c.run(ctx) })
	}
	running.Wait()
}
