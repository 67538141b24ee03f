package access

import (
	"context"
	"log/slog"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// What one record may hold, and how refusals of one kind are told together.
const (
	maxPaths     = 32
	maxPathBytes = 256
	togetherTime = 10 * time.Second
	maxTogether  = 1024 // kinds; those beyond are told as one
)

// audit writes one record, a line of JSON, for each write and each refusal.
// Refusals of one kind that follow each other closely are counted in one.
// Values are never written: they may be secrets.
type audit struct {
	file *rotating
	log  *slog.Logger // of the element, where the file cannot be written
	out  *slog.Logger

	mu    sync.Mutex // guards the fields below
	kinds map[kind]*together
	timer *time.Timer // tells what was counted; nil where nothing was
	ended bool
}

// kind is what refusals have in common that are told together.
type kind struct {
	peer, user, method string
	code               codes.Code
}

// together are refusals of one kind since the last record of them.
type together struct {
	last  time.Time // of the last record
	count int       // since then
}

func openAudit(path string, log *slog.Logger) (*audit, error) {
	file, err := openRotating(path, maxAuditBytes, maxAuditFiles)
	if err != nil {
		return nil, err
	}
	a := &audit{file: file, log: log, kinds: map[kind]*together{}}
	a.out = slog.New(slog.NewJSONHandler(file, nil))
	return a, nil
}

// put writes one record. What cannot be written is said in the element's log,
// once until it can be again.
func (a *audit) put(msg string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, msg, 0)
	r.AddAttrs(attrs...)
	err := a.out.Handler().Handle(context.Background(), r)
	if a.file.turned(err) && err != nil {
		a.log.Error("audit log cannot be written: records are lost", "file", a.file.path, "err", err)
	}
}

// name is the caller's, proved or not.
func (c *call) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.claimed
}

// attrs are those of every record of a call, which is a Set that was let in or
// another.
func (c *call) attrs(err error, isSet bool) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("user", clip(c.name(), maxPathBytes)), slog.String("proof", string(c.Proof)), slog.String("peer", c.address),
		slog.String("rpc", c.method), slog.String("code", status.Code(err).String()),
	}
	if err != nil && (isRefusal(err) || !isSet) { // what is wrong with a Set may quote a value
		attrs = append(attrs, slog.String("reason", clip(status.Convert(err).Message(), maxPathBytes)))
	}
	return attrs
}

// changeSummary is what is recorded of a change.
type changeSummary struct {
	updates, deletes int
	paths            []string
}

func summarize(c Change) *changeSummary {
	s := &changeSummary{updates: len(c.Updates), deletes: len(c.Deletes)}
	for _, paths := range [][]schema.Path{c.Deletes, c.Updates} {
		for _, p := range paths[:min(len(paths), maxPaths-len(s.paths))] {
			s.paths = append(s.paths, clip(p.String(), maxPathBytes))
		}
	}
	return s
}

// write records a Set and how it ended.
func (a *audit) write(c *call, req *gpb.SetRequest, err error) {
	attrs := append(c.attrs(err, true), slog.Duration("took", time.Since(c.began)))
	asked := setPaths(req)
	texts := make([]string, 0, min(len(asked), maxPaths))
	for _, p := range asked[:cap(texts)] {
		text, err := schema.FormatProto(req.GetPrefix(), p)
		if err != nil {
			text = "invalid"
		}
		texts = append(texts, clip(text, maxPathBytes))
	}
	attrs = append(attrs, slog.Group("asked", slog.Int("deletes", len(req.GetDelete())), slog.Int("replaces", len(req.GetReplace())+len(req.GetUnionReplace())),
		slog.Int("updates", len(req.GetUpdate())), slog.Any("paths", texts)))
	if s := c.change; s != nil {
		attrs = append(attrs, slog.Group("change", slog.Int("deletes", s.deletes), slog.Int("updates", s.updates), slog.Any("paths", s.paths)))
	}
	a.put("set", attrs...)
}

// isRefusal reports that a call that was let in was refused what it asked for.
func isRefusal(err error) bool {
	code := status.Code(err)
	return code == codes.Unauthenticated || code == codes.PermissionDenied
}

// refused records a refusal, or counts it with others of its kind; first says
// that it was recorded.
func (a *audit) refused(c *call, err error) (first bool) {
	k := kind{peer: c.peer.String(), method: c.method, code: status.Code(err)}
	if k.code != codes.ResourceExhausted { // so many names that were tried are not told apart
		k.user = clip(c.name(), maxPathBytes)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.kinds[k]; !known && len(a.kinds) >= maxTogether {
		k = kind{peer: "others", code: k.code}
	}
	t := a.kinds[k]
	if t != nil {
		t.count++
		return false
	}
	a.kinds[k] = &together{last: time.Now()}
	if a.timer == nil {
		a.timer = time.AfterFunc(togetherTime, a.tell)
	}
	a.put("refused", c.attrs(err, false)...)
	return true
}

// tell records what was counted, and forgets kinds of which nothing came.
func (a *audit) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	a.tellLocked()
	a.timer = nil
	if len(a.kinds) > 0 {
		a.timer = time.AfterFunc(togetherTime, a.tell)
	}
}

func (a *audit) tellLocked() {
	now := time.Now()
	for k, t := range a.kinds {
		if t.count == 0 {
			if now.Sub(t.last) >= togetherTime {
				delete(a.kinds, k)
			}
			continue
		}
		a.put("refused", slog.String("user", k.user), slog.String("peer", k.peer), slog.String("rpc", k.method), slog.String("code", k.code.String()),
			slog.Int("repeated", t.count), slog.Time("since", t.last))
		t.last, t.count = now, 0
	}
}

func (a *audit) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.tellLocked()
	return a.file.close()
}
