package datapath

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/dcb"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// dcbKernel is where interfaces' Data Center Bridging stands: dcb.Conn.
type dcbKernel interface {
	Read(name string) (spec.DCBState, error)
	Counters(name string) (spec.DCBCounters, bool, error)
	SetDCBX(name string, mode spec.DCBXMode) error
	SetETS(name string, ets spec.ETS) error
	SetPFC(name string, pfc spec.PFC) error
	SetApplications(name string, applications spec.DCBApplications) error
	Close()
}

// dcbAccess is the kernel's DCB, and who hears of its changes.
type dcbAccess struct {
	kernel  dcbKernel
	watcher *dcb.Watcher
}

// openDCB listens for changes, and opens a connection.
func openDCB() (*dcbAccess, error) {
	watcher, err := dcb.Watch()
	if err != nil {
		return nil, err
	}
	conn, err := dcb.Dial()
	if err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	return &dcbAccess{conn, watcher}, nil
}

func (a *dcbAccess) Close() error {
	a.kernel.Close()
	return a.watcher.Close()
}

// originalDCB is what an interface's DCB was before the first touch; nil where
// a part is not ours.
type originalDCB struct {
	DCBX         *spec.DCBXMode        `json:"dcbx,omitempty"`
	ETS          *spec.ETS             `json:"ets,omitempty"`
	PFC          *spec.PFC             `json:"pfc,omitempty"`
	Applications *spec.DCBApplications `json:"applications,omitempty"`
}

// dcbPart is one part of interfaces' DCB as a table, by ifindex, of those
// interfaces that have it. The kernel knows them by their names.
type dcbPart[V comparable] struct {
	part   spec.DCBPart
	access *dcbAccess
	model  *model
	read   func(*spec.DCBState) (V, bool)
	write  func(kernel dcbKernel, name string, v V) error
}

// List reads the part of each interface that is known to have DCB.
func (p *dcbPart[V]) List() (map[uint32]V, error) {
	values := make(map[uint32]V)
	for index, d := range p.model.devices {
		if !d.hasDCB() {
			continue
		}
		state, err := p.access.kernel.Read(d.Name)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if v, ok := p.read(&state); ok {
			values[index] = v
		}
	}
	return values, nil
}

// Put sets the part. errors.Is(err, unix.ENODEV) where the interface went; a
// *spec.Invalid where it turns out that the driver has no such part.
func (p *dcbPart[V]) Put(index uint32, v V) error {
	d := p.model.devices[index]
	if d == nil {
		return unix.ENODEV
	}
	err := p.write(p.access.kernel, d.Name, v)
	if errors.Is(err, dcb.ErrIgnored) || errors.Is(err, unix.EOPNOTSUPP) {
		return &spec.Invalid{Port: d.Name, DCB: spec.DCBPlace{Part: p.part}, Unsupported: true, Reason: "DCB: " + err.Error()}
	}
	return err
}

// Delete leaves the part as it is, as with any attribute.
func (p *dcbPart[V]) Delete(uint32) error { return nil }

// dcbTables are the parts that are written.
type dcbTables struct {
	mode         *reconcile.Shadow[uint32, spec.DCBXMode]
	ets          *reconcile.Shadow[uint32, spec.ETS]
	pfc          *reconcile.Shadow[uint32, spec.PFC]
	applications *reconcile.Shadow[uint32, spec.DCBApplications]
}

// newDCBTables also gives the borrowers, with those of the tables behind them.
func newDCBTables(a *dcbAccess, m *model, all []borrower) (dcbTables, []borrower) {
	mode := borrowDCB(m, &dcbPart[spec.DCBXMode]{spec.DCBNegotiation, a, m,
		func(s *spec.DCBState) (spec.DCBXMode, bool) { return s.DCBX, s.HasDCBX }, dcbKernel.SetDCBX},
		func(o *original) **spec.DCBXMode { return &o.DCB.DCBX })
	ets := borrowDCB(m, &dcbPart[spec.ETS]{spec.DCBETS, a, m,
		func(s *spec.DCBState) (spec.ETS, bool) { return s.ETS, s.HasETS }, dcbKernel.SetETS},
		func(o *original) **spec.ETS { return &o.DCB.ETS })
	pfc := borrowDCB(m, &dcbPart[spec.PFC]{spec.DCBPFC, a, m,
		func(s *spec.DCBState) (spec.PFC, bool) { return s.PFC, s.HasPFC }, dcbKernel.SetPFC},
		func(o *original) **spec.PFC { return &o.DCB.PFC })
	applications := borrowDCB(m, &dcbPart[spec.DCBApplications]{spec.DCBApplicationTable, a, m,
		func(s *spec.DCBState) (spec.DCBApplications, bool) { return s.Applications, true }, dcbKernel.SetApplications},
		func(o *original) **spec.DCBApplications { return &o.DCB.Applications })
	t := dcbTables{
		mode:         reconcile.NewShadow("dcbx mode", mode),
		ets:          reconcile.NewShadow("dcb ets", ets),
		pfc:          reconcile.NewShadow("dcb pfc", pfc),
		applications: reconcile.NewShadow("dcb applications", applications),
	}
	return t, append(all,
		borrowing(t.mode, mode, m.wantDCBX), borrowing(t.ets, ets, m.wantETS),
		borrowing(t.pfc, pfc, m.wantPFC), borrowing(t.applications, applications, m.wantApplications))
}

