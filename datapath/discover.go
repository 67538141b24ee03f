package datapath

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/lldp"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// discoverer speaks LLDP at each interface that is set up for it. It is the
// owner's, but has a goroutine of its own, as the negotiator does. The owner
// tells it what is wanted; it tells the owner when neighbors changed.
type discoverer struct {
	conn        *netdev.Conn
	log         *slog.Logger
	system      spec.MAC
	description string

	// changed has something to receive when the owner should take; wake lets
	// the goroutine look.
	changed, wake chan struct{}
	quit, done    chan struct{}

	mu       sync.Mutex // guards what follows
	ports    map[string]*discovery
	hostname string
	managed  management
	stale    bool // agents are to be told of another management
	outbox   []telling
	closing  []*netdev.GroupSocket // when the outbox is empty
	ended    []*discovery          // whose counts are to be kept then
	counts   spec.LLDPCounters     // of those that ended
	news     map[string]struct{}   // interfaces whose state the owner has not taken
}

// discovery is one interface's.
type discovery struct {
	agent *lldp.Agent
	want  wantedLLDP
	port  *groupPort // nil where it does not speak
	state *spec.LLDPState
}

// management is where neighbors are told that the system is managed.
type management struct {
	wanted    string // interface, "" for any
	told      bool   // not suppressed
	looked    time.Time
	name      string // of the interface, "" where there is none
	addresses []spec.LLDPManagement
}

// managementEvery bounds how often addresses are looked for.
const managementEvery = time.Second

// telling is a data unit on its way.
type telling struct {
	name string
	from *discovery
	port *groupPort
	unit []byte
}

// wantedLLDP is what the owner wants of LLDP at one interface.
type wantedLLDP struct {
	config spec.LLDP
	alias  string // of the interface
	index  uint32 // 0 where the interface is not there
	up     bool
}

// speaks is whether there is anything to say or hear.
func (w *wantedLLDP) speaks() bool { return w.config.Enabled && w.index != 0 }

// newDiscoverer starts the goroutine; close ends it.
func newDiscoverer(conn *netdev.Conn, log *slog.Logger, system spec.MAC, description string) *discoverer {
	n := &discoverer{
		conn: conn, log: log, system: system, description: description,
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		ports: make(map[string]*discovery), news: make(map[string]struct{}),
	}
	go inSteps(n.quit, n.wake, n.done, n.step)
	return n
}

// step does what is due and returns when something is due again.
func (n *discoverer) step(now time.Time) time.Time {
	n.mu.Lock()
	wanted, told := n.managed.wanted, n.managed.told
	n.mu.Unlock()
	n.lookAtManagement(now, wanted, told)
	n.mu.Lock()
	renamed := n.lookAtHostname() || n.stale
	n.stale = false
	next := time.Time{}
	for name, p := range n.ports {
		if renamed {
			p.agent.Configure(now, n.config(name, &p.want))
		}
		if due := p.agent.Next(); renamed || !due.IsZero() && !due.After(now) {
			p.agent.Advance(now)
			n.gather(name, p)
		}
		next = earliest(next, p.agent.Next())
	}
	out, closing, ended := n.outbox, n.closing, n.ended
	n.outbox, n.closing, n.ended = nil, nil, nil
	n.mu.Unlock()
	for _, t := range out {
		err := t.port.send(n.log, "LLDP", t.name, t.unit)
		n.mu.Lock()
		t.from.agent.Sent(time.Now(), err)
		n.mu.Unlock()
	}
	closeSockets(n.log, "LLDP", closing)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range ended {
		n.counts.Add(p.agent.Activity().Counters)
	}
	return next
}

// lookAtHostname reports whether the host has another name than before; one
// that can't be read is none. n.mu is held.
func (n *discoverer) lookAtHostname() bool {
	was := n.hostname
	if name, err := os.Hostname(); err == nil {
		n.hostname = name
	}
	return n.hostname != was
}

