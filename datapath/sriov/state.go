package sriov

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// publish makes what is told of all interfaces, and says so where it differs.
func (k *Keeper) publish() {
	now := make(map[string]*spec.SRIOVState)
	for name, f := range k.functions {
		if f.Capable || k.want[name] != nil {
			now[name] = k.state(name, f)
		}
	}
	for name := range k.want {
		if now[name] == nil {
			now[name] = k.state(name, &Function{})
		}
	}
	k.seen.Lock()
	defer k.seen.Unlock()
	for name := range k.states {
		if now[name] == nil {
			delete(k.states, name)
			k.news[name] = struct{}{}
		}
	}
	for name, s := range now {
		if !spec.SameSRIOV(k.states[name], s) {
			k.states[name] = s
			k.news[name] = struct{}{}
		}
	}
	if len(k.news) > 0 {
		signal(k.c)
	}
}

// state is what is told of an interface.
func (k *Keeper) state(name string, f *Function) *spec.SRIOVState {
	s := &spec.SRIOVState{
		Total: f.Total, Autoprobe: f.Autoprobe, NUMANode: f.NUMANode, Driver: f.Driver, Firmware: f.Firmware,
	}
	if f.Capable {
		a := k.abilities(f)
		s.Can, s.QinQ, s.Eswitch = a.can, a.qinq, f.Eswitch
	}
	if f.Bus == "pci" && f.Capable {
		s.PCI = f.Device
	}
	for id := range f.VFs {
		s.VFs = append(s.VFs, f.VFs[id].state())
	}
	if want := k.want[name]; want != nil {
		s.Configured, s.Force, s.Repair = true, want.Force, want.Repair
		s.Pending = k.pending(name, f, s)
		if err := k.faults[name]; err != nil && s.Pending == spec.VFPendingRetry {
			s.Fault = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
	}
	return s
}

// pending is what is still to happen to an interface that is configured.
func (k *Keeper) pending(name string, f *Function, s *spec.SRIOVState) spec.VFPending {
	switch {
	case !f.Capable:
		return spec.VFPendingDevice
	case k.faults[name] != nil:
		return spec.VFPendingRetry
	case k.drifted(name, f):
		return spec.VFPendingSet
	}
	for id, v := range k.want[name].VFs {
		if v.Has&spec.VFMAC != 0 && int(id) < len(s.VFs) && s.VFs[id].RebindPending {
			return spec.VFPendingRebind
		}
	}
	return spec.VFPendingNone
}

func (v *Virtual) state() spec.VFState {
	s := spec.VFState{VF: v.Set, PCI: v.PCI, Driver: v.Driver, Use: v.Use()}
	if v.Port != nil {
		s.Representor = v.Port.Netdev
	}
	if n := v.Netdev; n != nil {
		s.Netdev, s.Index, s.LinkUp = n.Name, n.Index, n.AdminUp() && n.Carrier()
		s.RebindPending = v.Set.Has&spec.VFMAC != 0 && !v.Set.Trust && !v.Set.MAC.IsZero() && v.Set.MAC != n.MAC
	}
	return s
}

// Take tells at which interfaces something changed since the last call.
func (k *Keeper) Take() []string {
	k.seen.Lock()
	defer k.seen.Unlock()
	names := slices.Sorted(maps.Keys(k.news))
	clear(k.news)
	return names
}

// View is what was observed of an interface; nil where it has no virtual
// functions and is not configured to.
func (k *Keeper) View(name string) *spec.SRIOVState {
	k.seen.Lock()
	defer k.seen.Unlock()
	return k.states[name]
}

// Counters reads what virtual functions received and sent as their physical
// functions count it, by interface, for those whose driver does.
func (k *Keeper) Counters() (map[string]map[uint16]spec.VFCounters, error) {
	k.seen.Lock()
	names := slices.Sorted(maps.Keys(k.states))
	k.seen.Unlock()
	functions, err := k.kernel.Read(names)
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[uint16]spec.VFCounters)
	for name, f := range functions {
		if f.Number == 0 {
			continue
		}
		counted, err := k.kernel.Counters(f)
		if errors.Is(err, unix.ENODEV) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(counted, func(_ uint16, c spec.VFCounters) bool { return c == spec.VFCounters{} })
		if len(counted) > 0 {
			all[name] = counted
		}
	}
	return all, nil
}
