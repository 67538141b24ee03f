package fastpath

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// VLAN names a VLAN of a switch by their numbers.
type VLAN struct {
	Switch uint16 // 1..spec.MaxSwitches
	ID     uint16 // spec.MinVLAN..spec.MaxVLAN
}

// FID is the filtering id of a VLAN that exists on a switch.
type FID struct {
	ID        uint16 // 1..spec.MaxFIDs, of one VLAN only
	Suspended bool   // the VLAN's frames are dropped
}

// FIDs is the table of the VLANs that exist.
type FIDs struct{ o *Objects }

// FIDs is the table of filtering ids by VLAN.
func (o *Objects) FIDs() FIDs { return FIDs{o} }

// List reads the table.
func (t FIDs) List() (map[VLAN]FID, error) {
	all := map[VLAN]FID{}
	for i := range t.o.fids.values {
		if f := loadWord(&t.o.fids.values[i]); f.Id != 0 {
			all[VLAN{uint16(i >> 12), uint16(i & 0xfff)}] = FID{
				ID:        f.Id,
				Suspended: bpf.SwitchFidFlags(f.Flags)&bpf.SwitchFidFlagsFID_SUSPENDED != 0,
			}
		}
	}
	return all, nil
}

// Put makes a VLAN exist.
func (t FIDs) Put(vlan VLAN, fid FID) error {
	at, err := t.at(vlan)
	if err != nil {
		return err
	}
	if fid.ID == 0 || fid.ID > spec.MaxFIDs {
		return fmt.Errorf("switch %d vlan %d: filtering id %d: want 1..%d", vlan.Switch, vlan.ID, fid.ID, spec.MaxFIDs)
	}
	if old := t.o.vlanOf(fid.ID); old.ID != 0 && old != vlan {
		return fmt.Errorf("switch %d vlan %d: filtering id %d belongs to switch %d vlan %d",
			vlan.Switch, vlan.ID, fid.ID, old.Switch, old.ID)
	}
	if old := at.Id; old != 0 && old != fid.ID {
		t.o.setOwner(old, VLAN{Switch: vlan.Switch})
	}
	v := bpf.SwitchFid{Id: fid.ID}
	if fid.Suspended {
		v.Flags = uint16(bpf.SwitchFidFlagsFID_SUSPENDED)
	}
	t.o.setOwner(fid.ID, vlan)
	storeWord(at, v)
	t.o.newGeneration()
	return nil
}

// Delete makes a VLAN exist no more. Before its filtering id is used again,
// its entries must be deleted from the filtering database.
func (t FIDs) Delete(vlan VLAN) error {
	at, err := t.at(vlan)
	if err != nil || at.Id == 0 {
		return err
	}
	id := at.Id
	storeWord(at, bpf.SwitchFid{})
	t.o.newGeneration()
	t.o.setOwner(id, VLAN{Switch: vlan.Switch})
	return nil
}

func (t FIDs) at(vlan VLAN) (*bpf.SwitchFid, error) {
	if vlan.Switch == 0 || vlan.Switch > spec.MaxSwitches || vlan.ID < spec.MinVLAN || vlan.ID > spec.MaxVLAN {
		return nil, fmt.Errorf("switch %d vlan %d: want switch 1..%d and VLAN %d..%d",
			vlan.Switch, vlan.ID, spec.MaxSwitches, spec.MinVLAN, spec.MaxVLAN)
	}
	return &t.o.fids.values[int(vlan.Switch)<<12|int(vlan.ID)], nil
}

// owner is the second word of a flood_set: switch and VLAN of the FID.
func (o *Objects) owner(fid uint16) *uint64 {
	return word(&o.flood.values[fid].Sw)
}

func (o *Objects) setOwner(fid uint16, vlan VLAN) {
	atomic.StoreUint64(o.owner(fid), uint64(vlan.Switch)|uint64(vlan.ID)<<16)
}

// vlanOf is the VLAN that has a filtering id. Its ID is 0 where none has; then
// Switch is the one that had it last, which counts the entries that are left.
func (o *Objects) vlanOf(fid uint16) VLAN {
	if fid > spec.MaxFIDs {
		return VLAN{}
	}
	w := atomic.LoadUint64(o.owner(fid))
	return VLAN{Switch: uint16(w), ID: uint16(w >> 16)}
}

// PortSet is a set of port numbers 0..4095: bit p%64 of word p/64.
type PortSet [64]uint64

// Add puts a port into the set.
func (s *PortSet) Add(port uint16) { s[port>>6&63] |= 1 << (port & 63) }

// Remove takes a port out of the set.
func (s *PortSet) Remove(port uint16) { s[port>>6&63] &^= 1 << (port & 63) }

// Has reports whether the port is in the set.
func (s *PortSet) Has(port uint16) bool { return s[port>>6&63]>>(port&63)&1 != 0 }

// Len counts the ports.
func (s *PortSet) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Flood is the table of the ports that frames of a FID are flooded to.
type Flood struct{ o *Objects }

// Flood is the table of flood members by filtering id.
func (o *Objects) Flood() Flood { return Flood{o} }

// List reads the table; a FID without members is not in it.
func (t Flood) List() (map[uint16]PortSet, error) {
	all := map[uint16]PortSet{}
	for i := range t.o.flood.values {
		v := &t.o.flood.values[i]
		if v.Summary == 0 {
			continue
		}
		var s PortSet
		for w := range v.Ports {
			s[w] = atomic.LoadUint64(&v.Ports[w])
		}
		all[uint16(i)] = s
	}
	return all, nil
}

// Put writes the members of a FID. Each port is in or out at once; the set as
// a whole changes word by word.
func (t Flood) Put(fid uint16, ports PortSet) error {
	if fid == 0 || fid > spec.MaxFIDs {
		return fmt.Errorf("filtering id %d: want 1..%d", fid, spec.MaxFIDs)
	}
	v := &t.o.flood.values[fid]
	var summary uint64
	for w, word := range ports {
		if word != 0 {
			summary |= 1 << w
		}
		if v.Ports[w] != word {
			atomic.StoreUint64(&v.Ports[w], word)
		}
	}
	atomic.StoreUint64(&v.Summary, summary)
	return nil
}

// Delete empties the set of a FID.
func (t Flood) Delete(fid uint16) error {
	if fid == 0 || fid > spec.MaxFIDs {
		return nil
	}
	return t.Put(fid, PortSet{})
}
