package datapath

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// model joins what is wanted with the interfaces that were seen, in the form
// in which the tables ask for it (wanted.go). It is kept up to date change by
// change, and notes in touched which keys of which tables a change concerns,
// so that an apply costs what it touches. It calls nothing: it is pure but for
// being mutable, and any change is taken back by its inverse.
type model struct {
	ports    map[string]*port     // configured interfaces
	switches map[string]*vswitch  // configured, or named by a port
	byNumber map[uint16]*port     // switch ports and members of aggregates
	devices  map[uint32]*device   // interfaces that exist, by ifindex
	byName   map[string]*device   // the same by name
	original map[uint32]*original // attributes as found, by ifindex
	removed  map[string]*port     // in this transaction, with their hold-time
	waiting  map[string]*port     // for their hold-time
	open     fastpath.PortSet     // ports that forward

	aggregates map[string]*aggregate
	disbanded  map[string]*aggregate // in this transaction
	silent     map[uint32]bool       // members without a carrier at the last look, by ifindex
	lacp       map[string]negotiated // by aggregate
	lldp       map[string]*spec.LLDPState
	sriov      map[string]*spec.SRIOVState // by interface, as its keeper told it
	system     spec.MAC                    // of this element, for LACP and LLDP
	found      map[uint16]fastpath.LAG     // what an earlier instance left, by number

	qos qosModel

	portNumbers   *numbers[string] // of switch ports, and of members (memberKey)
	lagNumbers    *numbers[string]
	switchNumbers *numbers[string]
	fidNumbers    *numbers[fastpath.VLAN]

	touched touched
}

// device is an interface that exists.
type device struct {
	netdev.Link
	speed      uint32 // megabits per second
	fullDuplex bool
	dcb        *spec.DCBState // nil where it was not asked for; another one where anything differs
}

// port is a configured interface.
type port struct {
	cfg    *spec.Port
	number uint16 // 0: neither a switch port nor a member
	hold   hold
	due    time.Time // when hold is to be looked at again; zero: never
	up     bool      // told up, when last looked at
	unfit  string    // why its interface is no port, as last said

	planned map[uint32]*plan // of its interfaces, by ifindex
	noDCB   string           // why its interface cannot have the DCB that is wanted, as last said
}

// vswitch is a switch that exists.
type vswitch struct {
	name   string
	number uint16
	cfg    *spec.Switch // nil: named by ports only, with the default values
	// named counts what makes a VLAN exist: its own configuration, and each
	// port that names it.
	named  [spec.MaxVLAN + 1]uint16
	exists spec.VLANSet
	// explicit are the ports that name a VLAN, all those that carry each one.
	explicit map[uint16]*fastpath.PortSet
	all      fastpath.PortSet
	ports    int            // how many
	statics  map[string]int // static entries by port
}

// touched are the keys that a change concerns.
type touched struct {
	switches    reconcile.Keys[uint16]
	fids        reconcile.Keys[fastpath.VLAN]
	ports       reconcile.Keys[uint16]
	lags        reconcile.Keys[uint16]
	statics     reconcile.Keys[staticKey]
	classifiers reconcile.Keys[uint8]
	policers    reconcile.Keys[fastpath.PolicerKey]
	detours     reconcile.Keys[uint16] // by port number
	detourEnds  reconcile.Keys[uint32] // by ifindex
	schedulers  reconcile.Keys[uint32] // by ifindex
	classes     reconcile.Keys[netdev.ClassKey]
	queues      bool // one came or went
	// By ifindex: what makes an interface a port, and its attributes.
	links      reconcile.Keys[uint32]
	attributes reconcile.Keys[uint32]
	// The keys of tables by filtering id; resolve adds those of fids and
	// statics, which have their ids only when the change is complete.
	flood     reconcile.Keys[uint16]
	addresses reconcile.Keys[fastpath.Address]

	// Switches of which a VLAN came or went, and aggregates of which anything
	// is other than it was.
	exists     reconcile.Keys[string]
	aggregates reconcile.Keys[string]

	// What is observed anew afterwards.
	names       reconcile.Keys[string] // interfaces
	switchNames reconcile.Keys[string]
	fdb         []spec.FDBEvent // static entries that came or went

	// Where learned entries go: VLANs that ended, ports that stopped carrying
	// some VLAN, and ports that went down.
	lost    reconcile.Keys[fastpath.VLAN]
	leaving reconcile.Keys[uint16]
	down    reconcile.Keys[uint16]
}

// staticKey names a static entry.
type staticKey struct {
	vlan fastpath.VLAN
	mac  spec.MAC
}

