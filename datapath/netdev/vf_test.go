package netdev

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// octetsOf are 32-bit numbers as the kernel sends them.
func octetsOf(all ...uint32) (b []byte) {
	for _, n := range all {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

// vfInfo is what the kernel tells of one virtual function.
func vfInfo(id uint32, spoof, trust uint32, tpid uint16) *nl.RtAttr {
	info := nl.NewRtAttr(nl.IFLA_VF_INFO|unix.NLA_F_NESTED, nil)
	info.AddRtAttr(nl.IFLA_VF_MAC, append(append(octetsOf(id), 2, 0, 0, 0, 0, byte(id)), make([]byte, 26)...))
	info.AddRtAttr(nl.IFLA_VF_VLAN, octetsOf(id, 10, 3))
	info.AddRtAttr(nl.IFLA_VF_RATE, octetsOf(id, 5, 100))
	info.AddRtAttr(nl.IFLA_VF_SPOOFCHK, octetsOf(id, spoof))
	info.AddRtAttr(nl.IFLA_VF_LINK_STATE, octetsOf(id, 2))
	info.AddRtAttr(nl.IFLA_VF_TRUST, octetsOf(id, trust))
	list := info.AddRtAttr(nl.IFLA_VF_VLAN_LIST|unix.NLA_F_NESTED, nil)
	tag := binary.BigEndian.AppendUint16(octetsOf(id, 10, 3), tpid)
	list.AddRtAttr(nl.IFLA_VF_VLAN_INFO, append(tag, 0, 0))
	stats := info.AddRtAttr(nl.IFLA_VF_STATS|unix.NLA_F_NESTED, nil)
	for kind := range uint16(9) {
		if kind != 6 {
			stats.AddRtAttr(int(kind), binary.NativeEndian.AppendUint64(nil, uint64(kind+1)))
		}
	}
	return info
}

func vfList(infos ...*nl.RtAttr) []byte {
	list := nl.NewRtAttr(unix.IFLA_VFINFO_LIST|unix.NLA_F_NESTED, nil)
	for _, i := range infos {
		list.AddChild(i)
	}
	return append(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("eth1")).Serialize(), list.Serialize()...)
}

func TestParseVFs(t *testing.T) {
	got, err := parseVFs(vfList(vfInfo(0, 1, 0, spec.TPIDCustomer), vfInfo(7, ^uint32(0), ^uint32(0), spec.TPIDService)))
	if err != nil {
		t.Fatal(err)
	}
	counters := spec.VFCounters{InFrames: 1, OutFrames: 2, InOctets: 3, OutOctets: 4, InMulticast: 6, InDiscards: 8, OutDiscards: 9}
	whole := spec.VF{Has: spec.VFAll, MAC: spec.MAC{2}, VLAN: 10, PCP: 3, TPID: spec.TPIDCustomer, MinRate: 5, MaxRate: 100, SpoofCheck: true, Link: spec.VFLinkDisable}
	less := whole
	less.Has &^= spec.VFSpoofCheck | spec.VFTrust
	less.MAC, less.TPID, less.SpoofCheck = spec.MAC{2, 0, 0, 0, 0, 7}, spec.TPIDService, false
	want := map[uint16]VF{0: {Set: whole, Counters: counters}, 7: {Set: less, Counters: counters}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := parseVFs(nil); err != nil || len(got) > 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

func TestParseVFsRefuses(t *testing.T) {
	short := func(kind int, length int) []byte {
		info := nl.NewRtAttr(nl.IFLA_VF_INFO, nil)
		info.AddRtAttr(nl.IFLA_VF_MAC, make([]byte, 36))
		info.AddRtAttr(kind, make([]byte, length))
		return vfList(info)
	}
	for name, b := range map[string][]byte{
		"no number":      vfList(nl.NewRtAttr(nl.IFLA_VF_INFO, nil)),
		"a short MAC":    short(nl.IFLA_VF_MAC, 8),
		"a short VLAN":   short(nl.IFLA_VF_VLAN, 8),
		"a short rate":   short(nl.IFLA_VF_RATE, 8),
		"a short check":  short(nl.IFLA_VF_SPOOFCHK, 4),
		"half a message": vfList(vfInfo(0, 1, 0, spec.TPIDCustomer))[:60],
	} {
		if got, err := parseVFs(b); err == nil {
			t.Errorf("%s: %v, want an error", name, got)
		}
	}
}

func FuzzParseVFs(f *testing.F) {
	f.Add(vfList(vfInfo(0, 1, 0, spec.TPIDCustomer), vfInfo(1, ^uint32(0), 1, spec.TPIDService)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		vfs, err := parseVFs(b)
		for id, v := range vfs {
			if err == nil && v.Set.Has&spec.VFMAC == 0 {
				t.Errorf("virtual function %d without an address", id)
			}
		}
	})
}
