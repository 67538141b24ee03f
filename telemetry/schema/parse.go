package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// source says how much the form a value came in tells about its type.
type source uint8

const (
	fromProto source = iota // a scalar of TypedValue
	fromJSON                // JSON: strings also carry 64-bit numbers and names
	fromText                // text: the type is known only from the schema
)

// FromTypedValue takes the value a client sends for a leaf or leaf-list. It
// allows what clients commonly send beside the exact form: a signed or textual
// number for an unsigned leaf, an enumeration or identity with or without its
// module, one scalar for a leaf-list, a number for decimal64, bytes as base64.
// Everything else is ErrInvalid with the reason; lengths, ranges and patterns
// are not checked here.
func FromTypedValue(leaf ocpath.ID, tv *gpb.TypedValue) (Value, error) {
	return fromTypedValue(ocpath.Get(leaf), tv)
}

func fromTypedValue(n *ocpath.Node, tv *gpb.TypedValue) (Value, error) {
	if n.Kind != ocpath.Leaf && n.Kind != ocpath.LeafList {
		return Value{}, invalid(n.Name + " has children: its value must be a JSON object")
	}
	switch x := tv.GetValue().(type) {
	case *gpb.TypedValue_JsonVal:
		return fromJSONBytes(n, x.JsonVal)
	case *gpb.TypedValue_JsonIetfVal:
		return fromJSONBytes(n, x.JsonIetfVal)
	case *gpb.TypedValue_AsciiVal:
		if err := checkText(x.AsciiVal); err != nil {
			return Value{}, leafError(n, err)
		}
		return parse(n, x.AsciiVal)
	case *gpb.TypedValue_LeaflistVal:
		return fromScalarArray(n, x.LeaflistVal)
	}
	raw, err := fromScalar(tv)
	if err != nil {
		return Value{}, leafError(n, err)
	}
	v, err := coerce(n, raw, fromProto)
	if err != nil {
		return Value{}, leafError(n, err)
	}
	return inList(n, v), nil
}

// Parse takes YANG's lexical form of a value. The elements of a leaf-list are
// separated by commas.
func Parse(leaf ocpath.ID, text string) (Value, error) {
	return parse(ocpath.Get(leaf), text)
}

func parse(n *ocpath.Node, text string) (Value, error) {
	parts := []string{text}
	if n.Kind == ocpath.LeafList {
		parts = strings.Split(text, ",")
	}
	elems := make([]Value, len(parts))
	for i, part := range parts {
		v, err := coerce(n, Value{kind: String, str: part}, fromText)
		if err != nil {
			return Value{}, leafError(n, err)
		}
		elems[i] = v
	}
	if n.Kind == ocpath.LeafList {
		return ListValue(elems), nil
	}
	return elems[0], nil
}

// FromJSON takes a leaf's value as JSON, plain or by RFC 7951.
func FromJSON(leaf ocpath.ID, text []byte) (Value, error) {
	return fromJSONBytes(ocpath.Get(leaf), text)
}

func leafError(n *ocpath.Node, err error) error {
	return invalid(n.Name + ": " + err.Error())
}

// inList makes the one element of a leaf-list out of a scalar.
func inList(n *ocpath.Node, v Value) Value {
	if n.Kind == ocpath.LeafList && v.kind != List {
		return ListValue([]Value{v})
	}
	return v
}

func fromScalarArray(n *ocpath.Node, list *gpb.ScalarArray) (Value, error) {
	if n.Kind != ocpath.LeafList {
		return Value{}, leafError(n, errors.New("a list of values for a leaf that has one"))
	}
	elems := make([]Value, len(list.GetElement()))
	for i, e := range list.GetElement() {
		raw, err := fromScalar(e)
		if err == nil {
			elems[i], err = coerce(n, raw, fromProto)
		}
		if err != nil {
			return Value{}, leafError(n, err)
		}
	}
	return ListValue(elems), nil
}

