package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Running is the key against of a packet test for the running configuration.
const Running = "RUNNING"

// Question is a packet test: the keys of /packet-tests/packet-test.
type Question struct {
	Interface string
	Frame     string // in hexadecimal
	Against   string // Running, or commands
}

// Answer is what would become of a frame, and the configuration that it was
// tested against.
type Answer struct {
	spec.Explanation
	Config *Config
	// Tag is that of the frame: TPID << 16 | control information, 0 without one.
	Tag uint32
}

// Explainer answers packet tests. Of the same question within one call it may
// give the same answer. Errors are schema.ErrInvalid or an Error where the
// question is wrong.
type Explainer interface {
	Explain(ctx context.Context, q Question) (*Answer, error)
}

// question is the packet test that keys name; false where they name none.
func question(keys []string) (Question, bool) {
	if len(keys) < 3 || keys[0] == "" || keys[1] == "" {
		return Question{}, false
	}
	q := Question{keys[0], keys[1], keys[2]}
	if q.Against == "" {
		q.Against = Running
	}
	return q, true
}

func (q Question) keys(more ...string) []string {
	return append([]string{q.Interface, q.Frame, q.Against}, more...)
}

// answer answers the test that the keys name; nil where they name none, and with
// an error.
func answer(ctx context.Context, e Explainer, keys []string) (q Question, a *Answer, at time.Time, err error) {
	q, asked := question(keys)
	if asked {
		a, err = e.Explain(ctx, q)
	}
	if err != nil {
		a = nil
	}
	return q, a, time.Now(), err
}

// PacketTests is the telemetry source of /packet-tests/packet-test/state.
type PacketTests struct{ explainer Explainer }

// NewPacketTests builds the source.
func NewPacketTests(e Explainer) *PacketTests { return &PacketTests{e} }

// Leaves are in the order of Read's values.
func (*PacketTests) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.PacketTestsPacketTestInterface, ocpath.PacketTestsPacketTestFrame, ocpath.PacketTestsPacketTestAgainst,
		ocpath.PacketTestsPacketTestStateInterface, ocpath.PacketTestsPacketTestStateFrame, ocpath.PacketTestsPacketTestStateAgainst,
		ocpath.PacketTestsPacketTestStateVerdict, ocpath.PacketTestsPacketTestStateDropReason,
		ocpath.PacketTestsPacketTestStateConfigPath, ocpath.PacketTestsPacketTestStateDetail,
		ocpath.PacketTestsPacketTestStateVlanId,
	}
}

// Events reports that no changes are told: they are looked for.
func (*PacketTests) Events() bool { return false }

// Read answers the test that the keys name, and none for any.
func (p *PacketTests) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	q, a, at, err := answer(ctx, p.explainer, keys)
	if a == nil {
		return at, err
	}
	blame := a.blame(q.Interface)
	iface, frame, against := schema.StringValue(q.Interface), schema.StringValue(q.Frame), schema.StringValue(q.Against)
	return at, emit(q.keys(), []schema.Value{
		iface, frame, against, iface, frame, against,
		named(verdictName(a.Verdict)), named(reasonName(a.Reason)), told(blame.Path), told(blame.Text), above0(uint64(a.VLAN)),
	})
}

// blame is that of the first step that drops the frame or a copy of it.
func (a *Answer) blame(in string) Blame {
	for i := range a.Steps {
		if a.Steps[i].Reason != spec.DropNone && a.Steps[i].Reason == a.Reason {
			return a.Config.blameStep(&a.Steps[i], in, a.Tag)
		}
	}
	return Blame{}
}

// PacketTestSteps is the telemetry source of
// /packet-tests/packet-test/steps/step.
type PacketTestSteps struct{ explainer Explainer }

// NewPacketTestSteps builds the source.
func NewPacketTestSteps(e Explainer) *PacketTestSteps { return &PacketTestSteps{e} }