func newModel() *model {
	return &model{
		ports: make(map[string]*port), switches: make(map[string]*vswitch),
		byNumber: make(map[uint16]*port),
		devices:  make(map[uint32]*device), byName: make(map[string]*device),
		original: make(map[uint32]*original),
		removed:  make(map[string]*port), waiting: make(map[string]*port),
		aggregates: make(map[string]*aggregate), disbanded: make(map[string]*aggregate),
		silent: make(map[uint32]bool), lacp: make(map[string]negotiated), lldp: make(map[string]*spec.LLDPState), sriov: make(map[string]*spec.SRIOVState),
		qos: newQoSModel(),

		portNumbers:   newNumbers[string](spec.MaxPorts),
		lagNumbers:    newNumbers[string](spec.MaxAggregates),
		switchNumbers: newNumbers[string](spec.MaxSwitches),
		fidNumbers:    newNumbers[fastpath.VLAN](spec.MaxFIDs),
	}
}

// update takes a change over and returns the one that takes it back, which is
// right also when a limit is met half way and the error says so. The order is
// that of the names, so that the same change gives the same numbers.
func (m *model) update(c spec.Change) (inverse spec.Change, err error) {
	inverse = spec.Change{Ports: make(map[string]*spec.Port), Switches: make(map[string]*spec.Switch)}
	for _, name := range slices.Sorted(maps.Keys(c.Switches)) {
		inverse.Switches[name] = m.switchConfig(name)
		if err := m.setSwitch(name, c.Switches[name]); err != nil {
			return inverse, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ports)) {
		inverse.Ports[name] = m.portConfig(name)
		if err := m.setPort(name, c.Ports[name]); err != nil {
			return inverse, err
		}
	}
	return inverse, nil
}

// revert takes a change back. The inverse of what was possible is possible.
func (m *model) revert(inverse spec.Change) error {
	_, err := m.update(inverse)
	m.portNumbers.rollback()
	m.lagNumbers.rollback()
	m.switchNumbers.rollback()
	m.fidNumbers.rollback()
	m.qos.rollback()
	return err
}

// begin starts a transaction.
func (m *model) begin() {
	m.keep()
	m.touched = touched{}
	clear(m.removed)
}

// commit ends a transaction; it reports whether a number became free.
func (m *model) commit() bool {
	ports, switches, lags := m.portNumbers.commit(), m.switchNumbers.commit(), m.lagNumbers.commit()
	m.fidNumbers.commit()
	return m.qos.commit() || ports || switches || lags
}

func (m *model) portConfig(name string) *spec.Port {
	if p := m.ports[name]; p != nil {
		return p.cfg
	}
	return nil
}

func (m *model) switchConfig(name string) *spec.Switch {
	if s := m.switches[name]; s != nil {
		return s.cfg
	}
	return nil
}

// setPort configures an interface, or no longer (nil).
func (m *model) setPort(name string, cfg *spec.Port) error {
	p := m.ports[name]
	if p == nil && cfg == nil {
		return nil
	}
	m.touchName(name)
	var was *spec.Port
	if p != nil {
		was = p.cfg
	} else {
		p = m.newPort(name)
	}
	m.leaveAggregation(name, p, was, cfg)
	if cfg == nil {
		delete(m.ports, name)
		delete(m.waiting, name)
		m.removed[name] = p
	} else {
		p.cfg = cfg
	}
	err := m.setQoS(name, p, qosOf(was), qosOf(cfg))
	err = errors.Join(err, m.setMembership(name, p, switchedOf(was), switchedOf(cfg)))
	return errors.Join(err, m.joinAggregation(name, p, was, cfg))
}

func switchedOf(cfg *spec.Port) *spec.Switched {
	if cfg == nil {
		return nil
	}
	return cfg.Switched
}

func qosOf(cfg *spec.Port) *spec.QoS {
	if cfg == nil {
		return nil
	}
	return cfg.QoS
}

// newPort begins to configure an interface. One that is up already has not
// just come up: there is nothing to hold.
func (m *model) newPort(name string) *port {
	p := m.removed[name]
	delete(m.removed, name)
	if p == nil {
		p = &port{cfg: &spec.Port{Name: name}}
		if d := m.byName[name]; d != nil {
			p.hold.reset(d.Oper() == spec.OperUp)
		}
	}
	m.ports[name] = p
	return p
}

// touchName marks all that follows from an interface's configuration.
func (m *model) touchName(name string) {
	m.touched.names.Add(name)
	if d := m.byName[name]; d != nil {
		m.touched.links.Add(d.Index)
		m.touched.attributes.Add(d.Index)
	}
	if p := m.ports[name]; p != nil && p.number != 0 {
		m.touched.ports.Add(p.number)
	}
}