// fromScalar takes a TypedValue's own type as it is.
func fromScalar(tv *gpb.TypedValue) (Value, error) {
	switch x := tv.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return Value{kind: String, str: x.StringVal}, nil
	case *gpb.TypedValue_UintVal:
		return UintValue(x.UintVal), nil
	case *gpb.TypedValue_IntVal:
		return IntValue(x.IntVal), nil
	case *gpb.TypedValue_BoolVal:
		return BoolValue(x.BoolVal), nil
	case *gpb.TypedValue_BytesVal:
		return BinaryValue(x.BytesVal), nil
	case *gpb.TypedValue_DoubleVal:
		return fromFloat(x.DoubleVal, 64)
	case *gpb.TypedValue_FloatVal:
		//lint:ignore SA1019 clients still send it
		return fromFloat(float64(x.FloatVal), 32)
	case *gpb.TypedValue_DecimalVal:
		//lint:ignore SA1019 clients still send it
		return fromDecimal(x.DecimalVal)
	case nil:
		return Value{}, errors.New("no value")
	}
	return Value{}, fmt.Errorf("a value of type %s cannot be set", kindOfTyped(tv))
}

//lint:ignore SA1019 clients still send it
func fromDecimal(d *gpb.Decimal64) (Value, error) {
	if d.GetPrecision() > 18 {
		return Value{}, fmt.Errorf("decimal with %d fraction digits: 18 is the most", d.GetPrecision())
	}
	return DecimalValue(d.GetDigits(), uint8(d.GetPrecision())), nil
}

func kindOfTyped(tv *gpb.TypedValue) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", tv.GetValue()), "*gnmi.TypedValue_")
}

func fromFloat(f float64, bits int) (Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, errors.New("not a finite number")
	}
	return decimalFromText(strconv.FormatFloat(f, 'f', -1, bits))
}

func fromJSONBytes(n *ocpath.Node, text []byte) (Value, error) {
	if !utf8.Valid(text) { // encoding/json would put U+FFFD there
		return Value{}, leafError(n, errors.New("not JSON: the text is not UTF-8"))
	}
	doc, ok := plainScalar(text)
	if !ok {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&doc); err != nil {
			return Value{}, leafError(n, fmt.Errorf("not JSON: %w", err))
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return Value{}, leafError(n, errors.New("text after the JSON value"))
		}
	}
	v, err := fromJSONDoc(n, doc)
	if err != nil {
		return Value{}, leafError(n, err)
	}
	return v, nil
}

// plainScalar reads what most leaves are, as encoding/json does and in a
// fraction of its time: a string without escapes, a boolean, a number without
// fraction and exponent. ok false is everything else, and what is no JSON.
func plainScalar(text []byte) (doc any, ok bool) {
	switch {
	case len(text) > 1 && text[0] == '"' && bytes.IndexByte(text[1:], '"') == len(text)-2:
		inner := text[1 : len(text)-1]
		if slices.ContainsFunc(inner, func(c byte) bool { return c < ' ' || c == '\\' }) {
			return nil, false
		}
		return string(inner), true
	case string(text) == "true":
		return true, true
	case string(text) == "false":
		return false, true
	}
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || digits[0] == '0' && len(digits) > 1 || slices.ContainsFunc(digits, func(c byte) bool { return c < '0' || c > '9' }) {
		return nil, false
	}
	return json.Number(text), true
}

func fromJSONDoc(n *ocpath.Node, doc any) (Value, error) {
	list, isList := doc.([]any)
	if n.Kind != ocpath.LeafList || !isList {
		v, err := fromJSONScalar(n, doc)
		return inList(n, v), err
	}
	elems := make([]Value, len(list))
	for i, e := range list {
		v, err := fromJSONScalar(n, e)
		if err != nil {
			return Value{}, err
		}
		elems[i] = v
	}
	return ListValue(elems), nil
}

func fromJSONScalar(n *ocpath.Node, doc any) (Value, error) {
	switch x := doc.(type) {
	case string:
		return coerce(n, StringValue(x), fromJSON)
	case bool:
		return coerce(n, BoolValue(x), fromJSON)
	case json.Number:
		raw, err := fromNumber(x.String())
		if err != nil {
			return Value{}, err
		}
		return coerce(n, raw, fromJSON)
	case []any:
		if len(x) == 1 && x[0] == nil && hasType(n, ocpath.Empty) {
			return EmptyValue(), nil
		}
		return Value{}, errors.New("a JSON array where one value is expected")
	case map[string]any:
		return Value{}, errors.New("a JSON object where one value is expected")
	}
	return Value{}, errors.New("a JSON null where a value is expected")
}

func hasType(n *ocpath.Node, t ocpath.Type) bool {
	if n.Type == t {
		return true
	}
	for _, u := range n.Union {
		if n.Type == ocpath.Union && u == t {
			return true
		}
	}
	return false
}

