package lldp

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/signalbox/signalbox/datapath/spec"
)

func example() PDU {
	return PDU{LLDPUnit: spec.LLDPUnit{
		Chassis: spec.LLDPID{Subtype: spec.LLDPChassisMAC, Value: "\x02\x00\x00\x00\x00\x01"},
		Port:    spec.LLDPID{Subtype: spec.LLDPPortInterface, Value: "eth0"}, TTL: 121 * time.Second,
		PortDescription: "to the rack", SystemName: "sw1", SystemDescription: "Signalbox",
		HasCapabilities: true, Capabilities: CapBridge | CapStation, Enabled: CapBridge,
		Management: []spec.LLDPManagement{
			{Address: netip.MustParseAddr("192.0.2.1"), InterfaceSubtype: spec.LLDPIfIndex, Interface: 7},
			{Address: netip.MustParseAddr("2001:db8::1"), InterfaceSubtype: spec.LLDPIfIndex, Interface: 7},
		},
		Custom: []spec.LLDPCustom{{OUI: [3]byte{0, 0x80, 0xc2}, Subtype: 1, Value: "\x00\x0a"}},
	}}
}

func TestRoundTrip(t *testing.T) {
	want := example()
	got, err := Parse(want.Append(nil))
	if err != nil || !reflect.DeepEqual(got.LLDPUnit, want.LLDPUnit) || got.TLVs != 10 || got.Unknown != 0 {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// TestOthersReadIt: what is written is what a packet library reads.
func TestOthersReadIt(t *testing.T) {
	p := example()
	frame := append([]byte{1, 0x80, 0xc2, 0, 0, 0xe, 2, 0, 0, 0, 0, 1, 0x88, 0xcc}, p.Append(nil)...)
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if e := packet.ErrorLayer(); e != nil {
		t.Fatal(e.Error())
	}
	unit := packet.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
	info := packet.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo)
	if unit.TTL != 121 || string(unit.PortID.ID) != "eth0" || info.SysName != "sw1" || info.PortDescription != "to the rack" || !info.SysCapabilities.EnabledCap.Bridge {
		t.Errorf("read as %+v, %+v", unit, info)
	}
}

func TestParseRefuses(t *testing.T) {
	p := example()
	whole := p.Append(nil)
	tests := []struct{ name, octets, word string }{
		{"nothing", "", "header"},
		{"half a TLV", string(whole[:18]), "octets of"},
		{"port before chassis", "\x04\x05\x05eth0", "TLV 1 has type 2"},
		{"a second TTL", string(whole[:16]) + "\x06\x02\x00\x78\x06\x02\x00\x78", "has type 3"},
		{"chassis without a name", "\x02\x01\x04", "identifier of 1"},
		{"chassis too long", "\x03\x01\x07" + strings.Repeat("x", 256), "identifier of 257"},
		{"TTL of one octet", string(whole[:9]) + string(whole[9:16]) + "\x06\x01\x00", "TTL of 1"},
		{"ends early", string(whole[:9]), "ends after"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.octets))
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("error %v, want ErrMalformed with %q", err, tt.word)
			}
		})
	}
}

// TestParseLeavesOut: what is wrong by itself does not spoil the rest.
func TestParseLeavesOut(t *testing.T) {
	p := PDU{LLDPUnit: spec.LLDPUnit{Chassis: spec.LLDPID{Subtype: 7, Value: "c"}, Port: spec.LLDPID{Subtype: 7, Value: "p"}, TTL: time.Second}}
	head := p.Append(nil)
	head = head[:len(head)-2]
	tlvs := []byte{0x0e, 1, 0 /* capabilities */, 0x10, 1, 9 /* address */, 0xfe, 2, 0, 0 /* custom */, 0x12, 0 /* reserved */}
	got, err := Parse(append(head, tlvs...))
	if err != nil || got.Unknown != 4 || got.HasCapabilities || got.Management != nil || got.Custom != nil {
		t.Errorf("got %+v, %v; want 4 unknown TLVs and nothing else", got, err)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	p := example()
	p.SystemDescription = strings.Repeat("x", 254) + "é"
	got, err := Parse(p.Append(nil))
	if err != nil || got.SystemDescription != strings.Repeat("x", 254) {
		t.Errorf("%v: %q", err, got.SystemDescription)
	}
}

func FuzzParse(f *testing.F) {
	p := example()
	f.Add(p.Append(nil))
	f.Add((&PDU{LLDPUnit: spec.LLDPUnit{Chassis: p.Chassis, Port: p.Port}}).Append(nil))
	f.Add([]byte{0x10, 1, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil || p.TTL == 0 {
			return
		}
		again, err := Parse(p.Append(nil))
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if !bytes.Equal(p.Append(nil), again.Append(nil)) {
			t.Errorf("read %+v, then %+v", p, again)
		}
	})
}