func borrowDCB[V comparable](m *model, part *dcbPart[V], field func(*original) **V) *borrowed[V] {
	return &borrowed[V]{
		attribute: part, originals: m.original, devices: m.devices, given: make(map[uint32]V), field: field,
		found: func(d *device) V { v, _ := part.read(d.dcb); return v },
	}
}

// forget drops what is known of an interface that went.
func (t *dcbTables) forget(index uint32) {
	t.mode.Forget(index)
	t.ets.Forget(index)
	t.pfc.Forget(index)
	t.applications.Forget(index)
}

// observe takes over what was seen of an interface.
func (t *dcbTables) observe(index uint32, s *spec.DCBState) {
	t.mode.Observe(index, s.DCBX)
	t.ets.Observe(index, s.ETS)
	t.pfc.Observe(index, s.PFC)
	t.applications.Observe(index, s.Applications)
}

// hasDCB is whether the interface is known to have any.
func (d *device) hasDCB() bool { return d.dcb != nil && d.dcb.Reason == "" }

// wantDCB is what is wanted of the DCB of an interface that can have it, with
// what it has; nil for nothing.
func (m *model) wantDCB(index uint32) (*spec.DCB, *spec.DCBState) {
	cfg, d := m.configured(index), m.devices[index]
	if cfg == nil || cfg.DCB == nil || d.dcb == nil || cfg.DCB.Unsupported(cfg.Name, d.dcb) != nil {
		return nil, nil
	}
	return cfg.DCB, d.dcb
}

func (m *model) wantDCBX(index uint32) (spec.DCBXMode, bool) {
	want, _ := m.wantDCB(index)
	if want == nil || want.DCBX == 0 {
		return 0, false
	}
	return want.DCBX, true
}

func (m *model) wantETS(index uint32) (spec.ETS, bool) {
	want, _ := m.wantDCB(index)
	if want == nil || want.ETS == nil {
		return spec.ETS{}, false
	}
	return *want.ETS, true
}

func (m *model) wantPFC(index uint32) (spec.PFC, bool) {
	want, have := m.wantDCB(index)
	if want == nil || want.PFC == nil {
		return spec.PFC{}, false
	}
	return want.PFC.Over(have.PFC), true
}

func (m *model) wantApplications(index uint32) (spec.DCBApplications, bool) {
	want, _ := m.wantDCB(index)
	if want == nil || want.Applications == "" {
		return "", false
	}
	return want.Applications, true
}

// validate reports what is wrong with the model after a change. What was saved
// by an earlier instance was accepted once: a device that has less DCB now is a
// port without it, as one that came later is, and no reason not to start.
func (d *Datapath) validate(c spec.Change) error {
	errs := []error{d.model.validate(c)}
	for _, name := range slices.Sorted(maps.Keys(c.Ports)) {
		if p := d.model.ports[name]; p != nil && d.ready {
			errs = append(errs, d.model.validateDCB(p))
		}
	}
	return errors.Join(errs...)
}

// validateDCB compares what is wanted with what the interface has, where that
// is there.
func (m *model) validateDCB(p *port) error {
	d := m.byName[p.cfg.Name]
	if d == nil || d.dcb == nil || p.cfg.DCB == nil {
		return nil
	}
	return p.cfg.DCB.Unsupported(p.cfg.Name, d.dcb)
}

