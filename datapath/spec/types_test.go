package spec

import (
	"slices"
	"strings"
	"testing"
)

func TestParseMAC(t *testing.T) {
	tests := []struct {
		name, in string
		want     MAC
		reason   string
	}{
		{"lower case", "02:00:5e:10:00:ff", MAC{0x02, 0x00, 0x5e, 0x10, 0x00, 0xff}, ""},
		{"upper case", "02:00:5E:10:00:FF", MAC{0x02, 0x00, 0x5e, 0x10, 0x00, 0xff}, ""},
		{"empty", "", MAC{}, "six octets"},
		{"short", "02:00:5e:10:00", MAC{}, "six octets"},
		{"dashes", "02-00-5e-10-00-ff", MAC{}, "colons"},
		{"no hexadecimal", "02:00:5e:1g:00:ff", MAC{}, "octet 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseMAC(tt.in)
			if tt.reason == "" && err != nil {
				t.Fatalf("ParseMAC(%q): %v", tt.in, err)
			}
			if tt.reason != "" && (err == nil || !strings.Contains(err.Error(), tt.reason)) {
				t.Fatalf("ParseMAC(%q): error %v, want one with %q", tt.in, err, tt.reason)
			}
			if got != tt.want {
				t.Errorf("ParseMAC(%q) = %v, want %v", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzParseMAC(f *testing.F) {
	for _, s := range []string{"", "02:00:5e:10:00:ff", "FF:FF:FF:FF:FF:FF", "02:00:5e:10:00:f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMAC(s)
		if err == nil && !strings.EqualFold(m.String(), s) {
			t.Errorf("ParseMAC(%q) reads back as %s", s, m)
		}
	})
}

func TestMACKinds(t *testing.T) {
	if m := (MAC{0x01, 0x80, 0xc2}); !m.Multicast() || m.IsZero() {
		t.Errorf("%v: Multicast %t, IsZero %t; want true, false", m, m.Multicast(), m.IsZero())
	}
	if m := (MAC{}); m.Multicast() || !m.IsZero() {
		t.Errorf("%v: Multicast %t, IsZero %t; want false, true", m, m.Multicast(), m.IsZero())
	}
}

func TestVLANSet(t *testing.T) {
	tests := []struct {
		name   string
		ranges [][2]uint16
		want   string
		length int
	}{
		{"empty", nil, "", 0},
		{"one", [][2]uint16{{10, 10}}, "10", 1},
		{"neighbours join", [][2]uint16{{10, 10}, {11, 12}}, "10..12", 3},
		{"across words", [][2]uint16{{63, 64}, {127, 129}}, "63..64,127..129", 5},
		{"the whole", [][2]uint16{{1, 4094}}, "1..4094", 4094},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s VLANSet
			for _, r := range tt.ranges {
				s.AddRange(r[0], r[1])
			}
			if got := s.String(); got != tt.want {
				t.Errorf("String() = %q, want %q", got, tt.want)
			}
			if got := s.Len(); got != tt.length {
				t.Errorf("Len() = %d, want %d", got, tt.length)
			}
			var other VLANSet
			for v := range s.All() {
				other.Add(v)
			}
			if other != s {
				t.Errorf("All() gives %s, want %s", other.String(), s.String())
			}
		})
	}
}

func TestVLANSetRemoveUnion(t *testing.T) {
	var a, b VLANSet
	a.AddRange(10, 20)
	b.AddRange(18, 30)
	a.Remove(15)
	a.Union(&b)
	if got, want := a.String(), "10..14,16..30"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if a.Has(15) || !a.Has(30) {
		t.Errorf("Has(15), Has(30) = %t, %t; want false, true", a.Has(15), a.Has(30))
	}
	var first []uint16
	for v := range a.All() {
		if first = append(first, v); len(first) == 2 {
			break
		}
	}
	if want := []uint16{10, 11}; !slices.Equal(first, want) {
		t.Errorf("the first two of All() = %v, want %v", first, want)
	}
}

func TestDirectionSums(t *testing.T) {
	d := Direction{Unicast: 5, Multicast: 3, Broadcast: 2}
	d.Drops[DropTooBig], d.Drops[DropTransmit] = 4, 6
	if got := d.Frames(); got != 10 {
		t.Errorf("Frames() = %d, want 10", got)
	}
	if got := d.Discards(); got != 10 {
		t.Errorf("Discards() = %d, want 10", got)
	}
}
