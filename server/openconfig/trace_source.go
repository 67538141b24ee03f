package openconfig

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SessionReader tells how trace sessions stand, those of which nothing was
// started not among them.
type SessionReader interface {
	SessionStatus() []spec.TraceStatus
}

// SessionCounters is the telemetry source of
// /traces/sessions/session/state/counters.
type SessionCounters struct {
	reader SessionReader
}

// NewSessionCounters builds the source.
func NewSessionCounters(reader SessionReader) *SessionCounters { return &SessionCounters{reader} }

// Leaves are in the order of Read's values.
func (*SessionCounters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.TracesSessionsSessionStateCountersMatchedPackets,
		ocpath.TracesSessionsSessionStateCountersPackets,
		ocpath.TracesSessionsSessionStateCountersLimitedPackets,
		ocpath.TracesSessionsSessionStateCountersLostPackets,
	}
}

// Events reports that no changes are told.
func (*SessionCounters) Events() bool { return false }

// Read gives the counters of a session, or of any.
func (s *SessionCounters) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for _, st := range s.reader.SessionStatus() {
		if !matches(keys, st.Session.ID) {
			continue
		}
		values := []schema.Value{schema.UintValue(st.Matched), schema.UintValue(st.Events), schema.UintValue(st.Limited), schema.UintValue(st.Lost)}
		if err := emit([]string{st.Session.ID}, values); err != nil {
			return at, err
		}
	}
	return at, nil
}