func fromNumber(text string) (Value, error) {
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return UintValue(u), nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return IntValue(i), nil
	}
	if d, err := decimalFromText(text); err == nil {
		return d, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Value{}, fmt.Errorf("number %s is out of range", text)
	}
	return fromFloat(f, 64)
}

// coerce gives the value the type of its leaf. For a union the first member
// that takes the value as it is wins, then the first that takes it by
// conversion (RFC 7950, 9.12).
func coerce(n *ocpath.Node, raw Value, from source) (Value, error) {
	if n.Type != ocpath.Union {
		return coerceTo(n, n.Type, raw, from)
	}
	members := membersOf(n)
	if from != fromText {
		for _, t := range members {
			if !native(t, raw.kind) {
				continue
			}
			if v, err := coerceTo(n, t, raw, from); err == nil {
				return v, nil
			}
		}
	}
	for _, t := range members {
		if v, err := coerceTo(n, t, raw, from); err == nil {
			return v, nil
		}
	}
	return Value{}, fmt.Errorf("no member of the union takes %q", raw.String())
}

// membersOf are the members of a union in the order in which they are asked. A
// string beside names stands last: such strings have patterns, which are not known
// here, and which neither a name nor a number fits.
func membersOf(n *ocpath.Node) []ocpath.Type {
	if len(n.Values) == 0 || len(n.Union) == 0 || n.Union[0] != ocpath.String {
		return n.Union
	}
	return append(slices.Clone(n.Union[1:]), ocpath.String)
}

// native reports whether a value of a kind is of the type without conversion.
func native(t ocpath.Type, k Kind) bool {
	switch k {
	case String:
		return t == ocpath.String || t == ocpath.Enum || t == ocpath.Identity || t == ocpath.Bits
	case Uint, Int:
		_, u := unsignedBits(t)
		_, s := signedBits(t)
		return u || s
	case Bool:
		return t == ocpath.Bool
	case Decimal:
		return t == ocpath.Decimal64
	case Binary:
		return t == ocpath.Binary
	}
	return false
}

func coerceTo(n *ocpath.Node, t ocpath.Type, raw Value, from source) (Value, error) {
	switch t {
	case ocpath.String, ocpath.Bits:
		return toString(n, t, raw, from)
	case ocpath.Bool:
		return toBool(raw, from)
	case ocpath.Enum, ocpath.Identity:
		return toName(n, t, raw)
	case ocpath.Decimal64:
		return toDecimal(n, raw)
	case ocpath.Binary:
		return toBinary(raw)
	case ocpath.Empty:
		if raw.kind == Bool && raw.Bool() || from == fromText && raw.str == "" {
			return EmptyValue(), nil
		}
		return Value{}, errors.New("a leaf of type empty takes [null] or true")
	}
	return toInteger(t, raw)
}

// checkText refuses characters that no string of YANG has (RFC 7950, 9.4 and
// the rule yang-char): those that control a terminal, and noncharacters.
func checkText(text string) error {
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0xfdd0 && c <= 0xfdef || c&0xfffe == 0xfffe {
			return fmt.Errorf("the character U+%04X cannot be in a string", c)
		}
	}
	return nil
}

func toString(n *ocpath.Node, t ocpath.Type, raw Value, from source) (Value, error) {
	if raw.kind != String {
		return Value{}, fmt.Errorf("%s is not a string", raw.String())
	}
	if !utf8.ValidString(raw.str) {
		return Value{}, errors.New("the string is not UTF-8")
	}
	if from != fromText { // a key may name what the host has, whatever its name
		if err := checkText(raw.str); err != nil {
			return Value{}, err
		}
	}
	if t == ocpath.Bits {
		for _, bit := range strings.Fields(raw.str) {
			if _, ok := nameModule(n, bit); !ok {
				return Value{}, fmt.Errorf("no bit %q%s", bit, near(bit, names(n)))
			}
		}
		return StringValue(strings.Join(strings.Fields(raw.str), " ")), nil
	}
	return raw, nil
}

func toBool(raw Value, from source) (Value, error) {
	switch {
	case raw.kind == Bool:
		return raw, nil
	case raw.kind == String && from != fromJSON && raw.str == "true":
		return BoolValue(true), nil
	case raw.kind == String && from != fromJSON && raw.str == "false":
		return BoolValue(false), nil
	}
	return Value{}, fmt.Errorf("%q is not a boolean", raw.String())
}