// lookAtManagement finds the addresses that neighbors are told, where that was not
// done just now. Those that can't be read are none.
func (n *discoverer) lookAtManagement(now time.Time, wanted string, told bool) {
	n.mu.Lock()
	was := n.managed
	n.mu.Unlock()
	if was.wanted == wanted && was.told == told && (!told || now.Sub(was.looked) < managementEvery) {
		return
	}
	is := management{wanted: wanted, told: told, looked: now}
	if told {
		var err error
		if is.name, is.addresses, err = n.conn.Management(wanted); err != nil {
			n.log.Error("LLDP tells no management address", "error", err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stale = n.stale || !slices.Equal(n.managed.addresses, is.addresses)
	n.managed = is
}

// config is what an agent is to do. n.mu is held.
func (n *discoverer) config(name string, w *wantedLLDP) lldp.Config {
	c := &w.config
	unit := spec.LLDPUnit{
		Chassis: c.Chassis, Port: spec.LLDPID{Subtype: spec.LLDPPortInterface, Value: name}, TTL: c.Lifetime(),
		PortDescription:   portDescription(w),
		SystemName:        or(c.SystemName, n.hostname),
		SystemDescription: or(c.SystemDescription, n.description),
		HasCapabilities:   c.Suppressed&spec.LLDPCapabilities == 0,
		Capabilities:      lldp.CapBridge, Enabled: lldp.CapBridge,
		Management: n.managed.addresses,
	}
	if unit.Chassis == (spec.LLDPID{}) {
		unit.Chassis = spec.LLDPID{Subtype: spec.LLDPChassisMAC, Value: string(n.system[:])}
	}
	for text, tlv := range map[*string]spec.LLDPTLVs{
		&unit.PortDescription: spec.LLDPPortDescription, &unit.SystemName: spec.LLDPSystemName, &unit.SystemDescription: spec.LLDPSystemDescription,
	} {
		if c.Suppressed&tlv != 0 {
			*text = ""
		}
	}
	return lldp.Config{Local: unit, Interval: c.Period(), Transmit: w.speaks(), Receive: w.speaks()}
}

func portDescription(w *wantedLLDP) string { return or(w.config.PortDescription, w.alias) }

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// gather takes over what an agent came to: data units, and neighbors that are
// other than the owner knows. n.mu is held.
func (n *discoverer) gather(name string, p *discovery) {
	state := &spec.LLDPState{Enabled: p.want.config.Enabled, PortDescription: portDescription(&p.want)}
	for _, neighbor := range p.agent.Neighbors() {
		state.Neighbors = append(state.Neighbors, neighbor.LLDPNeighbor)
	}
	if !sameLLDP(p.state, state) {
		p.state = state
		n.news[name] = struct{}{}
		signal(n.changed)
	}
	for _, unit := range p.agent.Outbox() {
		if p.port != nil {
			n.outbox = append(n.outbox, telling{name, p, p.port, unit})
		}
	}
}

func sameLLDP(a, b *spec.LLDPState) bool {
	return a != nil && a.Enabled == b.Enabled && a.PortDescription == b.PortDescription &&
		slices.EqualFunc(a.Neighbors, b.Neighbors, func(x, y spec.LLDPNeighbor) bool { return x.ID == y.ID && x.Same(&y.LLDPUnit) })
}

// set makes LLDP at an interface what the owner wants; nil ends it. Neighbors
// are told when it ends or is switched off.
func (n *discoverer) set(name string, want *wantedLLDP) error {
	n.mu.Lock()
	p := n.ports[name]
	n.mu.Unlock() // only the owner adds and removes ports
	if p == nil && want == nil || p != nil && want != nil && p.want == *want {
		return nil
	}
	opened, err := n.open(name, p, want)
	now := time.Now()
	if want != nil {
		n.lookAtManagement(now, want.config.ManagementInterface, want.config.Suppressed&spec.LLDPManagementAddress == 0)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookAtHostname()
	if p == nil {
		p = &discovery{agent: lldp.New(lldp.Config{})}
		n.ports[name] = p
	}
	if want == nil {
		p.agent.Shutdown()
		n.gather(name, p)
		n.change(p, nil)
		n.ended = append(n.ended, p)
		delete(n.ports, name)
		delete(n.news, name)
		signal(n.wake)
		return nil
	}
	p.want = *want
	if err != nil {
		p.want.index = 0 // so that it is tried again
	}
	p.agent.Configure(now, n.config(name, &p.want))
	n.gather(name, p)
	if opened != nil || !p.want.speaks() {
		n.change(p, opened)
		p.agent.SetUp(now, false)
	}
	p.agent.SetUp(now, p.want.up && p.port != nil)
	n.gather(name, p)
	signal(n.wake)
	return err
}

// open opens the socket that is missing, nil for none: outside of the lock,
// since the kernel makes one wait.
func (n *discoverer) open(name string, p *discovery, want *wantedLLDP) (*groupPort, error) {
	if want == nil || !want.speaks() || p != nil && p.port != nil && p.port.index == want.index {
		return nil, nil
	}
	s, err := n.conn.GroupSocket(netdev.LLDP, want.index, func(pdu []byte) { n.received(name, pdu) })
	if errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("LLDP at %s: %w", name, err)
	}
	return &groupPort{index: want.index, socket: s}, nil
}

// change exchanges the socket; the one before is closed when what waits has
// left by it. n.mu is held.
func (n *discoverer) change(p *discovery, port *groupPort) {
	if p.port != nil {
		n.closing = append(n.closing, p.port.socket)
	}
	p.port = port
}

// received is called by the sockets' goroutines.
func (n *discoverer) received(name string, pdu []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.ports[name]; p != nil {
		p.agent.Receive(time.Now(), pdu)
		n.gather(name, p)
		signal(n.wake)
	}
}

// take tells at which interfaces something changed since the last call.
func (n *discoverer) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name := range n.news {
		names = append(names, name)
	}
	clear(n.news)
	return names
}

// view is what was observed at an interface; nil where LLDP is not set up.
func (n *discoverer) view(name string) *spec.LLDPState {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.ports[name]; p != nil {
		return p.state
	}
	return nil
}

// activity is what changes all the time, by interface, and the counts of all
// interfaces since the start.
func (n *discoverer) activity() (map[string]spec.LLDPActivity, spec.LLDPCounters) {
	n.mu.Lock()
	defer n.mu.Unlock()
	total := n.counts
	for _, p := range n.ended {
		total.Add(p.agent.Activity().Counters)
	}
	all := make(map[string]spec.LLDPActivity, len(n.ports))
	for name, p := range n.ports {
		a := p.agent.Activity()
		all[name] = a
		total.Add(a.Counters)
	}
	return all, total
}

// management is where neighbors are told that the system is managed, while it
// speaks anywhere.
func (n *discoverer) management() (name string, addresses []spec.LLDPManagement) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.ports) == 0 {
		return "", nil
	}
	return n.managed.name, n.managed.addresses
}

