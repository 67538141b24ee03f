package sriov

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// kernel is what the keeper needs of the kernel.
type kernel interface {
	// Read reads the interfaces of these names, by name; one that is not there
	// is left out. The interfaces of virtual functions are found only among
	// them, or where sysfs shows them.
	Read(names []string) (map[string]*Function, error)
	// Refresh reads again how the virtual functions of a physical one are set, and
	// its carrier, but not who uses them: that takes longer. It is nil where the
	// interface is not there.
	Refresh(f *Function) (*Function, error)
	// Counters reads what a physical function's driver counts of its virtual
	// functions.
	Counters(f *Function) (map[uint16]spec.VFCounters, error)
	// SetNumber makes n virtual functions, where there are none, or removes all
	// (0). It returns when the kernel has done so.
	SetNumber(f *Function, n uint16) error
	// SetAutoprobe says whether new virtual functions are bound to a driver.
	SetAutoprobe(f *Function, on bool) error
	// SetVF sets one attribute of a virtual function to what it is in v; both
	// rates at once.
	SetVF(f *Function, vf uint16, v spec.VF, one spec.VFAttributes) error
	// SetEswitch sets the mode of a device's own switch.
	SetEswitch(f *Function, mode spec.Eswitch) error
	// Rebind takes a virtual function from its driver and gives it back.
	Rebind(f *Function, vf uint16) error
}

// Function is an interface as it was read. Nobody modifies it.
type Function struct {
	netdev.Link
	// Capable says that it can have virtual functions; nothing else below is
	// set where it can not.
	Capable bool
	Speed   uint32 // megabits per second; 0 where the driver tells none
	// Total is how many virtual functions it can have; 0 where the device does
	// not tell. Number is how many there are.
	Total, Number    uint16
	Autoprobe        *bool
	NUMANode         *uint16
	Driver, Firmware string
	Eswitch          spec.Eswitch
	// VFs are the virtual functions, by number: as many as there are, or fewer
	// while the kernel makes them.
	VFs []Virtual

	carried bool // it had a carrier before its number was touched
}

// Virtual is a virtual function as it was read.
type Virtual struct {
	Set         spec.VF // Has are the attributes that the driver tells
	PCI, Driver string  // "" for none
	// Born is another number when the function was made anew; 0 where it has no
	// device.
	Born uint64
	// Netdev is its interface; nil where there is none in this namespace.
	Netdev *netdev.Link
	// Port is its port in the device's switch; nil where that has none.
	Port *netdev.DevlinkPort
}

// Use is who uses it.
func (v *Virtual) Use() spec.VFUse {
	switch {
	case v.PCI == "":
		return spec.VFUseUnknown
	case v.Driver == "":
		return spec.VFUnused
	case handsOver(v.Driver):
		return spec.VFUsedByDriver
	case v.Netdev == nil:
		return spec.VFUsedElsewhere
	case v.Netdev.AdminUp() || v.Netdev.Master != 0:
		return spec.VFUsedByHost
	}
	return spec.VFUnused
}

// handsOver reports a driver that is there for a virtual machine or a program.
func handsOver(driver string) bool {
	return strings.Contains(driver, "vfio") || strings.Contains(driver, "uio") ||
		strings.Contains(driver, "pciback") || driver == "pci-stub"
}

// host is the kernel of this machine: netlink, and sysfs by the names that
// netlink gives, since /sys/class/net may be that of another namespace.
type host struct {
	conn    *netdev.Conn
	devlink *netdev.Devlink
	bus     string // "/sys/bus"
}

func (h *host) device(bus, device string) string { return filepath.Join(h.bus, bus, "devices", device) }