// tellsDCB is whether an interface's DCB is told: that of a physical driver,
// and where it is configured.
func tellsDCB(l *netdev.Link, p *port) bool {
	return l.Kind == "" && l.Ethernet() || p != nil && p.cfg.DCB != nil
}

func (m *model) observeDCB(d *device, p *port) *spec.DCBState {
	if !tellsDCB(&d.Link, p) {
		return nil
	}
	return d.dcb
}

// warnNoDCB says once that an interface, which came after it was configured,
// cannot have the DCB that is wanted.
func (d *Datapath) warnNoDCB(name string) {
	p := d.model.ports[name]
	if p == nil {
		return
	}
	reason := ""
	if err := d.model.validateDCB(p); err != nil {
		reason = err.Error()
	}
	if reason != "" && reason != p.noDCB {
		d.log.Warn("an interface cannot have the DCB that is configured", "interface", name, "reason", reason)
	}
	p.noDCB = reason
}

// knownDCB is the DCB of an interface that is seen for the first time or has
// changed; nil where it is not asked for. A new interface may have the number
// of one that went.
func (d *Datapath) knownDCB(l *netdev.Link) *spec.DCBState {
	var known *spec.DCBState
	if old := d.model.devices[l.Index]; old != nil {
		known = old.dcb
	}
	if known == nil && !tellsDCB(l, d.model.ports[l.Name]) && d.model.original[l.Index] == nil {
		return nil
	}
	state, err := d.readDCB(l.Name, known)
	if err != nil {
		d.failed(err)
	}
	return state
}

// readDCB reads an interface's DCB: what is known of it, where that is still
// so or cannot be read.
func (d *Datapath) readDCB(name string, known *spec.DCBState) (*spec.DCBState, error) {
	state, err := d.dcb.kernel.Read(name)
	if err != nil || known != nil && *known == state {
		return known, ignoreGone(err)
	}
	return &state, nil
}

// lookAtDCB reads the DCB of an interface again, where it has any.
func (d *Datapath) lookAtDCB(index uint32) error {
	if dev := d.model.devices[index]; dev != nil && dev.hasDCB() {
		return d.lookAtDCBOf(dev)
	}
	return nil
}

// lookAtDCBOf reads the DCB of an interface, asked for before or not.
func (d *Datapath) lookAtDCBOf(dev *device) error {
	state, err := d.readDCB(dev.Name, dev.dcb)
	if err != nil || state == dev.dcb {
		return err
	}
	dev.dcb = state
	d.tables.dcb.observe(dev.Index, state)
	d.model.touched.names.Add(dev.Name)
	return nil
}

// lookAtAllDCB reads the DCB of all interfaces that have any.
func (d *Datapath) lookAtAllDCB() error {
	var errs []error
	for index := range d.model.devices {
		errs = append(errs, d.lookAtDCB(index))
	}
	return errors.Join(errs...)
}

// lookAtWantedDCB reads the DCB of the interfaces of which a change wants some.
func (d *Datapath) lookAtWantedDCB(c spec.Change) error {
	var errs []error
	for name, p := range c.Ports {
		if dev := d.model.byName[name]; dev != nil && p != nil && p.DCB != nil {
			errs = append(errs, d.lookAtDCBOf(dev))
		}
	}
	return errors.Join(errs...)
}

// lookAtChangedDCB reads the DCB of interfaces of which the kernel said
// something. What somebody else changed stays so, as with any attribute.
func (d *Datapath) lookAtChangedDCB(c dcb.Changes) {
	var err error
	if c.All {
		err = d.lookAtAllDCB()
	}
	for name := range c.Names {
		if dev := d.model.byName[name]; dev != nil {
			err = errors.Join(err, d.lookAtDCB(dev.Index))
		}
	}
	if err != nil {
		d.failed(fmt.Errorf("look at DCB: %w", err))
	}
	if d.model.touched.names.Len() > 0 {
		d.follow(time.Now())
	}
}

// DCBCounters reads what PFC counts, by interface, of those that have it. It
// runs in the caller's goroutine.
func (d *Datapath) DCBCounters() (map[string]spec.DCBCounters, error) {
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed {
		return nil, ErrClosed
	}
	all := make(map[string]spec.DCBCounters)
	for name, i := range d.State().Interfaces {
		if i.DCB == nil || !i.DCB.HasPFC {
			continue
		}
		counters, ok, err := d.dcb.kernel.Counters(name)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if ok {
			all[name] = counters
		}
	}
	return all, nil
}
