package server

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// broken is a source that panics when it is read.
type broken struct{}

func (broken) Leaves() []ocpath.ID { return []ocpath.ID{ocpath.SystemMemoryStateFree} }
func (broken) Events() bool        { return false }
func (broken) Read(context.Context, []string, func([]string, []schema.Value) error) (time.Time, error) {
	panic("out of memory numbers")
}

// TestSourceThatPanics ends the call that reads it, and nothing else.
func TestSourceThatPanics(t *testing.T) {
	var log bytes.Buffer
	e := telemetry.New(telemetry.Options{})
	defer e.Close()
	e.Add(guarded{broken{}, slog.New(slog.NewTextHandler(&log, nil))})
	_, err := e.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{{Name: "system"}}}}})
	checkReason(t, err, "internal error")
	if strings.Contains(err.Error(), "numbers") || !strings.Contains(log.String(), "out of memory numbers") {
		t.Errorf("told %v, logged %s", err, &log)
	}
}
