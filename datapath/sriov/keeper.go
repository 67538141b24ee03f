package sriov

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

const (
	// lookEvery bounds how late it is seen what the kernel does not tell of: what
	// sysfs shows. Changes by netlink wake the keeper.
	lookEvery = 500 * time.Millisecond
	// retryAfter is how long what failed without being asked for waits.
	retryAfter = 5 * time.Second
	// patience is how long a device may take for a step, its carrier included.
	patience = 20 * time.Second
	// lookAgain is between two looks at a condition that is waited for.
	lookAgain = 20 * time.Millisecond
)

// Options are what New needs to know.
type Options struct {
	Conn    *netdev.Conn
	Devlink *netdev.Devlink
	Log     *slog.Logger
	// Originals are what an earlier instance found, by interface; the keeper
	// takes them. Save keeps them for the next one.
	Originals map[string]*Original
	Save      func(map[string]*Original) error
}

// Keeper keeps the virtual functions of all interfaces that are configured for
// it. Its methods may be called from any goroutine.
type Keeper struct {
	// C has something to receive when there is something to Take.
	C <-chan struct{}

	c, wake    chan struct{}
	quit, done chan struct{}
	log        *slog.Logger
	save       func(map[string]*Original) error
	patience   time.Duration

	mu        sync.Mutex // guards what follows; held while a device is changed
	kernel    kernel
	ready     bool // the first transaction was committed
	want      map[string]*spec.SRIOV
	originals map[string]*Original
	saved     string               // the originals that the next instance knows, as JSON
	functions map[string]*Function // as last read, by interface
	learned   map[string]ability   // by driver and firmware
	kept      map[string]map[uint16]spec.VF
	autoprobe *reconcile.Shadow[string, bool]
	eswitch   *reconcile.Shadow[string, spec.Eswitch]
	number    *reconcile.Shadow[string, uint16]
	mac       *reconcile.Shadow[vfKey, spec.VF]
	settings  *reconcile.Shadow[vfKey, spec.VF] // all but the address
	faults    map[string]error                  // by interface
	retry     time.Time                         // when to try again; zero: nothing failed
	due       found                             // what is to be set again

	seen   sync.Mutex                  // guards what follows, for a moment each
	names  map[string]struct{}         // of interfaces with a device
	states map[string]*spec.SRIOVState // as last told
	news   map[string]struct{}         // whose state nobody has taken
}

// New starts the keeper. It changes nothing until the first transaction is
// committed, which is taken as the whole of what is wanted. Close ends it.
func New(o Options) *Keeper {
	k := newKeeper(&host{conn: o.Conn, devlink: o.Devlink, bus: "/sys/bus"}, o)
	go k.run()
	return k
}

func newKeeper(kernel kernel, o Options) *Keeper {
	c := make(chan struct{}, 1)
	k := &Keeper{
		C: c, c: c, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		log: o.Log, save: o.Save, patience: patience, kernel: kernel,
		want: make(map[string]*spec.SRIOV), originals: o.Originals, functions: make(map[string]*Function),
		learned: make(map[string]ability), kept: make(map[string]map[uint16]spec.VF), faults: make(map[string]error),
		names: make(map[string]struct{}), states: make(map[string]*spec.SRIOVState), news: make(map[string]struct{}),
	}
	if k.originals == nil {
		k.originals = make(map[string]*Original)
	}
	k.autoprobe = reconcile.NewShadow[string, bool]("drivers-autoprobe", autoprobes{k})
	k.eswitch = reconcile.NewShadow[string, spec.Eswitch]("eswitch-mode", eswitches{k})
	k.number = reconcile.NewShadow[string, uint16]("num-vfs", numbers{k})
	k.mac = reconcile.NewShadow[vfKey, spec.VF]("mac-address", vfs{k, spec.VFMAC})
	k.settings = reconcile.NewShadow[vfKey, spec.VF]("vf", vfs{k, settings})
	return k
}

// Look says that an interface with a device behind it came or changed.
func (k *Keeper) Look(name string) {
	k.seen.Lock()
	k.names[name] = struct{}{}
	k.seen.Unlock()
	signal(k.wake)
}

