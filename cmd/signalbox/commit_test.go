package main

import (
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
)

func TestCommitExtensions(t *testing.T) {
	tests := []struct {
		name  string
		flags commitFlags
		ok    bool
		want  int
	}{
		{"none", commitFlags{}, true, 0},
		{"a master", commitFlags{election: electionFlag{7}}, true, 1},
		{"a commit", commitFlags{id: "x"}, true, 1},
		{"a master's commit", commitFlags{electionFlag{7}, "x", time.Minute}, true, 2},
		{"a time for no commit", commitFlags{rollback: time.Minute}, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.flags.extensions()
			if (err == nil) != tt.ok || len(got) != tt.want {
				t.Fatalf("extensions %v, %v; want %d", got, err, tt.want)
			}
			for _, x := range got {
				if a := x.GetMasterArbitration(); a != nil && a.GetElectionId().GetLow() != 7 {
					t.Errorf("election id %v", a)
				}
				if c := x.GetCommit(); c != nil && c.GetCommit().GetRollbackDuration().AsDuration() != tt.flags.rollback {
					t.Errorf("commit %v", c)
				}
			}
		})
	}
}

func TestG18_CommandLines(t *testing.T) {
	text := func(s string) *gnmi.TypedValue {
		return &gnmi.TypedValue{Value: &gnmi.TypedValue_StringVal{StringVal: s}}
	}
	number := func(n uint64) *gnmi.TypedValue { return &gnmi.TypedValue{Value: &gnmi.TypedValue_UintVal{UintVal: n}} }
	list := func(v ...*gnmi.TypedValue) *gnmi.TypedValue {
		return &gnmi.TypedValue{Value: &gnmi.TypedValue_LeaflistVal{LeaflistVal: &gnmi.ScalarArray{Element: v}}}
	}
	tests := []struct {
		value  *gnmi.TypedValue
		isText bool
		want   string
	}{
		{text("to the printer"), true, "to the printer"},
		{text("9000"), true, "9000"},
		{text("9000"), false, `"9000"`},
		{text("20..30"), false, "20..30"},
		{text(" x"), true, `" x"`},
		{text("x\ny"), true, `"x\ny"`},
		{text("[1]"), true, `"[1]"`},
		{text(""), true, `""`},
		{number(9000), false, "9000"},
		{list(number(10), text("20..30")), false, `[10,"20..30"]`},
		{list(number(10)), true, `["10"]`},
		{&gnmi.TypedValue{Value: &gnmi.TypedValue_BoolVal{BoolVal: false}}, false, "false"},
	}
	for _, tt := range tests {
		if got, err := commandValue(tt.value, tt.isText); err != nil || got != tt.want {
			t.Errorf("%v: got %s, %v, want %s", tt.value, got, err, tt.want)
		}
	}
}
