package schema

import (
	"encoding/base64"
	"math"
	"unicode/utf8"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"google.golang.org/protobuf/encoding/protowire"
)

// Encoding is one of gNMI's encodings that are served (specification, 2.3).
type Encoding uint8

// The encodings, usable as an index.
const (
	JSON         Encoding = iota // names without modules, 64-bit numbers as numbers
	JSONIETF                     // RFC 7951
	Proto                        // scalars of TypedValue; never the deprecated float_val and decimal_val
	ASCII                        // YANG's lexical form
	NumEncodings                 // how many there are
)

// EncodingOf takes the encoding that a request names. One that is not served
// is ErrUnimplemented.
func EncodingOf(e gpb.Encoding) (Encoding, error) {
	switch e {
	case gpb.Encoding_JSON:
		return JSON, nil
	case gpb.Encoding_JSON_IETF:
		return JSONIETF, nil
	case gpb.Encoding_PROTO:
		return Proto, nil
	case gpb.Encoding_ASCII:
		return ASCII, nil
	}
	return 0, unimplemented("encoding " + e.String() + ": served are JSON, JSON_IETF, PROTO and ASCII")
}

// Field numbers of gnmi.TypedValue and gnmi.ScalarArray (gnmi.proto).
const (
	fieldString   = 1
	fieldInt      = 2
	fieldUint     = 3
	fieldBool     = 4
	fieldBytes    = 5
	fieldLeafList = 8
	fieldJSON     = 10
	fieldJSONIETF = 11
	fieldASCII    = 12
	fieldDouble   = 14
	fieldElement  = 1 // ScalarArray.element
)

// AppendTyped appends the wire form of a gnmi.TypedValue that holds the value
// of a leaf.
func (v Value) AppendTyped(dst []byte, leaf *ocpath.Node, enc Encoding) []byte {
	switch enc {
	case JSON:
		return appendNested(dst, fieldJSON, func(b []byte) []byte { return v.AppendJSON(b, leaf, enc) })
	case JSONIETF:
		return appendNested(dst, fieldJSONIETF, func(b []byte) []byte { return v.AppendJSON(b, leaf, enc) })
	case ASCII:
		return appendNested(dst, fieldASCII, v.AppendText)
	}
	return v.appendScalar(dst)
}

// appendScalar appends the wire form of a TypedValue of the PROTO encoding
// (specification, 2.2.3).
func (v Value) appendScalar(dst []byte) []byte {
	switch v.kind {
	case String, Enum:
		dst = protowire.AppendTag(dst, fieldString, protowire.BytesType)
		return protowire.AppendString(dst, v.str)
	case Uint:
		dst = protowire.AppendTag(dst, fieldUint, protowire.VarintType)
		return protowire.AppendVarint(dst, v.num)
	case Int:
		dst = protowire.AppendTag(dst, fieldInt, protowire.VarintType)
		return protowire.AppendVarint(dst, v.num)
	case Bool:
		dst = protowire.AppendTag(dst, fieldBool, protowire.VarintType)
		return protowire.AppendVarint(dst, v.num)
	case Empty:
		dst = protowire.AppendTag(dst, fieldBool, protowire.VarintType)
		return protowire.AppendVarint(dst, 1)
	case Decimal:
		dst = protowire.AppendTag(dst, fieldDouble, protowire.Fixed64Type)
		return protowire.AppendFixed64(dst, math.Float64bits(v.float()))
	case Binary:
		dst = protowire.AppendTag(dst, fieldBytes, protowire.BytesType)
		return protowire.AppendString(dst, v.str)
	case List:
		return appendNested(dst, fieldLeafList, func(b []byte) []byte {
			for _, e := range v.list {
				b = appendNested(b, fieldElement, e.appendScalar)
			}
			return b
		})
	}
	return dst
}

