package schema

import "errors"

// What callers tell apart. Every error of this package wraps one of them and
// names the path.
var (
	// ErrInvalid is a path or value that the schema does not have: bad syntax,
	// unknown element, unknown key, wrong origin, wrong type.
	ErrInvalid = errors.New("invalid")
	// ErrUnimplemented is a node that the models have and the element does not
	// serve (deviated as not-supported), or an encoding it does not speak.
	ErrUnimplemented = errors.New("not implemented")
)

// refusal is an error whose text is only the reason and whose kind is one of
// the sentinels.
type refusal struct {
	kind   error
	reason string
}

func (r *refusal) Error() string { return r.reason }
func (r *refusal) Unwrap() error { return r.kind }

func invalid(reason string) error       { return &refusal{ErrInvalid, reason} }
func unimplemented(reason string) error { return &refusal{ErrUnimplemented, reason} }
