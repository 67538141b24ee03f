package spec

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTraceSessionCheck(t *testing.T) {
	good := TraceSession{ID: "a", Level: TracePackets, SnapLength: 128, Duration: time.Minute, Reasons: []DropReason{DropTooBig}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*TraceSession){
		"id":                    func(s *TraceSession) { s.ID = strings.Repeat("x", MaxTraceName+1) },
		"level":                 func(s *TraceSession) { s.Level = 0 },
		"direction":             func(s *TraceSession) { s.Direction = TraceOut + 1 },
		"snap-length":           func(s *TraceSession) { s.SnapLength = MaxSnapLength + 1 },
		"sample-one-in":         func(s *TraceSession) { s.SampleOneIn = MaxSample + 1 },
		"max-events-per-second": func(s *TraceSession) { s.EventsPerSecond = MaxTraceRate + 1 },
		"duration":              func(s *TraceSession) { s.Duration = MaxTraceTime + 1 },
		"drop-reason":           func(s *TraceSession) { s.Reasons = append(s.Reasons, NumDropReasons) },
	} {
		s := good
		change(&s)
		err := s.Check()
		var invalid *InvalidTrace
		if !errors.As(err, &invalid) || invalid.Field != field || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestTraceWords(t *testing.T) {
	for s := StageIngress; s < NumStages; s++ {
		if strings.Contains(s.String(), "(") {
			t.Errorf("stage %d has no name", s)
		}
	}
	for v := VerdictPass; v < NumVerdicts; v++ {
		if strings.Contains(v.String(), "(") {
			t.Errorf("verdict %d has no name", v)
		}
	}
	for _, c := range []struct {
		step TraceStep
		want string
	}{
		{TraceStep{Stage: StageGuard, Verdict: VerdictDrop, Reason: DropReservedMAC}, "RESERVED_MAC"},
		{TraceStep{Stage: StageCache, Detail: DetailHit, Port: "p2"}, "known flow, leaves by p2"},
		{TraceStep{Stage: StageLearn, Detail: DetailMoved, Port: "p1"}, "source moves here from p1"},
		{TraceStep{Stage: StageLearn, Detail: DetailStatic, Port: "p1"}, "source is static at p1"},
		{TraceStep{Stage: StageLearn, Detail: DetailOff}, "source is not learned"},
		{TraceStep{Stage: StageLookup, Detail: DetailUnknown}, "destination is unknown"},
		{TraceStep{Stage: StageAdmit, Port: "m1"}, "taken in at m1"},
		{TraceStep{Stage: StageLAG, Port: "m2"}, "member m2"},
		{TraceStep{Stage: StageFlood, Detail: 3}, "3 copies"},
		{TraceStep{Stage: StageOutput, Port: "p2", VLAN: 10, Tagged: true}, "p2, tagged 10"},
	} {
		if got := c.step.Text(); got != c.want {
			t.Errorf("%v: %q, want %q", c.step.Stage, got, c.want)
		}
	}
}