// appendNested appends one length-delimited field whose content body appends.
// The length is written in front afterwards: where it takes more than the one
// octet set aside for it, the content is moved.
func appendNested(dst []byte, field protowire.Number, body func([]byte) []byte) []byte {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	start := len(dst) + 1
	dst = body(append(dst, 0))
	size := len(dst) - start
	if extra := protowire.SizeVarint(uint64(size)) - 1; extra > 0 {
		dst = append(dst, make([]byte, extra)...)
		copy(dst[start+extra:], dst[start:start+size])
	}
	protowire.AppendVarint(dst[:start-1], uint64(size))
	return dst
}

// AppendJSONHead appends what stands before a JSON text of so many octets in
// the wire form of a gnmi.TypedValue that holds it. enc is JSON or JSONIETF.
func AppendJSONHead(dst []byte, size int, enc Encoding) []byte {
	field := protowire.Number(fieldJSON)
	if enc == JSONIETF {
		field = fieldJSONIETF
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendVarint(dst, uint64(size))
}

// AppendJSON appends the value of a leaf as JSON: by RFC 7951 for JSONIETF,
// otherwise with plain names and numbers.
func (v Value) AppendJSON(dst []byte, leaf *ocpath.Node, enc Encoding) []byte {
	switch v.kind {
	case String:
		return AppendJSONString(dst, v.str)
	case Enum:
		return appendJSONName(dst, v.str, leaf, enc)
	case Uint, Int:
		if enc == JSONIETF && wide(leaf, v) {
			dst = append(dst, '"')
			dst = v.AppendText(dst)
			return append(dst, '"')
		}
		return v.AppendText(dst)
	case Decimal:
		if enc != JSONIETF {
			return v.AppendText(dst)
		}
		dst = append(dst, '"')
		dst = v.AppendText(dst)
		return append(dst, '"')
	case Bool:
		return v.AppendText(dst)
	case Binary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.str))
		return append(dst, '"')
	case Empty:
		if enc == JSONIETF {
			return append(dst, "[null]"...)
		}
		return append(dst, "true"...)
	case List:
		dst = append(dst, '[')
		for i, e := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendJSON(dst, leaf, enc)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// appendJSONName appends an enumeration's name, or an identity's name with the
// module that defines it (RFC 7951, 6.8).
func appendJSONName(dst []byte, name string, leaf *ocpath.Node, enc Encoding) []byte {
	if enc == JSONIETF {
		if module := identityModule(leaf, name); module != "" {
			return AppendJSONString(dst, module+":"+name)
		}
	}
	return AppendJSONString(dst, name)
}

// wide reports whether the number of a leaf stands as a string in RFC 7951
// (6.1): where its type, or the first member of its union that takes the
// value, has 64 bits.
func wide(leaf *ocpath.Node, v Value) bool {
	if leaf.Type != ocpath.Union {
		return leaf.Type == ocpath.Int64 || leaf.Type == ocpath.Uint64
	}
	for _, t := range leaf.Union {
		if fits(t, v) {
			return t == ocpath.Int64 || t == ocpath.Uint64
		}
	}
	return true
}

// fits reports whether a number is in the range of an integer type.
func fits(t ocpath.Type, v Value) bool {
	if bits, ok := unsignedBits(t); ok {
		return (v.kind == Uint || int64(v.num) >= 0) && (bits == 64 || v.num>>bits == 0)
	}
	if bits, ok := signedBits(t); ok {
		n := int64(v.num)
		return (v.kind == Int || n >= 0) && (n>>(bits-1) == 0 || n>>(bits-1) == -1)
	}
	return false
}

func unsignedBits(t ocpath.Type) (bits uint, ok bool) {
	switch t {
	case ocpath.Uint8:
		return 8, true
	case ocpath.Uint16:
		return 16, true
	case ocpath.Uint32:
		return 32, true
	case ocpath.Uint64:
		return 64, true
	}
	return 0, false
}

func signedBits(t ocpath.Type) (bits uint, ok bool) {
	switch t {
	case ocpath.Int8:
		return 8, true
	case ocpath.Int16:
		return 16, true
	case ocpath.Int32:
		return 32, true
	case ocpath.Int64:
		return 64, true
	}
	return 0, false
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends a quoted JSON string (RFC 8259, 7). Octets that are
// not UTF-8 become U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, "\uFFFD"...)
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
