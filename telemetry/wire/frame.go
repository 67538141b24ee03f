package wire

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// room is what is left free in front of a frame for the head that is written
// last: two tags, two lengths of up to five octets, a timestamp of up to ten
// octets with its tag.
const room = 2*6 + 11

// growth is the size from which on a frame doubles where it has no room, in
// octets.
const growth = 128 << 10

// Frame builds one SubscribeResponse that carries a Notification. Fields of
// the Notification are appended first, the head is put in front of them by
// Finish. The zero value is an empty frame without a prefix.
//
//	| room → head | prefix | delete… update… |
type Frame struct {
	// Prefix is the wire form of the fields that stand in front: the
	// Notification's prefix, and that it is atomic; or nothing.
	Prefix []byte
	buf    []byte
	limit  int
	fields int
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

// NewAtomicFrame makes an empty frame whose Notification is atomic: it tells of
// all that is at or below the path that the wire form of its elements, in two
// pieces, stands for.
func NewAtomicFrame[P, S ~string | ~[]byte](target string, prefix P, suffix S, size int) Frame {
	var path []byte
	path = append(append(path, prefix...), suffix...)
	if target != "" {
		path = appendString(path, pathTarget, target)
	}
	head := protowire.AppendTag(nil, notificationPrefix, protowire.BytesType)
	head = protowire.AppendBytes(head, path)
	head = protowire.AppendTag(head, notificationAtomic, protowire.VarintType)
	return Frame{Prefix: protowire.AppendVarint(head, 1), limit: size}
}

// Fields is how many fields were appended.
func (f *Frame) Fields() int { return f.fields }

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
	if len(f.buf) > growth && cap(f.buf)-len(f.buf) < growth/64 {
		f.buf = slices.Grow(f.buf, len(f.buf)) // append would copy it four times as often
	}
	return f.buf
}

// SetBuffer takes back what Buffer gave, longer by one field.
func (f *Frame) SetBuffer(b []byte) {
	f.buf = b
	f.fields++
}

// Finish gives the message, with the Notification's time in nanoseconds since
// the epoch, and leaves the frame empty. The octets belong to the caller.
func (f *Frame) Finish(timestamp int64) []byte {
	buf := f.Buffer()
	f.grown = f.Full()
	f.buf, f.fields = nil, 0
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

// Repeated is a copy of a message that Finish built, in which each Update tells
// a number of duplicates. The message must hold a Notification.
func Repeated(frame []byte, duplicates uint32) []byte {
	var timestamp uint64
	_, _, n := protowire.ConsumeTag(frame)
	body, _ := protowire.ConsumeBytes(frame[n:])
	out := Frame{limit: len(body) + len(body)/8, grown: true}
	for len(body) > 0 {
		field, kind, n := protowire.ConsumeTag(body)
		size := n + protowire.ConsumeFieldValue(field, kind, body[n:])
		switch field {
		case notificationTimestamp:
			timestamp, _ = protowire.ConsumeVarint(body[n:])
		case notificationUpdate:
			update, _ := protowire.ConsumeBytes(body[n:])
			out.SetBuffer(AppendUpdateField(out.Buffer(), update, duplicates))
		default:
			out.SetBuffer(append(out.Buffer(), body[:size]...))
		}
		body = body[size:]
	}
	return out.Finish(int64(timestamp))
}