// Gone says that such an interface went.
func (k *Keeper) Gone(name string) {
	k.seen.Lock()
	delete(k.names, name)
	k.seen.Unlock()
	signal(k.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // the last signal is still waiting
	}
}

// run looks, and does what follows, until quit.
func (k *Keeper) run() {
	defer close(k.done)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-k.quit:
			return
		case <-k.wake:
			k.step(time.Now(), true)
		case <-ticker.C:
			k.step(time.Now(), false)
		}
	}
}

// Close ends the keeper and waits for it. The devices stay as they are.
func (k *Keeper) Close() error {
	close(k.quit)
	<-k.done
	return nil
}

// step looks at what there is, and brings back what was forgotten. Unless
// somebody said that something changed, it looks at what is configured only.
func (k *Keeper) step(now time.Time, told bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !told && len(k.want)+len(k.originals) == 0 {
		return
	}
	if err := k.look(); err != nil {
		k.failed(now, "", err)
	}
	if !k.retry.IsZero() && !now.Before(k.retry) {
		k.retry = time.Time{}
		for name := range k.faults {
			k.due.whole.Add(name)
		}
	}
	if k.ready && k.due.whole.Len()+k.due.anew.Len() > 0 {
		k.repair(now)
	}
	k.publish()
}

// found are interfaces that are to be set again: as a whole, or those of their
// virtual functions that were made anew.
type found struct{ whole, anew reconcile.Keys[string] }

// repair brings the interfaces that are due to what is wanted of them, each by
// itself.
func (k *Keeper) repair(now time.Time) {
	f := k.due
	k.due = found{}
	for _, name := range f.whole.All() {
		k.repairOne(now, name, k.sync)
	}
	for _, name := range f.anew.All() {
		if !f.whole.Has(name) {
			k.repairOne(now, name, k.syncVFs)
		}
	}
	if err := k.keep(); err != nil {
		k.failed(now, "", err)
	}
	clear(k.kept)
	if err := k.look(); err != nil {
		k.failed(now, "", err)
	}
}

func (k *Keeper) repairOne(now time.Time, name string, sync func([]string, *reconcile.Undo) error) {
	was := k.faults[name]
	delete(k.faults, name)
	k.noteOriginals(name)
	err := k.validate(name, nil)
	if err == nil {
		err = sync([]string{name}, nil)
	}
	switch {
	case err != nil:
		k.faults[name] = was
		k.failed(now, name, err)
	case was != nil:
		k.log.Info("virtual functions are as wanted again", "interface", name)
	}
}

// failed says what failed without being asked for, once, and has it tried again.
func (k *Keeper) failed(now time.Time, name string, err error) {
	k.retry = now.Add(retryAfter)
	if name == "" {
		k.log.Error("virtual functions", "error", err)
		return
	}
	if was := k.faults[name]; was == nil || was.Error() != err.Error() {
		k.log.Error("virtual functions are not as wanted", "interface", name, "error", err)
	}
	k.faults[name] = err
}