// close ends the goroutine and waits for it. Neighbors are told nothing: the
// kernel goes on forwarding, and the next instance goes on telling them.
func (n *discoverer) close() error {
	close(n.quit)
	<-n.done
	n.step(time.Now()) // what was still to be sent, and closed
	n.mu.Lock()
	var open []*groupPort
	for _, p := range n.ports {
		if p.port != nil {
			open = append(open, p.port)
		}
	}
	n.mu.Unlock()
	var errs []error
	for _, p := range open {
		errs = append(errs, p.socket.Close())
	}
	return errors.Join(errs...)
}

// discover tells LLDP what is wanted of the interfaces that were touched.
func (d *Datapath) discover() {
	var errs []error
	for _, name := range d.model.touched.names.All() {
		errs = append(errs, d.lldp.set(name, d.model.wantLLDP(name)))
		if state := d.lldp.view(name); state != nil {
			d.model.lldp[name] = state
		} else {
			delete(d.model.lldp, name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		d.failed(err)
	}
}

// followLLDP takes over neighbors that came, changed or went, and tells them.
func (d *Datapath) followLLDP(now time.Time) {
	for _, name := range d.lldp.take() {
		if state := d.lldp.view(name); state != nil {
			d.model.lldp[name] = state
			d.model.touched.names.Add(name)
		}
	}
	d.follow(now)
}

// wantLLDP is what is wanted of LLDP at an interface; nil for none.
func (m *model) wantLLDP(name string) *wantedLLDP {
	p := m.ports[name]
	if p == nil || p.cfg.LLDP == nil {
		return nil
	}
	w := &wantedLLDP{config: *p.cfg.LLDP}
	if dev := m.byName[name]; dev != nil && dev.Ethernet() && !dev.Loopback() {
		w.index, w.alias, w.up = dev.Index, dev.Alias, dev.AdminUp() && dev.Oper() == spec.OperUp
	}
	return w
}

// LLDP tells what changes all the time of LLDP, by interface, and the counts of
// all interfaces since the start. After Close or Flush it stands still.
func (d *Datapath) LLDP() (map[string]spec.LLDPActivity, spec.LLDPCounters) { return d.lldp.activity() }

// LLDPManagement tells the addresses at which neighbors are told that the system is
// managed, and their interface; "" where there are none. Nobody modifies them.
func (d *Datapath) LLDPManagement() (name string, addresses []spec.LLDPManagement) {
	return d.lldp.management()
}
