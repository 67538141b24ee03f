package spec

import "fmt"

// Check reports what is wrong with a session by itself, as an *InvalidTrace, or
// nil. The filter is compiled, and the ports are looked for, where it starts.
func (s *TraceSession) Check() error {
	fail := func(field, format string, args ...any) error {
		return &InvalidTrace{ID: s.ID, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.ID == "" || len(s.ID) > MaxTraceName:
		return fail("id", "want 1 to %d octets", MaxTraceName)
	case s.Level != TraceEvents && s.Level != TracePackets:
		return fail("level", "%d is none", s.Level)
	case s.Direction > TraceOut:
		return fail("direction", "%d is none", s.Direction)
	case s.Level == TracePackets && (s.SnapLength < 1 || s.SnapLength > MaxSnapLength):
		return fail("snap-length", "%d octets: want 1 to %d", s.SnapLength, MaxSnapLength)
	case s.SampleOneIn > MaxSample:
		return fail("sample-one-in", "%d: want at most %d", s.SampleOneIn, MaxSample)
	case s.EventsPerSecond > MaxTraceRate:
		return fail("max-events-per-second", "%d: want at most %d", s.EventsPerSecond, MaxTraceRate)
	case s.Duration < 0 || s.Duration > MaxTraceTime:
		return fail("duration", "%v: want at most %v", s.Duration, MaxTraceTime)
	}
	for _, r := range s.Reasons {
		if r == DropNone || r >= NumDropReasons {
			return fail("drop-reason", "%v is none", r)
		}
	}
	return nil
}
