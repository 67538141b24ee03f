package lacp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// sample is a PDU whose fields all differ, as octets that were made by hand.
const sample = "0101" +
	"0114" + "8001" + "020000000001" + "0203" + "0405" + "0607" + "3f" + "000000" +
	"0214" + "9001" + "020000000002" + "1213" + "1415" + "1617" + "3d" + "000000" +
	"0310" + "0a0b" + "000000000000000000000000" +
	"0000"

func samplePDU() PDU {
	return PDU{
		Actor:    spec.LACPEnd{SystemPriority: 0x8001, SystemID: spec.MAC{2, 0, 0, 0, 0, 1}, Key: 0x0203, PortPriority: 0x0405, Port: 0x0607, State: 0x3f},
		Partner:  spec.LACPEnd{SystemPriority: 0x9001, SystemID: spec.MAC{2, 0, 0, 0, 0, 2}, Key: 0x1213, PortPriority: 0x1415, Port: 0x1617, State: 0x3d},
		MaxDelay: 0x0a0b,
	}
}

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, PDUOctets-len(b))...)
}

func TestPDU(t *testing.T) {
	want := octets(t, sample)
	p := samplePDU()
	if got := p.Append([]byte{7}); !bytes.Equal(got[1:], want) || got[0] != 7 {
		t.Errorf("appended\n%x, want\n%x", got, want)
	}
	if got, err := ParsePDU(want); err != nil || got != p {
		t.Errorf("parsed %+v, %v, want %+v", got, err, p)
	}
}

func TestPDUOfALaterVersion(t *testing.T) {
	b := append(octets(t, sample), make([]byte, 100)...)
	b[1] = 2
	copy(b[58:], []byte{4, 6, 0, 0x80, 0xc2, 1, 5, 20}) // port algorithm, conversation id digest
	if got, err := ParsePDU(b); err != nil || got != samplePDU() {
		t.Errorf("parsed %+v, %v", got, err)
	}
}

func TestMarker(t *testing.T) {
	want := octets(t, "0201"+"0210"+"0102"+"020000000003"+"a1a2a3a4"+"0000"+"0000")
	m := Marker{Response: true, Port: 0x0102, System: spec.MAC{2, 0, 0, 0, 0, 3}, Transaction: 0xa1a2a3a4}
	if got := m.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("appended\n%x, want\n%x", got, want)
	}
	if got, err := ParseMarker(want); err != nil || got != m {
		t.Errorf("parsed %+v, %v, want %+v", got, err, m)
	}
}

func TestBadPDUs(t *testing.T) {
	change := func(at int, to ...byte) []byte {
		b := octets(t, sample)
		copy(b[at:], to)
		return b
	}
	for _, tt := range []struct {
		name string
		pdu  []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"one octet", []byte{1}, ErrShort},
		{"one octet too few", octets(t, sample)[:PDUOctets-1], ErrShort},
		{"another subtype", change(0, 2), ErrSubtype},
		{"version 0", change(1, 0), ErrIllegal},
		{"no actor", change(2, 2), ErrIllegal},
		{"actor of another length", change(3, 21), ErrIllegal},
		{"no partner", change(22, 1), ErrIllegal},
		{"no collector", change(42, 0), ErrIllegal},
		{"actor is a group", change(6, 3), ErrIllegal},
		{"actor is nobody", change(6, 0, 0, 0, 0, 0, 0), ErrIllegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParsePDU(tt.pdu); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestBadMarkers(t *testing.T) {
	good := octets(t, "02010110000b0200000000070000002a0000")
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for _, tt := range []struct {
		name string
		pdu  []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"one octet too few", good[:PDUOctets-1], ErrShort},
		{"another subtype", change(0, 1), ErrSubtype},
		{"version 0", change(1, 0), ErrIllegal},
		{"another TLV", change(2, 3), ErrIllegal},
		{"another length", change(3, 15), ErrIllegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseMarker(tt.pdu); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// What is too short, and what could not be sent, is counted.
func TestErrorCounters(t *testing.T) {
	g := New(Config{SystemID: spec.MAC{2}, Key: 1})
	g.SetPort(epoch(), "m0", PortConfig{Number: 1, Up: true})
	for _, pdu := range [][]byte{{1}, {2}, {}, {10}} {
		g.Receive(epoch(), "m0", pdu)
	}
	g.SendFailed("m0")
	g.SendFailed("nobody")
	m, _ := g.Member("m0")
	if c := m.Counters; c.InErrors != 3 || c.OutErrors != 1 || c.UnknownErrors != 1 || c.In != 0 {
		t.Errorf("counted %+v", c)
	}
	if m, v := g.Member("nobody"); m != (spec.LACPMember{}) || v != (Verdict{Reason: spec.MemberNotPresent}) {
		t.Errorf("nobody is %+v, %+v", m, v)
	}
}

// The usual speeds have keys of their own.
func TestKeys(t *testing.T) {
	seen := map[uint16]uint32{}
	for _, speed := range []uint32{0, 10, 100, 1000, 2500, 5000, 10000, 14000, 20000, 25000, 40000, 50000, 100000, 200000, 400000, 800000} {
		k := key(128, speed)
		if other, ok := seen[k]; ok || k&0xff != 128 {
			t.Errorf("speeds %d and %d have key %#x", other, speed, k)
		}
		seen[k] = speed
	}
}

func FuzzParsePDU(f *testing.F) {
	f.Add(octets(f, sample))
	f.Add(octets(f, sample)[:60])
	f.Add([]byte{1, 1, 1, 20})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePDU(b)
		if err != nil {
			return
		}
		again := p.Append(nil)
		if q, err := ParsePDU(again); err != nil || q != p || len(again) != PDUOctets {
			t.Errorf("%x became %+v, then %+v, %v", b, p, q, err)
		}
	})
}

func FuzzParseMarker(f *testing.F) {
	f.Add(octets(f, "020102100102020000000003a1a2a3a4"))
	f.Add([]byte{2, 1, 1, 16})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMarker(b)
		if err != nil {
			return
		}
		if n, err := ParseMarker(m.Append(nil)); err != nil || n != m {
			t.Errorf("%x became %+v, then %+v, %v", b, m, n, err)
		}
	})
}

