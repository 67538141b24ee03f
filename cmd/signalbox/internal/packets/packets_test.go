package packets

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/openconfig/gnmi/proto/gnmi"
)

// told is an event as it comes.
func told(leaves map[string]any) *gnmi.Notification {
	n := &gnmi.Notification{Atomic: true}
	for name, value := range leaves {
		var v *gnmi.TypedValue
		switch x := value.(type) {
		case string:
			v = &gnmi.TypedValue{Value: &gnmi.TypedValue_StringVal{StringVal: x}}
		case int:
			v = &gnmi.TypedValue{Value: &gnmi.TypedValue_UintVal{UintVal: uint64(x)}}
		case bool:
			v = &gnmi.TypedValue{Value: &gnmi.TypedValue_BoolVal{BoolVal: x}}
		case []byte:
			v = &gnmi.TypedValue{Value: &gnmi.TypedValue_BytesVal{BytesVal: x}}
		}
		n.Update = append(n.Update, &gnmi.Update{Path: &gnmi.Path{Elem: []*gnmi.PathElem{{Name: name}}}, Val: v})
	}
	return n
}

// step is an event of a packet with two steps.
func step(sequence, packet, number int) *gnmi.Notification {
	return told(map[string]any{"sequence": sequence, "packet-id": packet, "step": number, "steps": 2, "stage": "INGRESS", "verdict": "PASS"})
}

