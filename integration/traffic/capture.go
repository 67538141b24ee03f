package traffic

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// WriteCapture writes frames as a file that tshark(1) reads: the pcap format
// (draft-ietf-opsawg-pcap), in the host's byte order. The frames have no times,
// but their order.
func WriteCapture(w io.Writer, frames [][]byte) error {
	const ethernet, snap = 1, 1 << 18
	header := struct {
		Magic        uint32
		Major, Minor uint16
		_            uint64
		Snap, Type   uint32
	}{Magic: 0xa1b2c3d4, Major: 2, Minor: 4, Snap: snap, Type: ethernet}
	if err := binary.Write(w, binary.NativeEndian, header); err != nil {
		return fmt.Errorf("write a capture: %w", err)
	}
	for i, f := range frames {
		record := [4]uint32{uint32(i / int(time.Second/time.Microsecond)), uint32(i % int(time.Second/time.Microsecond)), uint32(len(f)), uint32(len(f))}
		if err := binary.Write(w, binary.NativeEndian, record); err != nil {
			return fmt.Errorf("write a capture: %w", err)
		}
		if _, err := w.Write(f); err != nil {
			return fmt.Errorf("write a capture: %w", err)
		}
	}
	return nil
}