// toName takes an enumeration's or identity's name, alone or behind the name
// of its module.
func toName(n *ocpath.Node, t ocpath.Type, raw Value) (Value, error) {
	if raw.kind != String {
		return Value{}, fmt.Errorf("%s is not a name", raw.String())
	}
	prefix, name := "", raw.str
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !hasName(n, name) {
		prefix, name = name[:i], name[i+1:]
	}
	module, ok := nameModule(n, name)
	if !ok {
		return Value{}, fmt.Errorf("no value %q%s", name, near(name, names(n)))
	}
	if prefix != "" && prefix != module && (t == ocpath.Identity || prefix != n.Module) {
		return Value{}, fmt.Errorf("%q is of module %s, not %s", name, module, prefix)
	}
	return EnumValue(name), nil
}

func toDecimal(n *ocpath.Node, raw Value) (Value, error) {
	switch raw.kind {
	case String, Uint, Int:
		d, err := decimalFromText(raw.String())
		if err != nil {
			return Value{}, err
		}
		raw = d
	case Decimal:
	default:
		return Value{}, fmt.Errorf("%q is not a decimal number", raw.String())
	}
	num, scale := int64(raw.num), raw.scale
	for ; scale > n.FractionDigits; scale-- {
		if num%10 != 0 {
			return Value{}, fmt.Errorf("%s has more than %d fraction digits", raw.String(), n.FractionDigits)
		}
		num /= 10
	}
	for ; scale < n.FractionDigits; scale++ {
		if num > math.MaxInt64/10 || num < math.MinInt64/10 {
			return Value{}, fmt.Errorf("%s is out of range", raw.String())
		}
		num *= 10
	}
	return DecimalValue(num, n.FractionDigits), nil
}

// decimalFromText reads digits with an optional sign and point.
func decimalFromText(text string) (Value, error) {
	whole, frac, _ := strings.Cut(text, ".")
	num, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || len(frac) > 18 || strings.ContainsAny(frac, "+-") || strings.Trim(whole, "+-") == "" {
		return Value{}, fmt.Errorf("%q is not a decimal number of at most 18 fraction digits", text)
	}
	return DecimalValue(num, uint8(len(frac))), nil
}

func toBinary(raw Value) (Value, error) {
	if raw.kind == Binary {
		return raw, nil
	}
	if raw.kind != String {
		return Value{}, fmt.Errorf("%s is not binary", raw.String())
	}
	b, err := base64.StdEncoding.DecodeString(raw.str)
	if err != nil {
		return Value{}, fmt.Errorf("not base64: %w", err)
	}
	return BinaryValue(b), nil
}

func toInteger(t ocpath.Type, raw Value) (Value, error) {
	if raw.kind == String {
		number, err := fromNumber(raw.str)
		if err != nil || number.kind == Decimal {
			return Value{}, fmt.Errorf("%q is not an integer", raw.str)
		}
		raw = number
	}
	if raw.kind == Decimal {
		whole, rest, scale := int64(raw.num), int64(0), raw.scale
		for ; scale > 0 && rest == 0; scale-- {
			whole, rest = whole/10, whole%10
		}
		if rest != 0 {
			return Value{}, fmt.Errorf("%s is not an integer", raw.String())
		}
		raw = IntValue(whole)
	}
	if raw.kind != Uint && raw.kind != Int {
		return Value{}, fmt.Errorf("%q is not an integer", raw.String())
	}
	if !fits(t, raw) {
		return Value{}, fmt.Errorf("%s is out of range: %s", raw.String(), extent(t))
	}
	if _, unsigned := unsignedBits(t); unsigned {
		return UintValue(raw.num), nil
	}
	return IntValue(int64(raw.num)), nil
}

// extent says which numbers an integer type has.
func extent(t ocpath.Type) string {
	if bits, ok := unsignedBits(t); ok {
		return fmt.Sprintf("a uint%d is 0..%d", bits, uint64(math.MaxUint64)>>(64-bits))
	}
	bits, _ := signedBits(t)
	most := int64(math.MaxInt64) >> (64 - bits)
	return fmt.Sprintf("an int%d is %d..%d", bits, -most-1, most)
}