func TestAssemble(t *testing.T) {
	a := NewAssembler()
	var got []string
	for _, n := range []*gnmi.Notification{
		{}, step(1, 7, 1), step(2, 7, 2), step(3, 8, 1), step(5, 9, 1), step(6, 9, 2),
	} {
		for _, p := range a.Add(n) {
			got = append(got, fmt.Sprintf("%d with %d", p.ID, len(p.Steps)))
		}
	}
	for _, p := range a.Rest() {
		got = append(got, fmt.Sprintf("rest %d with %d, missing %d", p.ID, len(p.Steps), p.Missing))
	}
	if text, want := strings.Join(got, "; "), "7 with 2; rest 8 with 1, missing 1; rest 9 with 2, missing 0"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

// arp is a request from 10.0.0.1 for 10.0.0.2.
const arp = "ffffffffffff020000000001" + "0806" + "0001080006040001" + "0200000000010a000001" + "0000000000000a000002"

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dropped(t testing.TB) *Packet {
	return &Packet{
		Time: time.Unix(0, 123456000).UTC(), ID: 7, In: "port1", VLAN: 30, Tag: 0x8100a01e, Length: 64, Verdict: "DROP", Reason: "INGRESS_VLAN",
		Steps: []Step{
			{Stage: "INGRESS", Verdict: "PASS", Interface: "port1", Detail: "port port1"},
			{Stage: "VLAN", Verdict: "DROP", Reason: "INGRESS_VLAN", Detail: "the port does not carry it", ConfigPath: "/a/trunk-vlans"},
		},
		Octets: octets(t, arp),
	}
}

func TestLine(t *testing.T) {
	want := "00:00:00.123456  port1 → ✗  vlan 30 (tag 30 prio 5)  02:00:00:00:00:01 > broadcast arp who has 10.0.0.2, tell 10.0.0.1  64 B  DROP INGRESS_VLAN  /a/trunk-vlans"
	if got := Line(dropped(t), Styles{}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	flood := &Packet{In: "port1", Verdict: "FLOOD", Steps: []Step{{Stage: "OUTPUT", Verdict: "FORWARD", Interface: "port2"}, {Stage: "OUTPUT", Verdict: "FORWARD", Interface: "port3"}}}
	if got := Line(flood, Styles{}); !strings.Contains(got, "port1 → port2,port3") {
		t.Errorf("flood: %s", got)
	}
	steps := strings.Join(StepLines(dropped(t), Styles{}), "\n")
	if want := "    INGRESS  PASS     port port1\n    VLAN     DROP INGRESS_VLAN  the port does not carry it  /a/trunk-vlans"; steps != want {
		t.Errorf("got\n%s\nwant\n%s", steps, want)
	}
}

func TestBuildAndSummary(t *testing.T) {
	tests := []struct {
		name   string
		fields Fields
		want   string // of the summary; "!" and the words of an error
	}{
		{"nothing", Fields{}, "02:00:00:00:00:fe > broadcast type 0x88b5"},
		{"type", Fields{Type: 0x88cc, VLAN: 5}, "02:00:00:00:00:fe > broadcast type 0x88cc"},
		{"tcp", Fields{Source: "02:00:00:00:00:01", Destination: "02:00:00:00:00:02", IPSource: "10.0.0.1", IPDest: "10.0.0.2", TCP: "443"},
			"02:00:00:00:00:01 > 02:00:00:00:00:02 10.0.0.1 > 10.0.0.2 tcp 49152 > 443 [S]"},
		{"udp over IPv6 with a tag", Fields{IPDest: "2001:db8::2", UDP: "1:53", VLAN: 10, Priority: 3}, "02:00:00:00:00:fe > broadcast fe80::fe > 2001:db8::2 udp 1 > 53"},
		{"icmp", Fields{ICMP: true, IPDest: "10.0.0.2"}, "02:00:00:00:00:fe > broadcast 0.0.0.0 > 10.0.0.2 icmp echorequest"},
		{"long", Fields{Length: 2000}, "02:00:00:00:00:fe > broadcast type 0x88b5"},
		{"two protocols", Fields{TCP: "1", UDP: "1"}, "!one of TCP"},
		{"mixed", Fields{IPSource: "10.0.0.1", IPDest: "::1"}, "!one of IPv6"},
		{"bad address", Fields{Destination: "x"}, "!MAC address"},
		{"bad port", Fields{TCP: "70000"}, "!0 to 65535"},
		{"bad VLAN", Fields{VLAN: 4096}, "!4095"},
		{"too short", Fields{TCP: "1", Length: 20}, "!length 20"},
		{"too long", Fields{Length: 70000}, "!65535"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frame, err := tt.fields.Build()
			if words, wrong := strings.CutPrefix(tt.want, "!"); wrong {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("error %v, want one with %q", err, words)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := Summary(frame); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if want := max(tt.fields.Length, minFrame); len(frame) < want {
				t.Errorf("%d octets, want %d", len(frame), want)
			}
		})
	}
}

func TestParseHex(t *testing.T) {
	for _, text := range []string{"0x0200ff", "02:00:FF", "02 00 ff\n"} {
		if got, err := ParseHex(text); err != nil || !bytes.Equal(got, []byte{2, 0, 255}) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	if got := Summary(octets(t, "020000000001"+"020000000003"+"0800"+strings.Repeat("00", 46))); got != "02:00:00:00:00:03 > 02:00:00:00:00:01 type 0x0800" {
		t.Errorf("a packet that is no IP: %q", got)
	}
	for _, text := range []string{"0", "zz", strings.Repeat("00", MaxFrame+1)} {
		if _, err := ParseHex(text); err == nil {
			t.Errorf("%.20q: no error", text)
		}
	}
}

func TestCapture(t *testing.T) {
	var file bytes.Buffer
	c := NewCapture(&file, 128, "1.2.3", "filter: arp")
	if err := c.Begin("port1"); err != nil {
		t.Fatal(err)
	}
	second := dropped(t)
	second.In, second.ID = "port2", 8
	for _, p := range []*Packet{dropped(t), second} {
		if err := errors.Join(c.Write(p), c.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"port1", "port2"} {
		data, info, options, err := r.ReadPacketDataWithOptions()
		if err != nil {
			t.Fatal(err)
		}
		iface, err := r.Interface(info.InterfaceIndex)
		if err != nil || iface.Name != name || info.Length != 64 || !bytes.Equal(data, octets(t, arp)) || !info.Timestamp.Equal(dropped(t).Time) {
			t.Errorf("packet %d: at %q, %d octets of %d, %v, %v", i, iface.Name, len(data), info.Length, info.Timestamp, err)
		}
		comments := strings.Join(options.Comments, "|")
		for _, want := range []string{"DROP INGRESS_VLAN: " + name + " → ✗", "config-path: /a/trunk-vlans", "INGRESS PASS"} {
			if !strings.Contains(comments, want) {
				t.Errorf("packet %d: comments %q, want %q in them", i, comments, want)
			}
		}
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("after the packets: %v", err)
	}
}

func TestPicture(t *testing.T) {
	a := &Answer{
		Interface: "port1", Verdict: "FLOOD",
		Steps: []Step{
			{Stage: "INGRESS", Verdict: "PASS", Detail: "port port1"}, {Stage: "FLOOD", Verdict: "FLOOD", Detail: "2 copies"},
			{Stage: "OUTPUT", Verdict: "FORWARD", Interface: "port2"},
		},
		Outputs: []Output{{Interface: "port2"}, {Interface: "lag1", Member: "eth1", Tagged: true, VLAN: 10}},
	}
	want := `port1 ──▶ 02:00:00:00:00:01 > broadcast arp who has 10.0.0.2, tell 10.0.0.1  42 B
  │
  ├─ INGRESS  port port1
  ├─ FLOOD    2 copies
  │    ├─▶ port2, untagged
  │    └─▶ lag1 by member eth1, tagged 10
  ▼
FLOOD to 2 ports`
	if got := Picture(a, octets(t, arp), Styles{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	drop := &Answer{Interface: "port1", Verdict: "DROP", Reason: "TAG_MISMATCH", ConfigPath: "/a/b", Detail: "why",
		Steps: []Step{{Stage: "VLAN", Verdict: "DROP", Reason: "TAG_MISMATCH", Detail: "why"}}}
	if got := Picture(drop, octets(t, arp), Styles{}); !strings.Contains(got, "├─ VLAN     ✗ TAG_MISMATCH  why\n  ✗\nDROP TAG_MISMATCH\n  because of /a/b") {
		t.Errorf("got\n%s", got)
	}
}

func FuzzSummary(f *testing.F) {
	f.Add(octets(f, arp))
	for _, fields := range []Fields{{TCP: "80"}, {IPDest: "::1", ICMP: true}, {VLAN: 1, UDP: "53"}} {
		frame, err := fields.Build()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if text := Summary(frame); text != printable(text) {
			t.Errorf("%q would control a terminal", text)
		}
	})
}
