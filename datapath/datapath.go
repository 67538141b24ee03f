package datapath

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/datapath/sriov"
)

// DefaultStateDir is where the record of the datapath lies: it is about the
// running kernel and ends with it, as this folder does.
const DefaultStateDir = "/run/signalbox"

// ErrClosed says that the datapath was closed or flushed.
var ErrClosed = errors.New("the datapath is closed")

// Options are what Open needs to know. The zero value is good.
type Options struct {
	// BPFFS is a mounted BPF file system; "" finds or mounts one
	// (fastpath.FindBPFFS).
	BPFFS string
	// StateDir is the folder of the record: the names behind port and switch
	// numbers, and the attributes of interfaces as they were found. It must be
	// the same at each start until the host boots again; "" is
	// DefaultStateDir. Instances in several network namespaces may share it.
	StateDir string
	// SystemID is the element's address in LACP, unless an aggregate has its
	// own, and in LLDP; the zero value takes one made from the boot and the
	// namespace.
	SystemID spec.MAC
	// SystemDescription is what neighbors are told by LLDP that the element is,
	// unless they are told something else.
	SystemDescription string
	// Log hears what happens without being asked for; nil is slog.Default().
	Log *slog.Logger
}

// Datapath is the switch of one network namespace. All methods may be called
// from any goroutine.
type Datapath struct {
	log              *slog.Logger
	instance         *net.UnixListener
	record           *recordFile
	hurry            hurry
	conn             *netdev.Conn
	lacp             *negotiator
	lldp             *discoverer
	announcer        *announcer
	functions        *sriov.Keeper // of virtual functions, on connections of its own
	functionsConn    *netdev.Conn
	functionsDevlink *netdev.Devlink
	watcher          *netdev.Watcher
	dcb              *dcbAccess
	objects          *fastpath.Objects

	// Of the owner goroutine alone.
	model    *model
	tables   *tables
	ready    bool // the first Apply was made
	ahead    bool // the record has what a transaction under way adds
	fdb      []spec.FDBEvent
	fdbLost  bool
	watchers map[*watcher]struct{}
	retry    time.Time            // when to try again what failed; zero: nothing did
	again    map[uint32]time.Time // interfaces that are looked at once more, by ifindex
	failure  string               // what was last said of it
	aged     time.Time            // when the filtering database was last scanned
	counted  time.Time            // when the switches' counts were last told
	carriers carriers
	since    time.Time // when members that are lost were last known to be well; zero: now
	lacpTold time.Time // when the counters of LACP were last told

	traces traces

	requests chan func()
	quit     chan struct{} // closed by Close
	quitOnce sync.Once
	done     chan struct{} // closed when the owner has ended

	// alive is held for reading while somebody reads the maps, and for writing
	// when they go.
	alive  sync.RWMutex
	closed bool // under alive

	queueCounts queueCounts
	counting    sync.RWMutex // held for writing while counters move

	seenMu sync.Mutex // guards seen
	seen   seen
}

// seen is what the owner shows to others.
type seen struct {
	interfaces map[string]*spec.Interface
	switches   map[string]*spec.SwitchState
	snapshot   *spec.State // copies of both, nil when they changed
	ports      [spec.MaxPorts + 1]string
	named      uint64 // counts what changed in ports
	vswitches  [spec.MaxSwitches + 1]string
	numbers    map[string]uint16   // of ports and members, by interface name
	qos        map[string]*seenQoS // of those that have any, by interface name
	queues     []string            // by number
}

// Open takes the datapath of the calling thread's network namespace: it
// adopts the maps and programs that an earlier instance left at work, and
// looks at the interfaces. Frames go on as before; nothing is changed until
// the first Apply, which is taken as the whole of what is wanted: ports,
// switches and attributes that it does not name are given back.
//
// It fails with ErrInstance where another process has the namespace, and says
// what is missing where the kernel, its BPF file system or the privileges do
// not suffice. The caller ends it with Close or Flush.
func Open(ctx context.Context, o Options) (_ *Datapath, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	d := newDatapath(o.Log)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.release())
		}
	}()
	err = patiently(ctx, func() error { d.instance, err = claimInstance(); return err })
	if err != nil {
		return nil, err
	}
	d.hurry = newHurry(o.StateDir)
	err = patiently(ctx, func() error { return errors.Join(d.hurry.restore(), d.openObjects(o)) })
	if err != nil {
		return nil, err
	}
	if err := d.openNetwork(); err != nil {
		return nil, err
	}
	if err := d.adopt(); err != nil {
		return nil, err
	}
	d.openTeaming(o)
	if err := d.openFunctions(); err != nil {
		return nil, err
	}
	d.model.touchAll()
	d.publish(time.Now())
	d.model.begin()
	if err := d.start(); err != nil {
		return nil, err
	}
	return d, nil
}

func newDatapath(log *slog.Logger) *Datapath {
	d := &Datapath{
		log: log, model: newModel(), watchers: make(map[*watcher]struct{}),
		again:    make(map[uint32]time.Time),
		requests: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}),
		seen: seen{
			interfaces: make(map[string]*spec.Interface), switches: make(map[string]*spec.SwitchState),
			numbers: make(map[string]uint16), qos: make(map[string]*seenQoS),
		},
		carriers: carriers{ticker: time.NewTicker(lookEvery)},
	}
	d.carriers.ticker.Stop()
	return d
}

