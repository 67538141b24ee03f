package trace

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Prober runs a frame through the switch without sending it. datapath.Datapath
// satisfies it.
type Prober interface {
	// Explain tells what becomes of a frame that comes in at an interface. A
	// change that is given is made in a copy of the tables first. What cannot be
	// is a *spec.Invalid.
	Explain(ctx context.Context, port string, frame []byte, proposed *spec.Change) (spec.Explanation, error)
}

// Previewer tells what commands would make of the configuration. config.Store
// satisfies it.
type Previewer interface {
	Preview(ctx context.Context, commands string) (*openconfig.Config, spec.Change, error)
}

// Tests answers packet tests (openconfig.Explainer).
type Tests struct {
	prober   Prober
	sessions *Sessions // has the running configuration

	mu      sync.Mutex // guards preview
	preview Previewer
}

// NewTests answers tests against the running configuration that the sessions
// are told of.
func NewTests(p Prober, s *Sessions) *Tests { return &Tests{prober: p, sessions: s} }

// Against sets who knows what a proposed configuration comes to; before, there
// is none.
func (t *Tests) Against(p Previewer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.preview = p
}

// answersKey finds the answers that were given within one call.
type answersKey struct{}

// answers are given once for each question of a call, whose several sources
// all ask.
type answers struct {
	mu    sync.Mutex // guards given
	given map[openconfig.Question]*openconfig.Answer
}

// Once is a context of a call in which the same question is answered once.
func Once(ctx context.Context) context.Context {
	return context.WithValue(ctx, answersKey{}, &answers{given: map[openconfig.Question]*openconfig.Answer{}})
}

// Explain answers a packet test.
func (t *Tests) Explain(ctx context.Context, q openconfig.Question) (*openconfig.Answer, error) {
	known, _ := ctx.Value(answersKey{}).(*answers)
	if known == nil {
		return t.ask(ctx, q)
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if a := known.given[q]; a != nil {
		return a, nil
	}
	a, err := t.ask(ctx, q)
	if err == nil {
		known.given[q] = a
	}
	return a, err
}

func (t *Tests) ask(ctx context.Context, q openconfig.Question) (*openconfig.Answer, error) {
	frame, err := hex.DecodeString(q.Frame)
	if err != nil {
		return nil, wrong("frame", q, "want two hexadecimal digits for each octet: "+err.Error())
	}
	config, change, err := t.configuration(ctx, q)
	if err != nil {
		return nil, err
	}
	e, err := t.prober.Explain(ctx, q.Interface, frame, change)
	var invalid *spec.Invalid
	if errors.As(err, &invalid) && change == nil { // nothing but the question can be at fault
		return nil, wrong("", q, invalid.Reason)
	}
	if err != nil {
		return nil, openconfig.FromDevice(err)
	}
	return &openconfig.Answer{Explanation: e, Config: config, Tag: tagOf(frame)}, nil
}

// configuration is what a question is about; no change is the running one.
func (t *Tests) configuration(ctx context.Context, q openconfig.Question) (*openconfig.Config, *spec.Change, error) {
	if q.Against == openconfig.Running {
		return t.sessions.config.Load(), nil, nil
	}
	t.mu.Lock()
	preview := t.preview
	t.mu.Unlock()
	if preview == nil {
		return nil, nil, &openconfig.Error{Kind: openconfig.Unavailable, Reason: "the element is starting"}
	}
	config, change, err := preview.Preview(ctx, q.Against)
	return config, &change, err
}

// wrong refuses a question by the key that is at fault.
func wrong(key string, q openconfig.Question, reason string) error {
	path := schema.Path{Node: ocpath.PacketTestsPacketTest, Keys: []string{q.Interface, clip(q.Frame), clip(q.Against)}}
	if key != "" {
		reason = "key " + key + ": " + reason
	}
	return &openconfig.Error{Kind: openconfig.Invalid, Path: path.String(), Reason: reason}
}

// clip bounds a key in a message.
func clip(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}

// tagOf is the outer tag of a frame: TPID << 16 | control information.
//
//	0        6        12     14     16
//	| to     | from   | TPID | TCI  | …
func tagOf(frame []byte) uint32 {
	if len(frame) < 16 || binary.BigEndian.Uint16(frame[12:]) != 0x8100 {
		return 0
	}
	return binary.BigEndian.Uint32(frame[12:])
}
