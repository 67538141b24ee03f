package fastpath

import (
	"bytes"
	"errors"
	"testing"
)

// TestKernelDropsAreSeen has a port whose queue the kernel refuses, and frames
// that the switch drops itself.
func TestKernelDropsAreSeen(t *testing.T) {
	b := plainBed(t, 2)
	wires := b.hosts()
	w, err := b.o.WatchKernelDrops()
	b.ok(err)
	defer func() { b.ok(w.Close()) }()
	own := frame(host(1), host(1), untagged, 60) // SOURCE_IS_DEST
	wires[1].send(own)
	lost := frame(host(2), host(1), untagged, 60)
	b.setLink("p2", false) // the switch does not know yet
	wires[1].send(lost)
	var seen []KernelDrop
	var octets []byte
	eventually(b, "the kernel's drop", func() error {
		err := w.Read(1<<20, func(d KernelDrop) {
			if d.Port == 2 {
				octets = append([]byte(nil), d.Frame()...)
			}
			if bytes.HasPrefix(d.Frame(), own) {
				t.Errorf("a drop of the switch itself: %s", d.Reason)
			}
			seen = append(seen, d)
		})
		if err == nil && octets == nil {
			err = errors.New("none yet")
		}
		return err
	})
	if !bytes.HasPrefix(octets, lost[:14]) {
		t.Errorf("octets % x, want the beginning of % x", octets, lost)
	}
	if name := w.name(2); name == "2" {
		t.Errorf("reason 2 has no name in this kernel: %v", w.reasons)
	}
	t.Logf("%d seen, last for %s", len(seen), seen[len(seen)-1].Reason)
}