// candidates are the interfaces to read: those with a device, and those that are
// wanted or ours.
func (k *Keeper) candidates() []string {
	all := make(map[string]struct{})
	k.seen.Lock()
	maps.Copy(all, k.names)
	k.seen.Unlock()
	for name := range k.want {
		all[name] = struct{}{}
	}
	for name := range k.originals {
		all[name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(all))
}

// readAll reads everything.
func (k *Keeper) readAll() error {
	functions, err := k.kernel.Read(k.candidates())
	if err != nil {
		return fmt.Errorf("virtual functions: %w", err)
	}
	k.functions = functions
	return nil
}

// read reads one physical function again; nil where it is not there.
func (k *Keeper) read(name string) (*Function, error) {
	// The interfaces of its virtual functions may be among the others.
	functions, err := k.kernel.Read(append(k.near(name), name))
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return k.took(name, functions[name]), nil
}

// refresh reads again how the virtual functions of a physical one are set; nil
// where it is not there.
func (k *Keeper) refresh(name string) (*Function, error) {
	f := k.functions[name]
	if f == nil || !f.Capable {
		return k.read(name)
	}
	f, err := k.kernel.Refresh(f)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return k.took(name, f), nil
}

// took keeps what was read of an interface.
func (k *Keeper) took(name string, f *Function) *Function {
	if f == nil {
		delete(k.functions, name)
	} else {
		k.functions[name] = f
	}
	return f
}

// near are the interfaces of a physical function's virtual functions, as last
// read.
func (k *Keeper) near(name string) (names []string) {
	f := k.functions[name]
	for id := 0; f != nil && id < len(f.VFs); id++ {
		if n := f.VFs[id].Netdev; n != nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// await reads a physical function until it is as wanted, for a bounded time, and
// gives it as it was last read; nil where it is not there any more.
func (k *Keeper) await(name string, ok func(*Function) bool) (*Function, error) {
	return k.awaitBy(k.read, name, ok)
}

// awaitBy is await by one of the ways to read.
func (k *Keeper) awaitBy(read func(string) (*Function, error), name string, ok func(*Function) bool) (*Function, error) {
	for deadline := time.Now().Add(k.patience); ; time.Sleep(lookAgain) {
		f, err := read(name)
		if err != nil || f == nil || ok(f) || time.Now().After(deadline) {
			return f, err
		}
	}
}

// look reads everything and compares it with what was read before. Due are then
// the interfaces that came, or differ and are to be repaired, and those whose
// virtual functions were made anew.
func (k *Keeper) look() error {
	before := k.functions
	if err := k.readAll(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(k.want)) {
		is, was := k.functions[name], before[name]
		if is == nil || !sameDevice(is, was) {
			k.forget(name)
		}
		if is == nil {
			continue
		}
		if k.bornAgain(name, is, was) {
			k.due.anew.Add(name)
		}
		if k.drifted(name, is) && k.want[name].Repair || !sameDevice(is, was) {
			k.due.whole.Add(name)
		}
	}
	return nil
}

func sameDevice(a, b *Function) bool {
	return b != nil && a.Index == b.Index && a.Device == b.Device && a.Capable == b.Capable
}

// bornAgain reports that virtual functions were made anew since the last look,
// and forgets what is known of those.
func (k *Keeper) bornAgain(name string, f, was *Function) bool {
	again := false
	for id := range f.VFs {
		if old := was.vf(uint16(id)); old == nil || old.Born != f.VFs[id].Born {
			again = true
			k.forgetVF(vfKey{name, uint16(id)})
		}
	}
	return again
}

// drifted takes over what the kernel has of what is ours, and reports whether it
// is other than wanted.
func (k *Keeper) drifted(name string, f *Function) bool {
	drift := false
	if n, ok := k.wantNumber(name); ok && f.Capable {
		k.number.Observe(name, f.Number)
		drift = n != f.Number
	}
	if mode, ok := k.wantEswitch(name); ok && f.Eswitch != spec.EswitchNone {
		k.eswitch.Observe(name, f.Eswitch)
		drift = drift || mode != f.Eswitch
	}
	if on, ok := k.wantAutoprobe(name); ok && f.Autoprobe != nil {
		k.autoprobe.Observe(name, *f.Autoprobe)
		drift = drift || on != *f.Autoprobe
	}
	for id, v := range k.want[name].VFs {
		have := f.vf(id)
		if have == nil {
			k.forgetVF(vfKey{name, id})
			drift = true
			continue
		}
		k.observeVF(vfKey{name, id}, have.Set)
		drift = drift || have.Set.Only(v.Has) != v.Only(spec.VFAll)
	}
	return drift
}

// forget drops what is known of an interface that went.
func (k *Keeper) forget(name string) {
	k.autoprobe.Forget(name)
	k.eswitch.Forget(name)
	k.number.Forget(name)
	for _, key := range k.vfKeys(name) {
		k.forgetVF(key)
	}
}

// forgetVF drops what is known of a virtual function.
func (k *Keeper) forgetVF(key vfKey) {
	k.mac.Forget(key)
	k.settings.Forget(key)
}

// observeVF takes over how a virtual function is set, of what is ours.
func (k *Keeper) observeVF(key vfKey, have spec.VF) {
	for _, t := range []*reconcile.Shadow[vfKey, spec.VF]{k.mac, k.settings} {
		believed, _ := t.Get(key)
		t.Observe(key, have.Only(believed.Has))
	}
}

// vfKeys are the virtual functions of an interface that are wanted, or ours.
func (k *Keeper) vfKeys(name string) []vfKey {
	ids := make(map[uint16]struct{})
	if s := k.want[name]; s != nil {
		for id := range s.VFs {
			ids[id] = struct{}{}
		}
	}
	for _, t := range []*reconcile.Shadow[vfKey, spec.VF]{k.mac, k.settings} {
		for key := range t.Each {
			if key.Name == name {
				ids[key.ID] = struct{}{}
			}
		}
	}
	var keys []vfKey
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		keys = append(keys, vfKey{name, id})
	}
	return keys
}

func (k *Keeper) wantAutoprobe(name string) (bool, bool) {
	s := k.want[name]
	if s == nil || s.Autoprobe == nil {
		return false, false
	}
	return *s.Autoprobe, true
}

func (k *Keeper) wantEswitch(name string) (spec.Eswitch, bool) {
	s := k.want[name]
	if s == nil || s.Eswitch == spec.EswitchNone {
		return spec.EswitchNone, false
	}
	return s.Eswitch, true
}

func (k *Keeper) wantNumber(name string) (uint16, bool) {
	s := k.want[name]
	if s == nil || s.Number == nil {
		return 0, false
	}
	return *s.Number, true
}

// wantVF is what is wanted of some attributes of a virtual function.
func (k *Keeper) wantVF(of spec.VFAttributes) func(vfKey) (spec.VF, bool) {
	return func(key vfKey) (spec.VF, bool) {
		s := k.want[key.Name]
		if s == nil {
			return spec.VF{}, false
		}
		v := s.VFs[key.ID].Only(of)
		return v, v.Has != 0
	}
}

// sync brings the tables of interfaces to what is wanted: what comes and changes
// first, number before settings, then what goes, settings first. With an undo the
// first error ends it, with nil everything is attempted.
func (k *Keeper) sync(names []string, undo *reconcile.Undo) error {
	return inOrder(undo,
		func() error { return k.autoprobe.Put(names, k.wantAutoprobe, undo) },
		func() error { return k.eswitch.Put(names, k.wantEswitch, undo) },
		func() error { return k.number.Put(names, k.wantNumber, undo) },
		func() error { return k.syncVFs(names, undo) },
		func() error { return k.number.Delete(names, k.wantNumber, undo) },
		func() error { return k.eswitch.Delete(names, k.wantEswitch, undo) },
		func() error { return k.autoprobe.Delete(names, k.wantAutoprobe, undo) },
	)
}

// syncVFs brings the virtual functions alone to what is wanted: all addresses
// before all else, so that drivers are bound again while a device's carrier comes
// back, without which it takes no rate.
func (k *Keeper) syncVFs(names []string, undo *reconcile.Undo) error {
	var keys []vfKey
	for _, name := range names {
		k.anew(name)
		keys = append(keys, k.vfKeys(name)...)
	}
	mac, others := k.wantVF(spec.VFMAC), k.wantVF(settings)
	return inOrder(undo,
		func() error { return k.mac.Put(keys, mac, undo) },
		func() error { return k.settings.Sync(keys, others, undo) },
		func() error { return k.mac.Delete(keys, mac, undo) },
	)
}

// inOrder takes steps; with an undo the first error ends it.
func inOrder(undo *reconcile.Undo, steps ...func() error) error {
	var errs []error
	for _, step := range steps {
		if err := step(); err != nil {
			errs = append(errs, err)
			if undo != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// anew takes over how virtual functions are set that another number has made
// anew: what is believed of them does not hold any more.
func (k *Keeper) anew(name string) {
	if _, changed := k.kept[name]; !changed {
		return
	}
	for _, key := range k.vfKeys(name) {
		if have := k.functions[name].vf(key.ID); have != nil {
			k.observeVF(key, have.Set)
		} else {
			k.forgetVF(key)
		}
	}
}
