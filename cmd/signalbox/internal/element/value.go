package element

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// FormatValue writes a value as a person reads it: strings bare, lists between
// commas, JSON as it came.
func FormatValue(v *gpb.TypedValue) string {
	switch v := v.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return v.StringVal
	case *gpb.TypedValue_AsciiVal:
		return v.AsciiVal
	case *gpb.TypedValue_IntVal:
		return strconv.FormatInt(v.IntVal, 10)
	case *gpb.TypedValue_UintVal:
		return strconv.FormatUint(v.UintVal, 10)
	case *gpb.TypedValue_BoolVal:
		return strconv.FormatBool(v.BoolVal)
	case *gpb.TypedValue_DoubleVal:
		return strconv.FormatFloat(v.DoubleVal, 'g', -1, 64)
	case *gpb.TypedValue_BytesVal:
		return base64.StdEncoding.EncodeToString(v.BytesVal)
	case *gpb.TypedValue_JsonIetfVal:
		return string(v.JsonIetfVal)
	case *gpb.TypedValue_JsonVal:
		return string(v.JsonVal)
	case *gpb.TypedValue_LeaflistVal:
		texts := make([]string, len(v.LeaflistVal.GetElement()))
		for i, e := range v.LeaflistVal.GetElement() {
			texts[i] = FormatValue(e)
		}
		return strings.Join(texts, ",")
	}
	return ""
}

// JSONValue gives a value as encoding/json takes it: numbers stay numbers.
func JSONValue(v *gpb.TypedValue) any {
	switch v := v.GetValue().(type) {
	case *gpb.TypedValue_IntVal:
		return v.IntVal
	case *gpb.TypedValue_UintVal:
		return v.UintVal
	case *gpb.TypedValue_BoolVal:
		return v.BoolVal
	case *gpb.TypedValue_DoubleVal:
		return v.DoubleVal
	case *gpb.TypedValue_JsonIetfVal:
		return json.RawMessage(v.JsonIetfVal)
	case *gpb.TypedValue_JsonVal:
		return json.RawMessage(v.JsonVal)
	case *gpb.TypedValue_LeaflistVal:
		values := make([]any, len(v.LeaflistVal.GetElement()))
		for i, e := range v.LeaflistVal.GetElement() {
			values[i] = JSONValue(e)
		}
		return values
	}
	return FormatValue(v)
}

// ParseValue reads a value as people write it: JSON where it is JSON (a
// number, true, a quoted string, a list, an object), else text. With text true
// everything but an object, a list or a quoted string is text, also a number.
func ParseValue(s string, text bool) (*gpb.TypedValue, error) {
	raw := []byte(s)
	trimmed := strings.TrimSpace(s)
	structured := trimmed != "" && strings.ContainsRune(`{["`, rune(trimmed[0]))
	if structured && !json.Valid(raw) {
		return nil, fmt.Errorf("value %q looks like JSON and is none", s)
	}
	if !structured && (text || !json.Valid(raw) || trimmed == "null") {
		quoted, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", s, err)
		}
		raw = quoted
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: raw}}, nil
}