// openObjects takes over or makes what is in the kernel, with the record of
// whoever made it. Maps without a record mean nothing: they are made anew.
func (d *Datapath) openObjects(o Options) error {
	if o.BPFFS == "" {
		folder, stays, err := fastpath.FindBPFFS()
		if err != nil {
			return err
		}
		if o.BPFFS = folder; !stays {
			d.log.Warn("the switch may end with this command: its BPF file system is in no other process's mounts (as under \"ip netns exec\"); --bpffs names one that stays", "bpffs", folder)
		}
	}
	pins, err := fastpath.PinDir(o.BPFFS)
	if err != nil {
		return err
	}
	if d.record, err = newRecordFile(o.StateDir, o.BPFFS, filepath.Base(pins)); err != nil {
		return err
	}
	d.sweep(pins)
	r, err := d.record.load()
	if err != nil {
		if !errors.Is(err, errNoRecord) {
			d.log.Error("the record is of no use, the datapath starts anew", "error", err)
		}
		if _, err := os.Stat(pins); err == nil {
			d.log.Warn("nobody knows any more what the interfaces were like before they became ports: "+
				"their attributes stay as they are, the datapath starts anew", "pins", pins)
		}
		if err := fastpath.Remove(pins); err != nil {
			return err
		}
		r = &record{}
	}
	d.restore(r)
	d.objects, err = fastpath.Open(pins, d.log)
	return err
}

// sweep clears up after the elements of network namespaces that are gone.
func (d *Datapath) sweep(pins string) {
	err := errors.Join(fastpath.Sweep(pins), d.record.sweepPins(filepath.Dir(pins)), d.record.sweep(func(namespace string) bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(pins), namespace))
		return err == nil
	}))
	if err != nil {
		d.log.Warn("what is left of other network namespaces", "error", err)
	}
}

// openNetwork listens for changes, then looks at everything once.
func (d *Datapath) openNetwork() error {
	var err error
	if d.watcher, err = netdev.Watch(); err != nil {
		return err
	}
	if d.conn, err = netdev.Dial(); err != nil {
		return err
	}
	if d.dcb, err = openDCB(); err != nil {
		return err
	}
	d.tables = newTables(d.objects, d.conn, d.dcb, d.model)
	d.model.qos.hasRED = d.conn.HasRED()
	if err := d.lookAtAll(); err != nil {
		return err
	}
	// An attribute is given back to the interface that it was of: not to one
	// that was renamed, or that got the number of one that went.
	for index, o := range d.model.original {
		if l := d.model.devices[index]; l == nil || l.Name != o.Name {
			delete(d.model.original, index)
		}
	}
	return nil
}

// restore seeds the model with what an earlier instance knew.
func (d *Datapath) restore(r *record) {
	for name, n := range r.Ports {
		d.model.portNumbers.restore(name, n)
	}
	for name, n := range r.Switches {
		d.model.switchNumbers.restore(name, n)
	}
	for name, n := range r.LAGs {
		d.model.lagNumbers.restore(name, n)
	}
	for name, n := range r.Queues {
		d.model.qos.queues.restore(name, n)
	}
	for digest, n := range r.Classifiers {
		d.model.qos.classifiers.restore(digest, n)
	}
	for key, n := range r.Instances {
		d.model.qos.instances.restore(key, n)
	}
	for index, o := range r.Originals {
		if o != nil {
			d.model.original[index] = o
		}
	}
}

// adopt reads what is in the kernel, and keeps the filtering ids of the VLANs
// there and what the aggregates' tables tell. The record is written for who has
// to clear up after a kill.
func (d *Datapath) adopt() error {
	if err := d.tables.load(d.model); err != nil {
		return fmt.Errorf("read the datapath: %w", err)
	}
	d.model.found = maps.Collect(d.tables.lags.Each)
	for v, fid := range d.tables.fids.Each {
		d.model.fidNumbers.restore(v, int(fid.ID))
	}
	return d.save()
}

// save writes the record down.
func (d *Datapath) save() error {
	d.ahead = false
	return d.record.save(&record{
		Ports: d.model.portNumbers.of, Switches: d.model.switchNumbers.of, LAGs: d.model.lagNumbers.of,
		Queues: d.model.qos.queues.of, Instances: d.model.qos.instances.of, Classifiers: d.model.qos.classifiers.of,
		Originals: d.model.original,
	})
}

// Close ends the owner and waits for it. The kernel goes on forwarding as it
// was last told. Closing again does nothing.
func (d *Datapath) Close() error {
	d.quitOnce.Do(func() { close(d.quit) })
	<-d.done
	return d.release()
}

// release closes what is open, once.
func (d *Datapath) release() error {
	d.alive.Lock()
	defer d.alive.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	errs := []error{d.endFunctions(), d.endTeaming(), d.endTracing()}
	if d.watcher != nil {
		errs = append(errs, d.watcher.Close())
	}
	if d.dcb != nil {
		errs = append(errs, d.dcb.Close())
	}
	if d.conn != nil {
		errs = append(errs, d.conn.Close())
	}
	if d.objects != nil {
		errs = append(errs, d.objects.Close())
	}
	if d.instance != nil {
		errs = append(errs, d.instance.Close())
	}
	return errors.Join(errs...)
}

// State is what was last observed. It is not modified any more.
func (d *Datapath) State() *spec.State {
	d.seenMu.Lock()
	defer d.seenMu.Unlock()
	if d.seen.snapshot == nil {
		d.seen.snapshot = d.seen.copy()
	}
	return d.seen.snapshot
}
