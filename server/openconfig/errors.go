package openconfig

import (
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// Kind says what a caller can do about an Error. Only server/gnmi knows the
// gRPC codes of the kinds.
type Kind uint8

// The kinds of errors.
const (
	// Internal is a fault of the element itself.
	Internal Kind = iota
	// Invalid is a value, path or combination that can never be accepted.
	Invalid
	// NotFound is an update or replace of a path that the schema does not have
	// (gNMI specification, 3.4.7).
	NotFound
	// Unimplemented is valid by the models or the protocol and not served.
	Unimplemented
	// Exhausted is more than the element, its disk included, has room for.
	Exhausted
	// FailedPrecondition would be accepted in another state of the element.
	FailedPrecondition
	// Unavailable is a refusal of the kernel or the disk; trying again may help.
	Unavailable
	// Denied is what the caller may not do.
	Denied
)

// String is the kind in lower case, for messages and tests.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "unimplemented", "exhausted", "failed precondition", "unavailable", "denied"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// Error is a refusal that names the path that caused it.
type Error struct {
	Kind Kind
	// Path is the text form of the path, "" where no single path is at fault.
	Path string
	// Reason says what is wrong and, where it is known, what would be right.
	Reason string
	// Err is the cause, or nil; its text is part of Reason.
	Err error
}

// Error is the path and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors gives each Error in the tree of an error, in order, at most limit;
// 0 is no limit.
func Errors(err error, limit int) []*Error {
	var found []*Error
	var walk func(error)
	walk = func(err error) {
		if err == nil || limit > 0 && len(found) >= limit {
			return
		}
		switch x := err.(type) {
		case *Error:
			found = append(found, x)
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				walk(e)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	return found
}

// Refuse makes an Error of the kind that an error of telemetry/schema has:
// Unimplemented for what is deviated, Invalid for everything else.
func Refuse(path string, err error) *Error {
	kind := Invalid
	if errors.Is(err, schema.ErrUnimplemented) {
		kind = Unimplemented
	}
	reason := err.Error()
	if _, leaf, ok := strings.Cut(path[strings.LastIndex(path, "]")+1:], "/"); ok { // its last name is in the path already
		reason = strings.TrimPrefix(reason, leaf[strings.LastIndex(leaf, "/")+1:]+": ")
	}
	return &Error{Kind: kind, Path: path, Reason: reason, Err: err}
}

// invalid is an Error of kind Invalid about a path.
func invalid(path schema.Path, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Path: path.String(), Reason: fmt.Sprintf(format, args...)}
}
