package gnmi

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// A status travels in the trailers of an answer, for which clients set aside
// as little as 8 KiB.
const (
	maxMessage    = 2048 // octets
	maxViolations = 8
	maxField      = 256 // octets of each part of a violation
)

// row is one line of the table of codes.
type row struct {
	// is reports whether an error is of this row.
	is   func(error) bool
	code codes.Code
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// kind is an openconfig.Error of a kind; of several errors the first one
// decides.
func kind(k openconfig.Kind) func(error) bool {
	return func(err error) bool {
		var e *openconfig.Error
		return errors.As(err, &e) && e.Kind == k
	}
}

// table gives each error of the element its code (gNMI specification, 3.3.4,
// 3.4.7 and 3.5.1). The first row that fits counts; what fits none is Internal.
func table() []row {
	return []row{
		{kind(openconfig.Invalid), codes.InvalidArgument},
		{kind(openconfig.NotFound), codes.NotFound},
		{kind(openconfig.Unimplemented), codes.Unimplemented},
		{kind(openconfig.Exhausted), codes.ResourceExhausted},
		{kind(openconfig.FailedPrecondition), codes.FailedPrecondition},
		{kind(openconfig.Unavailable), codes.Unavailable},
		{kind(openconfig.Denied), codes.PermissionDenied},
		{kind(openconfig.Internal), codes.Internal},
		{is(schema.ErrInvalid), codes.InvalidArgument},
		{is(schema.ErrUnimplemented), codes.Unimplemented},
		{is(telemetry.ErrNotFound), codes.NotFound},
		{is(telemetry.ErrForbidden), codes.PermissionDenied},
		{is(access.ErrForbidden), codes.PermissionDenied},
		{is(access.ErrUnauthenticated), codes.Unauthenticated},
		{is(access.ErrThrottled), codes.ResourceExhausted},
		{is(access.ErrUnusable), codes.Unavailable},
		{is(access.ErrChanged), codes.Unavailable},
		{is(telemetry.ErrTooLarge), codes.ResourceExhausted},
		{is(telemetry.ErrSlowReader), codes.ResourceExhausted},
		{is(telemetry.ErrNotKept), codes.OutOfRange},
		{is(telemetry.ErrClosed), codes.Unavailable},
		{is(context.DeadlineExceeded), codes.DeadlineExceeded},
		{is(context.Canceled), codes.Canceled},
	}
}

// Status turns an error of the element into the status a client gets: the code
// of the table, the error's text, and the paths at fault with their reasons as
// google.rpc.BadRequest. An error that is a status already stays as it is.
func Status(err error) *status.Status {
	var already interface{ GRPCStatus() *status.Status }
	if errors.As(err, &already) {
		return already.GRPCStatus()
	}
	code := codes.Internal
	for _, r := range table() {
		if r.is(err) {
			code = r.code
			break
		}
	}
	// The code says already that a request is invalid.
	text := strings.TrimSuffix(err.Error(), ": "+schema.ErrInvalid.Error())
	st := status.New(code, clip(text, maxMessage))
	found := violations(err)
	if len(found) == 0 {
		return st
	}
	detailed, failed := st.WithDetails(&errdetails.BadRequest{FieldViolations: found})
	if failed != nil { // not for a code that is not OK
		return st
	}
	return detailed
}

// violations are the paths that an error names, with the reason for each.
func violations(err error) []*errdetails.BadRequest_FieldViolation {
	var found []*errdetails.BadRequest_FieldViolation
	for _, e := range openconfig.Errors(err, maxViolations) {
		if e.Path != "" {
			found = append(found, violation(e.Path, e.Reason))
		}
	}
	if found == nil && (errors.Is(err, schema.ErrInvalid) || errors.Is(err, schema.ErrUnimplemented)) {
		if path, reason, ok := cutPath(err.Error()); ok {
			found = append(found, violation(path, reason))
		}
	}
	return found
}

func violation(path, reason string) *errdetails.BadRequest_FieldViolation {
	return &errdetails.BadRequest_FieldViolation{Field: clip(path, maxField), Description: clip(reason, maxField)}
}

// cutPath takes the path that an error of telemetry/schema begins with off its
// text. A colon in a key's value does not end the path.
func cutPath(text string) (path, reason string, ok bool) {
	depth, escaped := 0, false
	for i, c := range text {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth <= 0 && strings.HasPrefix(text[i:], ": "):
			return text[:i], text[i+2:], strings.HasPrefix(text, "/")
		}
	}
	return "", "", false
}

// clip bounds a text to so many octets, and says where it does.
func clip(text string, size int) string {
	const more = " …"
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size-len(more)], "") + more
}