// Leaves are in the order of stepValues.
func (*PacketTestSteps) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.PacketTestsPacketTestStepsStepIndex, ocpath.PacketTestsPacketTestStepsStepStateIndex,
		ocpath.PacketTestsPacketTestStepsStepStateStage, ocpath.PacketTestsPacketTestStepsStepStateVerdict,
		ocpath.PacketTestsPacketTestStepsStepStateDropReason, ocpath.PacketTestsPacketTestStepsStepStateInterface,
		ocpath.PacketTestsPacketTestStepsStepStateVlanId, ocpath.PacketTestsPacketTestStepsStepStateTagged,
		ocpath.PacketTestsPacketTestStepsStepStateDetail, ocpath.PacketTestsPacketTestStepsStepStateConfigPath,
	}
}

// Events reports that no changes are told: they are looked for.
func (*PacketTestSteps) Events() bool { return false }

// Read gives the steps of the test that the keys name.
func (p *PacketTestSteps) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	q, a, at, err := answer(ctx, p.explainer, keys)
	if a == nil {
		return at, err
	}
	for i := range a.Steps {
		index := strconv.Itoa(i + 1)
		if !matches(keys[3:], index) {
			continue
		}
		if err := emit(q.keys(index), a.stepValues(i, q.Interface)); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (a *Answer) stepValues(i int, in string) []schema.Value {
	step := &a.Steps[i]
	detail, path, tagged := step.Text(), "", schema.Value{}
	if step.Reason != spec.DropNone {
		blame := a.Config.blameStep(step, in, a.Tag)
		detail, path = blame.Text, blame.Path
	}
	if step.Stage == spec.StageEgress || step.Stage == spec.StageOutput {
		tagged = schema.BoolValue(step.Tagged)
	}
	index := schema.UintValue(uint64(i + 1))
	return []schema.Value{
		index, index, named(stageName(step.Stage)), named(verdictName(step.Verdict)), named(reasonName(step.Reason)),
		told(step.Port), above0(uint64(step.VLAN)), tagged, told(detail), told(path),
	}
}

// PacketTestOutputs is the telemetry source of
// /packet-tests/packet-test/outputs/output.
type PacketTestOutputs struct{ explainer Explainer }

// NewPacketTestOutputs builds the source.
func NewPacketTestOutputs(e Explainer) *PacketTestOutputs { return &PacketTestOutputs{e} }

// Leaves are in the order of Read's values.
func (*PacketTestOutputs) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.PacketTestsPacketTestOutputsOutputIndex, ocpath.PacketTestsPacketTestOutputsOutputStateIndex,
		ocpath.PacketTestsPacketTestOutputsOutputStateInterface, ocpath.PacketTestsPacketTestOutputsOutputStateMember,
		ocpath.PacketTestsPacketTestOutputsOutputStateVlanId, ocpath.PacketTestsPacketTestOutputsOutputStateTagged,
		ocpath.PacketTestsPacketTestOutputsOutputStateDropReason,
	}
}

// Events reports that no changes are told: they are looked for.
func (*PacketTestOutputs) Events() bool { return false }

// Read gives the outputs of the test that the keys name.
func (p *PacketTestOutputs) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	q, a, at, err := answer(ctx, p.explainer, keys)
	if a == nil {
		return at, err
	}
	for i := range a.Outputs {
		out, text := &a.Outputs[i], strconv.Itoa(i+1)
		if !matches(keys[3:], text) {
			continue
		}
		index := schema.UintValue(uint64(i + 1))
		values := []schema.Value{
			index, index, told(out.Port), told(out.Member), above0(uint64(out.VLAN)), schema.BoolValue(out.Tagged), named(reasonName(out.Reason)),
		}
		if err := emit(q.keys(text), values); err != nil {
			return at, err
		}
	}
	return at, nil
}

// named is a value of an enumeration, or no value for an empty name.
func named(name string) schema.Value {
	if name == "" {
		return schema.Value{}
	}
	return schema.EnumValue(name)
}

// above0 is a number, or no value for 0.
func above0(n uint64) schema.Value {
	if n == 0 {
		return schema.Value{}
	}
	return schema.UintValue(n)
}
