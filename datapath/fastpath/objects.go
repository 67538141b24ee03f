package fastpath

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// LayoutVersion is the meaning of the maps. Maps of another version are not
// taken over; those of this version are where their shape is the same.
const LayoutVersion = 1

// Objects is the program and its maps, loaded and pinned. One goroutine owns
// it; from others only ReadCounters, Switches.Stats, FDB.All and FDB.Lookup may
// be called.
type Objects struct {
	dir     string // pins of this layout version
	lock    *os.File
	maps    map[string]*ebpf.Map
	program *ebpf.Program // that is to be attached: plain, or the traced one
	current ebpf.ProgramID
	plain   *ebpf.Program
	clock   *ebpf.Program
	fold    *ebpf.Program // counters of one port into another's
	reader  *ebpf.Program // of carriers
	events  *ringbuf.Reader
	record  ringbuf.Record
	lost    uint64 // of globals, when events were last drained
	hz      uint32 // jiffies per second
	cookie  uint64 // of the network namespace
	memory

	countersMu sync.Mutex
	counters   []bpf.SwitchPortCounters // of the last read, by port and CPU; under countersMu

	links map[uint32]link.Link // by ifindex; defunct ones among them

	explainer *explainer // of the maps as they are, nil before it is asked
}

// memory is every mapped array.
type memory struct {
	index     array[bpf.SwitchPortSet]
	ports     array[bpf.SwitchPort]
	switches  array[bpf.SwitchVswitch]
	fids      array[bpf.SwitchFid]
	flood     array[bpf.SwitchFloodSet]
	fdb       array[bpf.SwitchFdbBucket]
	globals   array[bpf.SwitchGlobal]
	lags      array[bpf.SwitchLag]
	lagTables array[bpf.SwitchLagTable]
	pauses    array[[spec.LAGBuckets]bpf.SwitchLagPause]
	carriers  array[bpf.SwitchCarrier]

	classifiers array[bpf.SwitchClassifier]
	terms       array[[spec.MaxTerms]bpf.SwitchClassTerm]
	policers    array[bpf.SwitchPolicer]
}

// Open loads the program and takes over the maps and links that are pinned
// below pinDir (see PinDir), or makes them. The calling thread is in the network
// namespace of the interfaces. Frames go on passing through the
// programs that are attached; Attachments tells which those are. Until Close,
// pinDir is locked: a second Open of it fails with ErrLocked.
//
// It needs CAP_BPF and CAP_NET_ADMIN and tells when it lacks them. log hears
// what could not be taken over.
func Open(pinDir string, log *slog.Logger) (_ *Objects, err error) {
	o := &Objects{
		dir:   filepath.Join(pinDir, fmt.Sprintf("v%d", LayoutVersion)),
		maps:  map[string]*ebpf.Map{},
		links: map[uint32]link.Link{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	if base := existing(pinDir); !IsBPFFS(base) {
		return nil, fmt.Errorf("pins %s: %s is in no BPF file system (as root: mount -t bpf bpf %s)", pinDir, base, bpffsMount)
	}
	if err := os.MkdirAll(filepath.Join(o.dir, linkDir), 0o700); err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	if o.lock, err = lockDir(pinDir); err != nil {
		return nil, err
	}
	if o.cookie, err = namespaceCookie(); err != nil {
		return nil, err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raise RLIMIT_MEMLOCK (run as root, or with ulimit -l unlimited): %w", err)
	}
	if err := o.load(log); err != nil {
		return nil, withRemedy(err)
	}
	if err := o.adopt(pinDir, log); err != nil {
		return nil, err
	}
	return o, nil
}

// load makes the maps and the program and maps their memory.
func (o *Objects) load(log *slog.Logger) error {
	spec, err := bpf.LoadSwitch()
	if err != nil {
		return err
	}
	if o.hz, err = jiffiesPerSecond(); err != nil {
		return err
	}
	if err := o.openMaps(spec, log); err != nil {
		return err
	}
	programs, err := o.programs(spec, true)
	if err != nil {
		return err
	}
	o.plain, o.clock, o.fold, o.reader = programs.SwitchIngress, programs.Clock, programs.FoldCounters, programs.ReadCarriers
	if err := o.Carriers(nil, nil); err != nil { // notes the network namespace
		return err
	}
	if err := o.use(o.plain); err != nil {
		return err
	}
	if err := probeTCX(o.program); err != nil {
		return err
	}
	o.events, err = ringbuf.NewReader(o.maps[bpf.SwitchMapFdbEvents])
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	o.events.SetDeadline(time.Unix(1, 0)) // long ago: never wait
	o.lost = o.eventsLost()
	return nil
}

// probeTCX attaches to an interface that can't be, to learn whether the kernel
// knows tcx at all.
func probeTCX(p *ebpf.Program) error {
	l, err := link.AttachTCX(link.TCXOptions{Interface: math.MaxInt32, Program: p, Attach: ebpf.AttachTCXIngress})
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("this kernel has no tcx, the switch needs Linux 6.6 or newer: %w", err)
	}
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// withRemedy adds what helps against an error of the bpf system call.
func withRemedy(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: run as root or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON", err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: the switch needs about 50 MB of kernel memory", err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: the kernel lacks CONFIG_BPF_SYSCALL", err)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: the switch needs Linux 6.6 or newer with CONFIG_DEBUG_INFO_BTF", err)
	}
	return err
}