// setSwitch configures a switch, or no longer (nil).
func (m *model) setSwitch(name string, cfg *spec.Switch) error {
	if cfg == nil && m.switchConfig(name) == nil {
		return nil
	}
	s, err := m.ensureSwitch(name)
	if err != nil {
		return err
	}
	old := s.config()
	s.cfg = cfg
	now := s.config()
	m.touchSwitch(s)
	for _, id := range slices.Sorted(maps.Keys(now.VLANs)) {
		v := now.VLANs[id]
		was, had := old.VLANs[id]
		if !had {
			err = errors.Join(err, m.nameVLAN(s, id))
		}
		if !had || was != v {
			m.touched.fids.Add(s.vlan(id))
		}
	}
	for id := range old.VLANs {
		if _, has := now.VLANs[id]; !has {
			m.touched.fids.Add(s.vlan(id))
			m.unnameVLAN(s, id)
		}
	}
	m.setStatics(s, old.Static, now.Static)
	m.releaseSwitch(s)
	return err
}

// setStatics exchanges the static entries.
func (m *model) setStatics(s *vswitch, old, now map[spec.FDBKey]string) {
	for key, name := range old {
		if is := now[key]; is != name {
			s.statics[name]--
			m.touchStatic(s, key, name, true)
		}
	}
	for key, name := range now {
		if was := old[key]; was != name {
			s.statics[name]++
			m.touchStatic(s, key, name, false)
		}
	}
}

func (m *model) touchStatic(s *vswitch, key spec.FDBKey, port string, gone bool) {
	m.touched.statics.Add(s.staticKey(key))
	entry := spec.FDBEntry{Switch: s.name, FDBKey: key, Port: port, Static: true}
	m.touched.fdb = append(m.touched.fdb, spec.FDBEvent{Entry: entry, Gone: gone})
}

func (s *vswitch) staticKey(key spec.FDBKey) staticKey {
	return staticKey{s.vlan(key.VLAN), key.MAC}
}

// config is what is wanted of the switch, with the default values where it is
// not configured.
func (s *vswitch) config() *spec.Switch {
	if s.cfg != nil {
		return s.cfg
	}
	return spec.NewSwitch(s.name)
}

// ensureSwitch makes a switch exist.
func (m *model) ensureSwitch(name string) (*vswitch, error) {
	if s := m.switches[name]; s != nil {
		return s, nil
	}
	if !m.switchNumbers.take(name) {
		return nil, &spec.Invalid{Switch: name, Full: true, Reason: fmt.Sprintf("there are %d switches already", spec.MaxSwitches)}
	}
	s := &vswitch{
		name: name, number: uint16(m.switchNumbers.number(name)),
		explicit: make(map[uint16]*fastpath.PortSet), statics: make(map[string]int),
	}
	m.switches[name] = s
	m.touchSwitch(s)
	return s, nil
}

// releaseSwitch ends a switch that neither is configured nor has a port.
func (m *model) releaseSwitch(s *vswitch) {
	if s.cfg != nil || s.ports > 0 {
		return
	}
	m.touchSwitch(s)
	delete(m.switches, s.name)
	m.switchNumbers.release(s.name)
}

func (m *model) touchSwitch(s *vswitch) {
	m.touched.switches.Add(s.number)
	m.touched.switchNames.Add(s.name)
}

// nameVLAN adds one to what makes a VLAN exist.
func (m *model) nameVLAN(s *vswitch, vlan uint16) error {
	s.named[vlan]++
	if s.named[vlan] > 1 {
		return nil
	}
	s.exists.Add(vlan)
	m.touchVLAN(s, vlan)
	if !m.fidNumbers.take(s.vlan(vlan)) {
		return &spec.Invalid{Switch: s.name, VLAN: vlan, Full: true, Reason: fmt.Sprintf("there are %d VLANs on all switches already", spec.MaxFIDs)}
	}
	return nil
}

func (m *model) unnameVLAN(s *vswitch, vlan uint16) {
	s.named[vlan]--
	if s.named[vlan] > 0 {
		return
	}
	s.exists.Remove(vlan)
	m.touchVLAN(s, vlan)
	key := s.vlan(vlan)
	m.fidNumbers.release(key)
	m.touched.lost.Add(key)
}

// touchVLAN marks a VLAN that came or went; settle marks the ports that carry
// any.
func (m *model) touchVLAN(s *vswitch, vlan uint16) {
	m.touched.fids.Add(s.vlan(vlan))
	m.touched.switchNames.Add(s.name)
	m.touched.exists.Add(s.name)
}