// FuzzRestore lets a group go on from any state.
func FuzzRestore(f *testing.F) {
	w := build(f, 0, []Config{{Fast: true}, {Fast: true}}, [][2]int{{0, 1}, {0, 1}})
	w.pass(time.Second)
	b, err := json.Marshal(w.systems[0].group.Save(w.now))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"Ports":{"m01":{"Receive":3,"Mux":4},"m09":{}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var saved State
		if json.Unmarshal(b, &saved) != nil {
			return
		}
		w := build(t, 0, []Config{{Fast: true, Fallback: true}}, nil)
		s := w.systems[0]
		s.ports = []*wire{{name: "m01", system: s, link: &link{cut: true}}, {name: "m02", system: s, link: &link{cut: true}}}
		s.group.Restore(w.now, saved)
		for i, p := range s.ports {
			s.group.SetPort(w.now, p.name, PortConfig{Number: uint16(i + 1), Priority: spec.DefaultPortPriority, SpeedMegabits: 10000, Up: true})
			w.collect(s)
		}
		w.pass(20 * time.Second)
		if v := s.group.FellBack(); !v {
			t.Error("no port fell back")
		}
	})
}

// FuzzReceive lets two ports get anything, at any pace. An octet says which port
// and how much time passes, then come those of the PDU that differ from a good
// one: how many, where from, and they.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0xff, 0, 0})
	f.Add([]byte{0x10, 1, 18, 0x07, 0x11, 1, 18, 0x3f, 0x80, 2, 18, 0x0f})
	f.Add([]byte{2, 6, 6, 2, 0, 0, 0, 0, 0x0a, 3, 1, 0, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		w := build(t, 0, []Config{{Fast: true, Fallback: true, FallbackTimeout: time.Second}}, nil)
		s := w.systems[0]
		s.ports = []*wire{{name: "m0", system: s, link: &link{cut: true}}, {name: "m1", system: s, link: &link{cut: true}}}
		for i, p := range s.ports {
			s.group.SetPort(w.now, p.name, PortConfig{Number: uint16(i + 1), Up: true})
		}
		good := octets(t, sample)
		for len(script) >= 3 {
			p := s.ports[script[0]&1]
			w.pass(time.Duration(script[0]>>1) * 50 * time.Millisecond)
			n, at := int(script[1]), int(script[2])
			script = script[3:]
			n = min(n, len(script))
			member, _ := s.group.Member(p.name)
			putEnd(good[partnerAt+2:], &member.Actor)
			b := bytes.Clone(good)
			if at < len(b) {
				copy(b[at:], script[:n])
			} else {
				b = b[:n%len(b)]
			}
			script = script[n:]
			s.group.Receive(w.now, p.name, b)
			w.collect(s)
		}
	})
}
