package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// room is what is left free in front of a frame for the head that is written
// last: two tags, two lengths of up to five octets, a timestamp of up to ten
// octets with its tag.
const room = 2*6 + 11

// Frame builds one SubscribeResponse that carries a Notification. Fields of
// the Notification are appended first, the head is put in front of them by
// Finish. The zero value is an empty frame without a prefix.
//
//	| room → head | prefix | delete… update… |
type Frame struct {
	// Prefix is the wire form of the Notification's prefix field, or nothing.
	Prefix []byte
	buf    []byte
	limit  int
	grown  bool // a frame was full before: the next will be, too
}

// NewFrame makes an empty frame that is expected to take about size octets. A
// target that is not empty stands in the Notification's prefix.
func NewFrame(target string, size int) Frame {
	var prefix []byte
	if target != "" {
		path := appendString(nil, pathTarget, target)
		prefix = protowire.AppendTag(nil, notificationPrefix, protowire.BytesType)
		prefix = protowire.AppendBytes(prefix, path)
	}
	return Frame{Prefix: prefix, limit: size}
}

// Len is the size so far, in octets, without the head.
func (f *Frame) Len() int { return max(len(f.buf)-room-len(f.Prefix), 0) }

// Empty reports whether nothing was appended.
func (f *Frame) Empty() bool { return f.Len() == 0 }

// Full reports whether the frame has reached the expected size.
func (f *Frame) Full() bool { return f.Len() >= f.limit }

// Buffer is where fields of the Notification are appended; the result goes
// back with SetBuffer.
func (f *Frame) Buffer() []byte {
	if f.buf == nil {
		size := room + len(f.Prefix) + f.limit + f.limit/8
		if !f.grown {
			size = min(size, 512)
		}
		f.buf = make([]byte, room, size)
		f.buf = append(f.buf, f.Prefix...)
	}
	return f.buf
}

// SetBuffer takes back what Buffer gave, longer.
func (f *Frame) SetBuffer(b []byte) { f.buf = b }

// Finish gives the message, with the Notification's time in nanoseconds since
// the epoch, and leaves the frame empty. The octets belong to the caller.
func (f *Frame) Finish(timestamp int64) []byte {
	buf := f.Buffer()
	f.grown = f.Full()
	f.buf = nil
	var head [room]byte
	h := protowire.AppendTag(head[:0], notificationTimestamp, protowire.VarintType)
	h = protowire.AppendVarint(h, uint64(timestamp))
	start := room - len(h)
	copy(buf[start:], h)
	size := len(buf) - start
	h = protowire.AppendTag(head[:0], responseUpdate, protowire.BytesType)
	h = protowire.AppendVarint(h, uint64(size))
	start -= len(h)
	copy(buf[start:], h)
	return buf[start:]
}

// Split takes a frame that Finish built apart: each gets the content of one
// Update. The Notification's time comes back.
func Split(frame []byte, each func(update []byte)) (timestamp int64) {
	_, _, n := protowire.ConsumeTag(frame)
	body, _ := protowire.ConsumeBytes(frame[n:])
	for len(body) > 0 {
		field, kind, n := protowire.ConsumeTag(body)
		body = body[n:]
		size := protowire.ConsumeFieldValue(field, kind, body)
		switch field {
		case notificationTimestamp:
			t, _ := protowire.ConsumeVarint(body)
			timestamp = int64(t)
		case notificationUpdate:
			update, _ := protowire.ConsumeBytes(body)
			each(update)
		}
		body = body[size:]
	}
	return timestamp
}
