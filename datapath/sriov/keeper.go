package sriov

import (
	"log/slog"
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
	k.autoprobe = reconcile.NewShadow[string, bool]("drivers-autoprobe", k.autoprobes())
	k.eswitch = reconcile.NewShadow[string, spec.Eswitch]("eswitch-mode", k.eswitches())
	k.number = reconcile.NewShadow[string, uint16]("num-vfs", k.numbers())
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
