// Package commands reads the text of the origin signalbox_cli: the
// configuration as lines of the command line's own syntax.
//
//	# what is behind a number sign at the begin of a line is not read
//	set /interfaces/interface[name=eth1]/config/description to the printer
//	set /interfaces/interface[name=eth1]/config/mtu 9000
//	delete /interfaces/interface[name=eth2]
//	rollback 17
//
// A line is one command; they are carried out from the first to the last. A
// path is written as gNMI does (gnmi-path-strings) and ends at the first blank
// outside of brackets that no backslash precedes. A value is the rest of the
// line without the blanks around it: JSON (RFC 7951) where it begins as a list,
// an object or a quoted string does, else bare text. "set" merges, as gNMI's
// update does: a leaf-list gets what it does not have. "delete" knows wildcards.
// "rollback" brings back the version of the configuration with that number.
//
// The package knows the syntax only: whether a path is in the models, and what
// a value means there, is for its caller.
package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// Origin is that of paths whose value is text of this syntax; ShortOrigin is
// what gnmic calls the origin of every element's commands.
const (
	Origin      = "signalbox_cli"
	ShortOrigin = "cli"
)

// maxErrors is how many errors of one text are told.
const maxErrors = 8

// Position is a place in a text.
type Position struct {
	Line   int // from 1
	Column int // from 1, in characters
}

// String is the position as errors tell it.
func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// Command is one line.
type Command struct {
	Kind  Kind
	Path  *gpb.Path // of a set and a delete
	Value string    // of a set; not empty
	// Version is the number of a rollback.
	Version uint64
	// At is where the path or number begins, ValueAt where the value does.
	At, ValueAt Position
}

// Kind is what a command does.
type Kind uint8

// The commands.
const (
	Set Kind = iota
	Delete
	Rollback
)

// Error is what is wrong at a place in a text.
type Error struct {
	At     Position
	Reason string
}

// Error is the position and the reason.
func (e *Error) Error() string { return e.At.String() + ": " + e.Reason }

// Parse reads a text. The error joins an *Error for each line that is none of
// the syntax, at most eight.
func Parse(text string) ([]Command, error) {
	var found []Command
	var errs []error
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		c, ok, err := parseLine(line, number)
		switch {
		case err != nil:
			errs = append(errs, err)
		case ok:
			found = append(found, c)
		}
		if len(errs) == maxErrors {
			break
		}
	}
	return found, errors.Join(errs...)
}

// blanks are what stands between words.
const blanks = " \t\r"

// parseLine reads one line; ok is false where there is no command on it.
func parseLine(line string, number int) (c Command, ok bool, err error) {
	at := func(rest string) Position { // where the rest of the line begins
		return Position{number, 1 + utf8.RuneCountInString(line[:len(line)-len(rest)])}
	}
	rest := strings.TrimLeft(line, blanks)
	if strings.Trim(rest, blanks) == "" || rest[0] == '#' {
		return c, false, nil
	}
	if !utf8.ValidString(rest) {
		return c, false, &Error{at(rest), "the text is not UTF-8"}
	}
	word, after := cutBlank(rest)
	begin, rest := at(rest), strings.TrimLeft(after, blanks)
	c.At = at(rest)
	switch word {
	case "set":
	case "delete":
		c.Kind = Delete
	case "rollback":
		c.Kind = Rollback
		number := strings.TrimRight(rest, blanks)
		if c.Version, err = strconv.ParseUint(number, 10, 64); err != nil || c.Version == 0 {
			return c, false, &Error{c.At, fmt.Sprintf("%.40q: want the number of a version", number)}
		}
		return c, true, nil
	default:
		return c, false, &Error{begin, fmt.Sprintf("%.40q: want set, delete or rollback", word)}
	}
	return c, true, c.operands(word, rest, at)
}

// operands reads the path and value of a set or delete.
func (c *Command) operands(word, rest string, at func(string) Position) (err error) {
	path, after := cutPath(rest)
	if path == "" {
		return &Error{c.At, word + " without a path"}
	}
	if c.Path, err = schema.ParsePath(path); err != nil {
		return &Error{c.At, err.Error()}
	}
	rest = strings.TrimLeft(after, blanks)
	c.Value, c.ValueAt = strings.TrimRight(rest, blanks), at(rest)
	switch {
	case c.Kind == Delete && c.Value != "":
		return &Error{c.ValueAt, fmt.Sprintf("%.40q after the path of a delete", c.Value)}
	case c.Kind == Set && c.Value == "":
		return &Error{c.ValueAt, "set without a value"}
	}
	return nil
}

// cutBlank takes the word that a text begins with off it.
func cutBlank(s string) (word, after string) {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// cutPath takes the path that a text begins with off it.
func cutPath(s string) (path, after string) {
	inKey, escaped := false, false
	for i := range len(s) {
		switch c := s[i]; {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '[':
			inKey = true
		case c == ']':
			inKey = false
		case !inKey && strings.IndexByte(blanks, c) >= 0:
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// JSON gives a value as JSON (RFC 7951). Bare text is a string where text says
// so, or where it is no JSON by itself.
func JSON(value string, text bool) ([]byte, error) {
	structured := value != "" && strings.IndexByte(`{["`, value[0]) >= 0
	valid := json.Valid([]byte(value))
	switch {
	case structured && !valid:
		return nil, fmt.Errorf("%.40q looks like JSON and is none", value)
	case structured || valid && !text && value != "null":
		return []byte(value), nil
	}
	return json.Marshal(value)
}
