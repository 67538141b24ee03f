package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// A panic on a goroutine of the engine ends the subscriptions that depend on
// what panicked; others, and who comes later, see nothing of it.
func TestPanicEndsWhoDependsOnIt(t *testing.T) {
	const path = "/interfaces/interface/state/counters"
	for _, tt := range []struct {
		name   string
		breaks int // the read that panics
	}{
		{"while subscribing", 1},
		{"at a tick", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			counters := newCounters()
			counters.put("eth0", schema.UintValue(1), schema.UintValue(2))
			counters.hook = func() {
				if counters.count() == tt.breaks {
					panic("no such counter")
				}
			}
			e := newEngine(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, counters)
			other := subscribe(t, e, stream(t, onChange(t, "/interfaces/interface/config")))
			other.synced(1)
			c := subscribe(t, e, stream(t, sampled(t, path, 100*time.Millisecond)))
			err := c.ended()
			if err == nil || errors.Is(err, ErrSlowReader) || !strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), "counter") {
				t.Errorf("ended with %v, want an internal error without the panic", err)
			}
			again := subscribe(t, e, stream(t, sampled(t, path, 100*time.Millisecond)))
			again.until("three samples", func() bool { return len(again.notes) >= 3 })
			publish(t, e, All, "/interfaces/interface[name=eth0]/config/mtu=1500")
			other.until("the change", func() bool { return other.tree["/interfaces/interface[name=eth0]/config/mtu"] == "1500" })
			e.Close() // waits for all goroutines, of which the log is written
			if !strings.Contains(log.String(), "no such counter") || !strings.Contains(log.String(), "guard_test.go") {
				t.Errorf("the log lacks the panic or its stack:\n%s", &log)
			}
			if len(e.samplers.all) > 0 || len(e.recorders) > 0 || len(e.followers) > 0 {
				t.Errorf("left are %d samplers, %d recorders, %d followers", len(e.samplers.all), len(e.recorders), len(e.followers))
			}
		})
	}
}
