package lab

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Wireshark lets tshark read Ethernet frames: it hands over what lists the
// frames that match a display filter, one line each. It skips the test where
// tshark is not installed; in CI it fails.
func Wireshark(t testing.TB, frames [][]byte) func(filter string) []string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("tshark is not installed, and not in PATH by \"make test\"")
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	must(t, "write frames", os.WriteFile(file, pcap(frames), 0o644))
	return func(filter string) []string {
		t.Helper()
		var complaints strings.Builder
		c := exec.Command("tshark", "-n", "-r", file, "-Y", filter)
		c.Stderr = &complaints
		out, err := c.Output()
		if err != nil {
			t.Fatalf("tshark %s: %v: %s", filter, err, complaints.String())
		}
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
	}
}

// pcap is a capture file: a header of 24 octets, then for each frame seconds,
// microseconds, and its length as captured and as sent; little-endian.
func pcap(frames [][]byte) []byte {
	little := binary.LittleEndian
	b := little.AppendUint32(nil, 0xa1b2c3d4)
	b = little.AppendUint32(b, 4<<16|2) // version 2.4
	b = append(b, make([]byte, 8)...)
	b = little.AppendUint32(b, 1<<16)
	b = little.AppendUint32(b, 1) // Ethernet
	for i, frame := range frames {
		for _, n := range []int{i, 0, len(frame), len(frame)} {
			b = little.AppendUint32(b, uint32(n))
		}
		b = append(b, frame...)
	}
	return b
}