func (h *host) Read(names []string) (map[string]*Function, error) {
	all := make(map[string]*Function, len(names))
	behind := make(map[string]*netdev.Link) // by device
	for _, name := range names {
		l, err := h.conn.LinkNamed(name)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := &Function{Link: l}
		all[name], behind[l.Device] = f, &f.Link
	}
	for name, f := range all {
		if err := h.readFunction(f, behind); errors.Is(err, unix.ENODEV) {
			delete(all, name) // it went meanwhile
		} else if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (h *host) Refresh(f *Function) (*Function, error) {
	l, err := h.conn.LinkNamed(f.Name)
	if errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := *f
	now.Link, now.VFs = l, slices.Clone(f.VFs)
	vfs, err := h.conn.VFs(l.Index, false)
	if l.Index != f.Index || len(vfs) != len(f.VFs) || errors.Is(err, unix.ENODEV) {
		all, err := h.Read([]string{f.Name}) // it is another one
		return all[f.Name], err
	}
	if err != nil {
		return nil, err
	}
	for id := range now.VFs {
		now.VFs[id].Set = vfs[uint16(id)].Set
	}
	if now.Eswitch == spec.EswitchSwitchdev {
		return &now, h.readPorts(&now)
	}
	return &now, nil
}

// readFunction reads what a physical function has beside an interface.
func (h *host) readFunction(f *Function, behind map[string]*netdev.Link) error {
	if f.Device == "" || f.Bus == "" {
		return nil
	}
	dir := h.device(f.Bus, f.Device)
	number, err := readNumber(dir, "sriov_numvfs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.Capable, f.Number = true, uint16(number)
	if total, err := readNumber(dir, "sriov_totalvfs"); err == nil {
		f.Total = uint16(total)
	}
	if on, err := readNumber(dir, "sriov_drivers_autoprobe"); err == nil {
		probe := on != 0
		f.Autoprobe = &probe
	}
	if node, err := readNumber(dir, "numa_node"); err == nil && node >= 0 {
		n := uint16(node)
		f.NUMANode = &n
	}
	f.Speed, _ = h.conn.Speed(f.Name)
	f.Driver, f.Firmware = h.conn.Driver(f.Name)
	if f.Eswitch, err = h.devlink.Eswitch(f.Bus, f.Device); err != nil {
		return err
	}
	if err := h.readVFs(f, dir, behind); err != nil || f.Eswitch != spec.EswitchSwitchdev {
		return err
	}
	return h.readPorts(f)
}

// readPorts reads the ports of the virtual functions in the device's switch. In the
// mode switchdev their rates are those of the ports.
func (h *host) readPorts(f *Function) error {
	ports, err := h.devlink.Ports(f.Bus, f.Device)
	if err != nil {
		return err
	}
	for id := range f.VFs {
		v := &f.VFs[id]
		v.Set = v.Set.Only(v.Set.Has &^ (spec.VFMinRate | spec.VFMaxRate))
		v.Port = nil
		p, ok := ports[uint16(id)]
		if !ok {
			continue
		}
		v.Port = &p
		if p.HasRates {
			v.Set.Take(spec.VF{MinRate: p.MinRate}, spec.VFMinRate)
			v.Set.Take(spec.VF{MaxRate: p.MaxRate}, spec.VFMaxRate)
		}
	}
	return nil
}

func (h *host) readVFs(f *Function, dir string, behind map[string]*netdev.Link) error {
	vfs, err := h.conn.VFs(f.Index, false)
	if err != nil {
		return err
	}
	for id := range f.Number {
		vf, ok := vfs[id]
		if !ok {
			return nil // the rest is not made yet
		}
		v := Virtual{Set: vf.Set}
		if f.Bus == "pci" && !h.readVirtual(&v, filepath.Join(dir, "virtfn"+strconv.Itoa(int(id))), behind) {
			return nil
		}
		f.VFs = append(f.VFs, v)
	}
	return nil
}

// readVirtual reads the device of a virtual function; false where it is not
// made yet.
func (h *host) readVirtual(v *Virtual, link string, behind map[string]*netdev.Link) bool {
	target, err := os.Readlink(link)
	if err != nil {
		return false
	}
	v.PCI = filepath.Base(target)
	dir := h.device("pci", v.PCI)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return false
	}
	v.Born = st.Ino
	if driver, err := os.Readlink(filepath.Join(dir, "driver")); err == nil {
		v.Driver = filepath.Base(driver)
	}
	if v.Netdev = behind[v.PCI]; v.Netdev != nil || v.Driver == "" {
		return true
	}
	shown, _ := os.ReadDir(filepath.Join(dir, "net")) // none where it is in another namespace
	for _, e := range shown {
		if l, err := h.conn.LinkNamed(e.Name()); err == nil && l.Device == v.PCI {
			v.Netdev = &l
		}
	}
	return true
}

func (h *host) Counters(f *Function) (map[uint16]spec.VFCounters, error) {
	vfs, err := h.conn.VFs(f.Index, true)
	if err != nil {
		return nil, err
	}
	all := make(map[uint16]spec.VFCounters, len(vfs))
	for id, vf := range vfs {
		all[id] = vf.Counters
	}
	return all, nil
}

// readNumber reads a file of sysfs.
func readNumber(dir, name string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
	}
	return n, nil
}

// write writes to a file of sysfs. The error is the driver's errno.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (h *host) SetNumber(f *Function, n uint16) error {
	return write(filepath.Join(h.device(f.Bus, f.Device), "sriov_numvfs"), strconv.Itoa(int(n)))
}

func (h *host) SetAutoprobe(f *Function, on bool) error {
	text := "0"
	if on {
		text = "1"
	}
	return write(filepath.Join(h.device(f.Bus, f.Device), "sriov_drivers_autoprobe"), text)
}

func (h *host) SetEswitch(f *Function, mode spec.Eswitch) error {
	return h.devlink.SetEswitch(f.Bus, f.Device, mode)
}

func (h *host) SetVF(f *Function, vf uint16, v spec.VF, one spec.VFAttributes) error {
	if p := f.vf(vf); one == spec.VFMaxRate && f.Eswitch == spec.EswitchSwitchdev && p != nil && p.Port != nil {
		return h.devlink.SetRates(f.Bus, f.Device, p.Port.Index, v.MinRate, v.MaxRate)
	}
	return h.conn.SetVF(f.Index, vf, v, one)
}

func (h *host) Rebind(f *Function, vf uint16) error {
	if int(vf) >= len(f.VFs) || f.VFs[vf].Driver == "" {
		return fmt.Errorf("virtual function %d of %s has no driver: %w", vf, f.Name, unix.ENODEV)
	}
	v := &f.VFs[vf]
	driver := filepath.Join(h.bus, "pci", "drivers", v.Driver)
	if err := write(filepath.Join(driver, "unbind"), v.PCI); err != nil {
		return fmt.Errorf("take %s from %s: %w", v.PCI, v.Driver, err)
	}
	if err := write(filepath.Join(driver, "bind"), v.PCI); err != nil {
		return fmt.Errorf("give %s back to %s: %w", v.PCI, v.Driver, err)
	}
	return nil
}
