package sriov

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// machine is a kernel in memory that behaves as igb and igbvf were measured to:
//   - another number takes the carrier away for some looks, and all settings
//   - from one number to another there is no way but through none
//   - rates are refused without a carrier, and an assured rate always
//   - an address reaches an interface only when its driver is bound again, and a
//     trusted function's driver then puts its own in its place
//
// Each write has a number; the one in failAt fails, before its work or after it.
type machine struct {
	mu      sync.Mutex // guards what follows
	devices map[string]*device
	writes  []string
	failAt  int // from 1; 0: none
	after   bool
	born    uint64
}

type device struct {
	index     uint32
	driver    string
	total     uint16
	probe     bool
	up        bool
	down      int // looks until the carrier is back
	vfs       []virtual
	incapable bool
	mode      spec.Eswitch
}

type virtual struct {
	set    spec.VF
	driver string
	netdev netdev.Link
	born   uint64
}

const carrierLooks = 3

var errInjected = errors.New("injected")

func newMachine(names ...string) *machine {
	m := &machine{devices: make(map[string]*device)}
	for i, name := range names {
		m.devices[name] = &device{index: uint32(i + 2), driver: "igb", total: 7, probe: true, up: true}
	}
	return m
}

func (m *machine) Read(names []string) (map[string]*Function, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]*Function)
	for _, name := range names {
		if d := m.devices[name]; d != nil {
			all[name] = d.read(name)
		}
	}
	return all, nil
}

func (m *machine) Refresh(f *Function) (*Function, error) {
	all, err := m.Read([]string{f.Name})
	return all[f.Name], err
}

func (m *machine) Counters(f *Function) (map[uint16]spec.VFCounters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[f.Name]
	if d == nil {
		return nil, unix.ENODEV
	}
	all := make(map[uint16]spec.VFCounters)
	for i := range d.vfs {
		all[uint16(i)] = spec.VFCounters{InFrames: uint64(i)}
	}
	return all, nil
}

func (d *device) read(name string) *Function {
	f := &Function{Capable: !d.incapable, Total: d.total, Number: uint16(len(d.vfs)), Driver: d.driver}
	f.Link = netdev.Link{Index: d.index, Name: name, Bus: "pci", Device: fmt.Sprintf("0000:%02x:00.0", d.index)}
	if d.incapable {
		return f
	}
	probe := d.probe
	f.Autoprobe, f.Eswitch = &probe, d.mode
	if d.up {
		f.Flags |= unix.IFF_UP
	}
	if d.down > 0 {
		d.down--
	} else if d.up {
		f.Flags |= unix.IFF_LOWER_UP
		f.Speed = 1000
	}
	for i := range d.vfs {
		v := Virtual{Set: d.vfs[i].set, PCI: fmt.Sprintf("0000:%02x:10.%d", d.index, i), Driver: d.vfs[i].driver, Born: d.vfs[i].born}
		if v.Driver == "igbvf" {
			link := d.vfs[i].netdev
			v.Netdev = &link
		}
		if d.mode == spec.EswitchSwitchdev {
			v.Port = &netdev.DevlinkPort{Index: uint32(128 + i), VF: uint16(i), Netdev: fmt.Sprintf("rep%d", i), HasRates: true}
		}
		f.VFs = append(f.VFs, v)
	}
	return f
}

// write counts a write and lets it fail where it is to.
func (m *machine) write(f *Function, text string, work func(*device) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[f.Name]
	if d == nil {
		return unix.ENODEV
	}
	m.writes = append(m.writes, text)
	fails := len(m.writes) == m.failAt
	if fails && !m.after {
		return errInjected
	}
	if err := work(d); err != nil {
		return err
	}
	if fails {
		return errInjected
	}
	return nil
}

func (m *machine) SetNumber(f *Function, n uint16) error {
	return m.write(f, fmt.Sprintf("%s number %d", f.Name, n), func(d *device) error {
		switch {
		case n > d.total:
			return unix.ERANGE
		case n != 0 && len(d.vfs) != 0:
			return unix.EBUSY
		}
		d.vfs, d.down = nil, carrierLooks
		for i := range n {
			m.born++
			d.vfs = append(d.vfs, m.fresh(d, i))
		}
		return nil
	})
}

// fresh is a virtual function with a driver's settings, whose interface has an
// address of its own.
func (m *machine) fresh(d *device, id uint16) virtual {
	v := virtual{born: m.born, set: spec.VF{Has: spec.VFAll, TPID: spec.TPIDCustomer, SpoofCheck: true}}
	if d.probe {
		v.driver = "igbvf"
	}
	v.netdev = netdev.Link{Index: uint32(100 + m.born), Name: fmt.Sprintf("vf%d", id), MAC: spec.MAC{0xee, 0, 0, 0, byte(m.born), byte(id)}}
	return v
}

func (m *machine) SetAutoprobe(f *Function, on bool) error {
	return m.write(f, fmt.Sprintf("%s autoprobe %t", f.Name, on), func(d *device) error {
		d.probe = on
		return nil
	})
}

func (m *machine) SetEswitch(f *Function, mode spec.Eswitch) error {
	return m.write(f, fmt.Sprintf("%s mode %s", f.Name, mode), func(d *device) error {
		d.mode = mode
		return nil
	})
}

func (m *machine) SetVF(f *Function, vf uint16, v spec.VF, one spec.VFAttributes) error {
	return m.write(f, fmt.Sprintf("%s vf %d %s %s", f.Name, vf, one, v.Value(one)), func(d *device) error {
		if int(vf) >= len(d.vfs) {
			return unix.EINVAL
		}
		set, igb := &d.vfs[vf].set, d.driver != "generous"
		switch {
		case one == spec.VFLinkState && igb:
			return unix.EOPNOTSUPP
		case one == spec.VFVLAN && v.TPID != spec.TPIDCustomer && igb:
			return unix.EPROTONOSUPPORT
		case one == spec.VFMaxRate && (v.MinRate != 0 && igb || d.down > 0 || !d.up):
			return unix.EINVAL
		case one == spec.VFMaxRate:
			set.Take(v, spec.VFMinRate)
		}
		set.Take(v, one)
		return nil
	})
}

func (m *machine) Rebind(f *Function, vf uint16) error {
	return m.write(f, fmt.Sprintf("%s vf %d rebind", f.Name, vf), func(d *device) error {
		v := &d.vfs[vf]
		if v.set.Trust {
			v.set.MAC = v.netdev.MAC
		} else if !v.set.MAC.IsZero() {
			v.netdev.MAC = v.set.MAC
		}
		v.netdev.Index += 1000
		return nil
	})
}

// hand changes the machine by somebody else's hand.
func (m *machine) hand(f func(*machine)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

// anew makes a device's virtual functions as new.
func (m *machine) anew(name string) {
	d := m.devices[name]
	for i := range d.vfs {
		m.born++
		d.vfs[i] = m.fresh(d, uint16(i))
	}
}

// text is the whole machine.
func (m *machine) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(m.devices)) {
		d := m.devices[name]
		lines = append(lines, fmt.Sprintf("%s: autoprobe %t, mode %s, %d virtual functions", name, d.probe, d.mode, len(d.vfs)))
		for i, v := range d.vfs {
			lines = append(lines, fmt.Sprintf("  %d: %+v", i, v.set))
		}
	}
	return strings.Join(lines, "\n")
}
