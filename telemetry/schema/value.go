package schema

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says which of a Value's shapes it has.
type Kind uint8

// The shapes of a value. The YANG type of its leaf is in the schema; the shape
// is enough to encode a member of a union.
const (
	None    Kind = iota // no value: the leaf is absent
	String              // string, and bits (names separated by one space)
	Uint                // uint8..uint64
	Int                 // int8..int64
	Bool                // boolean
	Decimal             // decimal64
	Enum                // enumeration or identityref: the name, without prefix
	Binary              // binary
	Empty               // empty: there, without a value
	List                // leaf-list, in the order it was given
)

// Value is the value of one leaf or leaf-list. The zero value means "absent".
// Values are immutable and small: they are passed by value.
type Value struct {
	str   string
	list  []Value
	num   uint64
	kind  Kind
	scale uint8 // Decimal: digits after the point
}

// StringValue is a string, or bits as names separated by one space. Octets that
// are not UTF-8, which protobuf does not carry, become U+FFFD.
func StringValue(s string) Value { return Value{kind: String, str: validUTF8(s)} }

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// UintValue is a value of uint8 to uint64.
func UintValue(n uint64) Value { return Value{kind: Uint, num: n} }

// IntValue is a value of int8 to int64.
func IntValue(n int64) Value { return Value{kind: Int, num: uint64(n)} }

// BoolValue is a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: Bool, num: 1}
	}
	return Value{kind: Bool}
}

// DecimalValue is the decimal64 n·10^-scale; scale is the leaf's
// fraction-digits, 1..18 (RFC 7950, 9.3).
func DecimalValue(n int64, scale uint8) Value {
	return Value{kind: Decimal, num: uint64(n), scale: scale}
}

// EnumValue is an enumeration's or identity's name, without module prefix.
func EnumValue(name string) Value { return Value{kind: Enum, str: name} }

// BinaryValue is a binary; the octets are copied.
func BinaryValue(b []byte) Value { return Value{kind: Binary, str: string(b)} }

// EmptyValue is a leaf of type empty that is there.
func EmptyValue() Value { return Value{kind: Empty} }

// ListValue is a leaf-list. The slice belongs to the value from here on.
func ListValue(elems []Value) Value { return Value{kind: List, list: elems} }

// Kind tells the shape.
func (v Value) Kind() Kind { return v.kind }

// Valid reports whether there is a value.
func (v Value) Valid() bool { return v.kind != None }

// Str is the text of a String or Enum and the octets of a Binary.
func (v Value) Str() string { return v.str }

// Uint is the number of a Uint, and of an Int that is not negative.
func (v Value) Uint() uint64 { return v.num }

// Int is the number of an Int or, unscaled, of a Decimal.
func (v Value) Int() int64 { return int64(v.num) }

// Bool is the truth of a Bool.
func (v Value) Bool() bool { return v.num != 0 }

// List are the elements of a List; nobody may modify them.
func (v Value) List() []Value { return v.list }

// Size is what the value takes beside its own fixed size, in octets.
func (v Value) Size() int {
	size := len(v.str)
	for i := range v.list {
		size += valueSize + v.list[i].Size()
	}
	return size
}

// valueSize is the fixed size of a Value, in octets.
const valueSize = 64

// Equal reports whether two values are the same.
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind || v.num != o.num || v.scale != o.scale || v.str != o.str || len(v.list) != len(o.list) {
		return false
	}
	for i := range v.list {
		if !v.list[i].Equal(o.list[i]) {
			return false
		}
	}
	return true
}

// String is the value in YANG's lexical form, without module prefixes; the
// elements of a leaf-list are separated by commas.
func (v Value) String() string { return string(v.AppendText(nil)) }

// AppendText appends what String gives.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case String, Enum:
		return append(dst, v.str...)
	case Uint:
		return strconv.AppendUint(dst, v.num, 10)
	case Int:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Bool:
		return strconv.AppendBool(dst, v.num != 0)
	case Decimal:
		return v.appendDecimal(dst)
	case Binary:
		return base64.StdEncoding.AppendEncode(dst, []byte(v.str))
	case List:
		for i, e := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendText(dst)
		}
	}
	return dst
}

// appendDecimal writes the canonical form of RFC 7950, 9.3.2: at least one
// digit on each side of the point, no needless zeros.
func (v Value) appendDecimal(dst []byte) []byte {
	n, u := int64(v.num), v.num
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	digits := strconv.FormatUint(u, 10)
	if pad := int(v.scale) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	point := len(digits) - int(v.scale)
	frac := strings.TrimRight(digits[point:], "0")
	if frac == "" {
		frac = "0"
	}
	dst = append(dst, digits[:point]...)
	dst = append(dst, '.')
	return append(dst, frac...)
}

// float is a Decimal as the nearest double.
func (v Value) float() float64 {
	f, _ := strconv.ParseFloat(string(v.appendDecimal(nil)), 64)
	return f
}
