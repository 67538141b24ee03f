// Package wire appends gNMI messages in protobuf's wire form, byte by byte:
// what the subscription engine sends thousands of times a second is put
// together from pieces that were encoded before, without protobuf objects.
//
// It knows the messages' field numbers and nothing else: values are encoded by
// telemetry/schema, and what is sent to whom is the business of telemetry.
package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of gnmi.proto.
const (
	elemName = 1 // PathElem
	elemKey  = 2
	keyName  = 1 // PathElem.KeyEntry
	keyValue = 2

	pathOrigin = 2 // Path
	pathElem   = 3
	pathTarget = 4

	updatePath       = 1 // Update
	updateVal        = 3
	updateDuplicates = 4

	notificationTimestamp = 1 // Notification
	notificationPrefix    = 2
	notificationUpdate    = 4
	notificationDelete    = 5
	notificationAtomic    = 6

	responseUpdate = 1 // SubscribeResponse
	responseSync   = 3
)

// AppendElem appends one element of a Path, as its field 3. Keys and values are
// parallel; both are empty for an element that is no list entry.
//
//	Path.elem (3) = PathElem{ name (1), key (2) = {key (1), value (2)}… }
func AppendElem(dst []byte, name string, keys, values []string) []byte {
	size := sizeString(name)
	for i := range keys {
		size += 1 + protowire.SizeBytes(sizeString(keys[i])+sizeString(values[i]))
	}
	dst = protowire.AppendTag(dst, pathElem, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = appendString(dst, elemName, name)
	for i := range keys {
		dst = protowire.AppendTag(dst, elemKey, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(sizeString(keys[i])+sizeString(values[i])))
		dst = appendString(dst, keyName, keys[i])
		dst = appendString(dst, keyValue, values[i])
	}
	return dst
}

// sizeString is the size of a string field with a number below 16.
func sizeString(s string) int { return 1 + protowire.SizeBytes(len(s)) }

func appendString(dst []byte, field protowire.Number, s string) []byte {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendString(dst, s)
}

// AppendUpdate appends the content of an Update: the path in two pieces (the
// elements up to the list entry, and those below it) and the wire form of a
// TypedValue.
//
//	Update{ path (1), val (3) }
func AppendUpdate[P, S, V ~string | ~[]byte](dst []byte, prefix P, suffix S, value V) []byte {
	dst = protowire.AppendTag(dst, updatePath, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(prefix)+len(suffix)))
	dst = append(dst, prefix...)
	dst = append(dst, suffix...)
	dst = protowire.AppendTag(dst, updateVal, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// SizeUpdate is what AppendUpdate appends, in octets.
func SizeUpdate(path, value int) int {
	return 2 + protowire.SizeBytes(path) + protowire.SizeBytes(value)
}

// AppendUpdateField appends an Update as a field of a Notification. A number
// of duplicates above 0 is added to the Update's content, which itself is
// shared and stays as it is.
func AppendUpdateField(dst, update []byte, duplicates uint32) []byte {
	size := len(update)
	if duplicates > 0 {
		size += 1 + protowire.SizeVarint(uint64(duplicates))
	}
	dst = protowire.AppendTag(dst, notificationUpdate, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = append(dst, update...)
	if duplicates > 0 {
		dst = protowire.AppendTag(dst, updateDuplicates, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(duplicates))
	}
	return dst
}

// AppendValueField appends an Update as a field of a Notification: the path as
// in AppendUpdate, and the wire form of a TypedValue in two pieces, so that a
// large one is copied once.
func AppendValueField[P, S ~string | ~[]byte](dst []byte, prefix P, suffix S, head, body []byte) []byte {
	path, value := len(prefix)+len(suffix), len(head)+len(body)
	dst = protowire.AppendTag(dst, notificationUpdate, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(SizeUpdate(path, value)))
	dst = protowire.AppendTag(dst, updatePath, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(path))
	dst = append(dst, prefix...)
	dst = append(dst, suffix...)
	dst = protowire.AppendTag(dst, updateVal, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(value))
	dst = append(dst, head...)
	return append(dst, body...)
}

// AppendDeleteField appends the path of what went as a field of a
// Notification, in the same two pieces as AppendUpdate's.
func AppendDeleteField[P, S ~string | ~[]byte](dst []byte, prefix P, suffix S) []byte {
	dst = protowire.AppendTag(dst, notificationDelete, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(prefix)+len(suffix)))
	dst = append(dst, prefix...)
	return append(dst, suffix...)
}

// Sync is the SubscribeResponse that says all was sent once.
func Sync() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, responseSync, protowire.VarintType), 1)
}

// AppendLeafField appends an Update as a field of a Notification, from the
// pieces that AppendUpdate takes, with a number of duplicates where it is above
// 0.
func AppendLeafField[P, S ~string | ~[]byte](dst []byte, prefix P, suffix S, value []byte, duplicates uint32) []byte {
	size := SizeUpdate(len(prefix)+len(suffix), len(value))
	if duplicates > 0 {
		size += 1 + protowire.SizeVarint(uint64(duplicates))
	}
	dst = protowire.AppendTag(dst, notificationUpdate, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = AppendUpdate(dst, prefix, suffix, value)
	if duplicates > 0 {
		dst = protowire.AppendTag(dst, updateDuplicates, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(duplicates))
	}
	return dst
}
