package netdev_test

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
)

func TestDetours(t *testing.T) {
	here := lab.New(t)
	c, w := dial(t, here), watch(t, here, netdev.Watch)
	before, err := c.Links()
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []uint16{1, 17, 4095, 65535} {
		testTable(t, c.Detours(), number, netdev.Detour{})
	}
	put(t, c.Detours(), 17, netdev.Detour{})
	put(t, c.Schedulers(), netdev.DetourIn(17), netdev.Scheduler{Default: defaultClass})
	for index, name := range map[uint32]string{netdev.DetourIn(17): "sbq17i", netdev.DetourOut(17): "sbq17o"} {
		l, err := c.Link(index)
		if err != nil || l.Name != name || !l.AdminUp() || !l.Carrier() || l.MTU != 65535 || l.PeerElsewhere || !netdev.IsDetour(index) {
			t.Errorf("end %d: %+v, %v", index, l, err)
		}
		addresses, err := here.AddrList(here.Link(t, name), netlink.FAMILY_ALL)
		if err != nil || len(addresses) != 0 {
			t.Errorf("%s has addresses %v, %v", name, addresses, err)
		}
		for _, feature := range []uint32{unix.ETHTOOL_GTSO, unix.ETHTOOL_GGSO, unix.ETHTOOL_GTXCSUM} {
			if !offload(t, here, name, feature) {
				t.Errorf("%s: offload %#x is off", name, feature)
			}
		}
	}
	if after, err := c.Links(); err != nil || len(after) != len(before) {
		t.Errorf("%d interfaces, %v; want the detour hidden among %d", len(after), err, len(before))
	}
	seen := make(map[uint16]bool)
	lab.Wait(t, "word of the detour", func() bool {
		changes := w.Take()
		for number := range changes.Detours {
			seen[number] = true
		}
		for index := range changes.Links {
			t.Errorf("heard of interface %d", index)
		}
		return seen[17]
	})
}

// TestDetoursDrift breaks one in each way that others can.
func TestDetoursDrift(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	breaks := map[string]func(){
		"in down":  func() { here.SetUp(t, "sbq5i", false) },
		"out down": func() { here.SetUp(t, "sbq5o", false) },
		"mtu":      func() { must(t, here.LinkSetMTU(here.Link(t, "sbq5i"), 1500)) },
		"arp":      func() { must(t, here.LinkSetARPOn(here.Link(t, "sbq5o"))) },
		"moved":    func() { here.Move(t, "sbq5o", there) },
	}
	for name, spoil := range breaks {
		t.Run(name, func(t *testing.T) {
			put(t, c.Detours(), 5, netdev.Detour{})
			spoil()
			if v, there := list(t, c.Detours())[5]; !there || !v.Defect {
				t.Errorf("listed %+v, %t; want a defect", v, there)
			}
			put(t, c.Detours(), 5, netdev.Detour{})
			if v, there := list(t, c.Detours())[5]; !there || v.Defect {
				t.Errorf("put again, listed %+v, %t", v, there)
			}
		})
	}
	here.Remove(t, "sbq5o")
	if all := list(t, c.Detours()); len(all) != 0 {
		t.Errorf("removed, listed %v", all)
	}
	here.VethAt(t, int(netdev.DetourIn(6)), "mine", there, "peer")
	here.Bridge(t, "br0")
	t.Run("name taken", func(t *testing.T) {
		here.Rename(t, "br0", "sbq7o")
		if err := c.Detours().Put(7, netdev.Detour{}); !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "port 7") {
			t.Errorf("put: %v, want EEXIST", err)
		}
		if all := list(t, c.Detours()); len(all) != 1 || !all[6].Defect {
			t.Errorf("listed %v", all)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// offload asks for one of ETHTOOL_G…, struct ethtool_value by ioctl.
func offload(t *testing.T, ns *lab.NS, name string, feature uint32) (on bool) {
	t.Helper()
	value := [2]uint32{feature}
	request := struct { // struct ifreq, with the pointer of its union
		name  [unix.IFNAMSIZ]byte
		value *[2]uint32
		_     [16]byte
	}{value: &value}
	copy(request.name[:], name)
	ns.Do(t, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			t.Errorf("%s: ask for offload %#x: %v", name, feature, errno)
		}
	})
	return value[1] != 0
}
