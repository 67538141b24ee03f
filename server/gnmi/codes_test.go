package gnmi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// refused is an error of telemetry/schema as a path brings it about.
func refused(t *testing.T, elems ...*gpb.PathElem) error {
	t.Helper()
	_, err := schema.Compile(nil, &gpb.Path{Elem: elems})
	if err == nil {
		t.Fatalf("%v is fine", elems)
	}
	return err
}

func TestG16_Codes(t *testing.T) {
	of := func(k openconfig.Kind) error {
		return fmt.Errorf("set: %w", &openconfig.Error{Kind: k, Path: "/interfaces/interface[name=a: b]/config/mtu", Reason: "too small"})
	}
	mtu := []string{"/interfaces/interface[name=a: b]/config/mtu: too small"}
	interfaces, name := &gpb.PathElem{Name: "interfaces"}, map[string]string{"name": "a: b"}
	tests := []struct {
		name       string
		err        error
		code       codes.Code
		violations []string
	}{
		{"invalid", of(openconfig.Invalid), codes.InvalidArgument, mtu},
		{"not found", of(openconfig.NotFound), codes.NotFound, mtu},
		{"unimplemented", of(openconfig.Unimplemented), codes.Unimplemented, mtu},
		{"exhausted", of(openconfig.Exhausted), codes.ResourceExhausted, mtu},
		{"precondition", of(openconfig.FailedPrecondition), codes.FailedPrecondition, mtu},
		{"unavailable", of(openconfig.Unavailable), codes.Unavailable, mtu},
		{"denied", of(openconfig.Denied), codes.PermissionDenied, mtu},
		{"internal", of(openconfig.Internal), codes.Internal, mtu},
		{"several, the first decides", errors.Join(of(openconfig.NotFound), of(openconfig.Invalid)), codes.NotFound, append(mtu, mtu...)},
		{"without a path", &openconfig.Error{Kind: openconfig.Invalid, Reason: "no"}, codes.InvalidArgument, nil},
		{"unknown element", refused(t, interfaces, &gpb.PathElem{Name: "interface", Key: name}, &gpb.PathElem{Name: "qqq"}), codes.InvalidArgument,
			[]string{"/interfaces/interface[name=a: b]/qqq"}},
		{"deviated element", refused(t, interfaces, &gpb.PathElem{Name: "interface", Key: name}, &gpb.PathElem{Name: "subinterfaces"}), codes.Unimplemented,
			[]string{"/interfaces/interface[name=a: b]/subinterfaces"}},
		{"nothing there", fmt.Errorf("/system: %w", telemetry.ErrNotFound), codes.NotFound, nil},
		{"answer too large", fmt.Errorf("get: %w", telemetry.ErrTooLarge), codes.ResourceExhausted, nil},
		{"slow reader", telemetry.ErrSlowReader, codes.ResourceExhausted, nil},
		{"G35 not kept", telemetry.ErrNotKept, codes.OutOfRange, nil},
		{"closing", telemetry.ErrClosed, codes.Unavailable, nil},
		{"deadline", context.DeadlineExceeded, codes.DeadlineExceeded, nil},
		{"cancelled", context.Canceled, codes.Canceled, nil},
		{"a path that the reader may not see", fmt.Errorf("/system: %w", telemetry.ErrForbidden), codes.PermissionDenied, nil},
		{"not permitted", fmt.Errorf("/system: %w", access.ErrForbidden), codes.PermissionDenied, nil},
		{"not authenticated", access.ErrUnauthenticated, codes.Unauthenticated, nil},
		{"throttled", access.ErrThrottled, codes.ResourceExhausted, nil},
		{"broken rules", access.ErrUnusable, codes.Unavailable, nil},
		{"changed rules", access.ErrChanged, codes.Unavailable, nil},
		{"a status", fmt.Errorf("get: %w", status.Error(codes.ResourceExhausted, "x")), codes.ResourceExhausted, nil},
		{"anything else", errors.New("x"), codes.Internal, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := Status(tt.err)
			if st.Code() != tt.code {
				t.Errorf("code %v, want %v", st.Code(), tt.code)
			}
			got := fields(st)
			if len(got) != len(tt.violations) {
				t.Fatalf("violations %q, want %q", got, tt.violations)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.violations[i]) {
					t.Errorf("violation %q, want %q", got[i], tt.violations[i])
				}
			}
		})
	}
}

// TestG16_EveryRow proves that the test above has an error for each row of the
// table, and that each row is reached.
func TestG16_EveryRow(t *testing.T) {
	errs := []error{schema.ErrInvalid, schema.ErrUnimplemented, telemetry.ErrNotFound, telemetry.ErrSlowReader, telemetry.ErrNotKept,
		telemetry.ErrClosed, telemetry.ErrTooLarge, context.DeadlineExceeded, context.Canceled, telemetry.ErrForbidden, access.ErrForbidden,
		access.ErrUnauthenticated, access.ErrThrottled, access.ErrUnusable, access.ErrChanged}
	for k := openconfig.Internal; k <= openconfig.Denied; k++ {
		errs = append(errs, &openconfig.Error{Kind: k})
	}
	reached := map[int]bool{}
	for _, err := range errs {
		for i, r := range table() {
			if r.is(err) {
				reached[i] = true
				break
			}
		}
	}
	if len(reached) != len(table()) || len(errs) != len(table()) {
		t.Errorf("%d errors reach %d of %d rows", len(errs), len(reached), len(table()))
	}
}

// fields are the violations of a status as "field: description".
func fields(st *status.Status) []string {
	var all []string
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				all = append(all, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return all
}

// TestStatusIsBounded: a status is sent in trailers, which clients bound.
func TestStatusIsBounded(t *testing.T) {
	var errs []error
	for i := range 1000 {
		errs = append(errs, &openconfig.Error{Kind: openconfig.Invalid, Path: fmt.Sprintf("/p%d/%s", i, strings.Repeat("é", 500)), Reason: "no"})
	}
	st := Status(errors.Join(errs...))
	size := len(st.Message())
	for _, f := range fields(st) {
		size += len(f)
	}
	if size > 7<<10 || len(fields(st)) != maxViolations {
		t.Errorf("%d octets in %d violations", size, len(fields(st)))
	}
}

func TestCutPath(t *testing.T) {
	tests := []struct {
		text string
		want []string // nil for no path
	}{
		{"/a/b: reason: more", []string{"/a/b", "reason: more"}},
		{`/a[k=x: y]/b: reason`, []string{`/a[k=x: y]/b`, "reason"}},
		{`/a[k=\]: y]/b: reason`, []string{`/a[k=\]: y]/b`, "reason"}},
		{"an origin: wrong", nil},
		{"/a without a reason", nil},
		{"", nil},
	}
	for _, tt := range tests {
		path, reason, ok := cutPath(tt.text)
		var got []string
		if ok {
			got = []string{path, reason}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// What a client reads is a reason, without the name of its kind behind it.
func TestG16_TextsEndWithTheRemedy(t *testing.T) {
	got := Status(fmt.Errorf("data type 7: want ALL or CONFIG: %w", schema.ErrInvalid))
	if want := "data type 7: want ALL or CONFIG"; got.Code() != codes.InvalidArgument || got.Message() != want {
		t.Errorf("got %v %q, want %q", got.Code(), got.Message(), want)
	}
	if got := Status(schema.ErrInvalid).Message(); got == "" {
		t.Error("no text is left")
	}
}