// Close releases everything and leaves it at work: maps and links stay pinned.
// Nothing of the objects may be used any more, in any goroutine.
func (o *Objects) Close() error {
	var errs []error
	for _, l := range o.links {
		errs = append(errs, l.Close())
	}
	o.links = nil
	if o.events != nil {
		errs = append(errs, o.events.Close())
	}
	errs = append(errs, o.memory.close())
	if o.explainer != nil {
		errs = append(errs, o.explainer.close())
	}
	for _, p := range []*ebpf.Program{o.plain, o.clock, o.fold, o.reader} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	for _, m := range o.maps {
		errs = append(errs, m.Close())
	}
	if o.lock != nil {
		errs = append(errs, o.lock.Close())
	}
	return errors.Join(errs...)
}

func (m *memory) close() error {
	return errors.Join(m.index.close(), m.ports.close(), m.switches.close(), m.fids.close(),
		m.flood.close(), m.fdb.close(), m.globals.close(), m.lags.close(), m.lagTables.close(), m.pauses.close(), m.carriers.close(),
		m.classifiers.close(), m.terms.close(), m.policers.close())
}

func (m *memory) open(maps map[string]*ebpf.Map) error {
	var errs [14]error
	m.index, errs[0] = mapArray[bpf.SwitchPortSet](maps[bpf.SwitchMapPortOfIfindex])
	m.ports, errs[1] = mapArray[bpf.SwitchPort](maps[bpf.SwitchMapPorts])
	m.switches, errs[2] = mapArray[bpf.SwitchVswitch](maps[bpf.SwitchMapSwitches])
	m.fids, errs[3] = mapArray[bpf.SwitchFid](maps[bpf.SwitchMapFids])
	m.flood, errs[4] = mapArray[bpf.SwitchFloodSet](maps[bpf.SwitchMapFlood])
	m.fdb, errs[5] = mapArray[bpf.SwitchFdbBucket](maps[bpf.SwitchMapFdb])
	m.globals, errs[6] = mapArray[bpf.SwitchGlobal](maps[globals])
	m.lags, errs[7] = mapArray[bpf.SwitchLag](maps[bpf.SwitchMapLags])
	m.carriers, errs[8] = mapArray[bpf.SwitchCarrier](maps[bpf.SwitchMapCarriers])
	m.lagTables, errs[10] = mapArray[bpf.SwitchLagTable](maps[bpf.SwitchMapLagTables])
	m.classifiers, errs[11] = mapArray[bpf.SwitchClassifier](maps[bpf.SwitchMapClassifiers])
	m.terms, errs[12] = mapRows[[spec.MaxTerms]bpf.SwitchClassTerm](maps[bpf.SwitchMapClassTerms])
	m.policers, errs[13] = mapArray[bpf.SwitchPolicer](maps[bpf.SwitchMapPolicers])
	m.pauses, errs[9] = mapArray[[spec.LAGBuckets]bpf.SwitchLagPause](maps[bpf.SwitchMapLagPauses])
	return errors.Join(errs[:]...)
}

// jiffiesPerSecond is the kernel's HZ: a coarse clock has the resolution of
// one jiffy.
func jiffiesPerSecond() (uint32, error) {
	var res unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &res); err != nil {
		return 0, fmt.Errorf("resolution of the coarse clock: %w", err)
	}
	ns := res.Nano()
	if ns <= 0 {
		return 0, fmt.Errorf("resolution of the coarse clock: %d ns", ns)
	}
	return uint32((int64(time.Second) + ns/2) / ns), nil
}

// jiffies is the kernel's clock, its low 32 bits.
func (o *Objects) jiffies() (uint32, error) {
	now, err := o.clock.Run(&ebpf.RunOptions{})
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}
