package netdev

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"

	"github.com/signalbox/signalbox/datapath/spec"
)

func attribute16(kind int, n uint16) []byte { return nl.NewRtAttr(kind, nl.Uint16Attr(n)).Serialize() }

func attribute64(kind int, n uint64) []byte { return nl.NewRtAttr(kind, nl.Uint64Attr(n)).Serialize() }

// portOf is what devlink tells of the port of a virtual function.
func portOf(index uint32, vf uint16) []byte {
	b := nl.NewRtAttr(nl.DEVLINK_ATTR_BUS_NAME, nl.ZeroTerminated("pci")).Serialize()
	b = append(b, nl.NewRtAttr(nl.DEVLINK_ATTR_DEV_NAME, nl.ZeroTerminated("0000:01:00.0")).Serialize()...)
	b = append(b, nl.NewRtAttr(nl.DEVLINK_ATTR_PORT_INDEX, nl.Uint32Attr(index)).Serialize()...)
	b = append(b, attribute16(nl.DEVLINK_ATTR_PORT_FLAVOUR, nl.DEVLINK_PORT_FLAVOUR_PCI_VF)...)
	b = append(b, attribute16(devlinkVFNumber, vf)...)
	return append(b, nl.NewRtAttr(nl.DEVLINK_ATTR_PORT_NETDEV_NAME, nl.ZeroTerminated("eth1r0")).Serialize()...)
}

func TestParsePort(t *testing.T) {
	rates := append(attribute64(devlinkRateTxShare, 10*bytesPerMegabit), attribute64(devlinkRateTxMax, 100*bytesPerMegabit)...)
	got, err := parsePort(append(portOf(129, 1), rates...))
	if err != nil {
		t.Fatal(err)
	}
	want := DevlinkPort{Index: 129, VF: 1, Netdev: "eth1r0", HasRates: true, MinRate: 10, MaxRate: 100}
	if diff := cmp.Diff(want, got.DevlinkPort); diff != "" || !got.isVF || !got.of("pci", "0000:01:00.0") || got.of("pci", "0000:02:00.0") {
		t.Errorf("%+v (-want +got):\n%s", got, diff)
	}
	if got, err := parsePort(attribute16(nl.DEVLINK_ATTR_PORT_FLAVOUR, nl.DEVLINK_PORT_FLAVOUR_PHYSICAL)); err != nil || got.isVF {
		t.Errorf("a physical port: %+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"a short index":     nl.NewRtAttr(nl.DEVLINK_ATTR_PORT_INDEX, []byte{1, 2}).Serialize(),
		"a short number":    nl.NewRtAttr(devlinkVFNumber, []byte{1}).Serialize(),
		"a short rate":      nl.NewRtAttr(devlinkRateTxMax, []byte{1, 2, 3, 4}).Serialize(),
		"half an attribute": {40, 0, 1, 0},
	} {
		if got, err := parsePort(b); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func FuzzParsePort(f *testing.F) {
	f.Add(portOf(128, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePort(b); err == nil && p.isVF && len(b) < 2*attributeLen {
			t.Errorf("%+v of %d octets", p, len(b))
		}
	})
}

// TestNoDevlink asks for a device that is not there.
func TestNoDevlink(t *testing.T) {
	d, err := DialDevlink()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if mode, err := d.Eswitch("pci", "ffff:ff:1f.7"); err != nil || mode != spec.EswitchNone {
		t.Errorf("mode %s, %v; want none", mode, err)
	}
	if err := d.SetEswitch("pci", "ffff:ff:1f.7", spec.EswitchSwitchdev); err == nil {
		t.Error("a device that is not there takes a mode")
	}
	if err := d.SetRates("pci", "ffff:ff:1f.7", 1, 0, 10); err == nil {
		t.Error("a device that is not there takes rates")
	}
}
