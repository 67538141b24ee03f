package config

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// recorder keeps what it is given, as the datapath would: a change on top of
// what was there. It is no datapath: it says yes, or what the test wants.
type recorder struct {
	mu       sync.Mutex
	ports    map[string]*spec.Port
	switches map[string]*spec.Switch
	applied  int
	check    error
	apply    error
}

func newRecorder() *recorder {
	return &recorder{ports: map[string]*spec.Port{}, switches: map[string]*spec.Switch{}}
}

func (r *recorder) Check(context.Context, spec.Change) error { return r.check }

func (r *recorder) Apply(_ context.Context, c spec.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.apply != nil {
		return r.apply
	}
	r.applied++
	merge(r.ports, c.Ports)
	merge(r.switches, c.Switches)
	return nil
}

func merge[V any](into, change map[string]*V) {
	for name, v := range change {
		if v == nil {
			delete(into, name)
		} else {
			into[name] = v
		}
	}
}

func (r *recorder) wanted() spec.Config {
	return spec.Config{Ports: maps.Clone(r.ports), Switches: maps.Clone(r.switches)}
}

// element is a Store with what it was told.
type element struct {
	*Store
	device  *recorder
	dir     string
	commits []Commit
	log     *strings.Builder
}

func open(t *testing.T, dir string, adjust ...func(*Options)) *element {
	t.Helper()
	e, err := tryOpen(t, dir, adjust...)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func tryOpen(_ *testing.T, dir string, adjust ...func(*Options)) (*element, error) {
	e := &element{device: newRecorder(), dir: dir, log: &strings.Builder{}}
	options := Options{
		Dir: dir, Device: e.device,
		Log:       slog.New(slog.NewTextHandler(e.log, nil)),
		Committed: func(c Commit) { e.commits = append(e.commits, c) },
	}
	for _, f := range adjust {
		f(&options)
	}
	var err error
	e.Store, err = Open(context.Background(), options)
	return e, err
}

// text is the running configuration, a leaf a line.
func (e *element) text() string { return leavesText(e.Store) }

func leavesText(s *Store) string {
	var b strings.Builder
	for _, leaf := range s.schema.Leaves(s.Running()) {
		b.WriteString(leaf.Path.String() + " = " + leaf.Value.String() + "\n")
	}
	return b.String()
}

// request builds a SetRequest from lines "delete PATH", "replace PATH JSON"
// and "update PATH JSON", in the order given.
func request(t testing.TB, lines ...string) *gpb.SetRequest {
	t.Helper()
	req := new(gpb.SetRequest)
	for _, line := range lines {
		op, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		text, value, _ := strings.Cut(rest, " ")
		path, err := schema.ParsePath(text)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		update := &gpb.Update{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}}
		switch op {
		case "prefix":
			req.Prefix = path
		case "delete":
			req.Delete = append(req.Delete, path)
		case "replace":
			req.Replace = append(req.Replace, update)
		case "update":
			req.Update = append(req.Update, update)
		default:
			t.Fatalf("%q: no such operation", line)
		}
	}
	return req
}

func (e *element) set(t testing.TB, lines ...string) *gpb.SetResponse {
	t.Helper()
	resp, err := e.Set(context.Background(), request(t, lines...))
	if err != nil {
		t.Fatalf("set %q: %v", lines, err)
	}
	return resp
}

// port is a line that configures an interface.
func port(name string) string {
	return `update /interfaces/interface[name=` + name + `]/config {"type":"iana-if-type:ethernetCsmacd"}`
}

// reopen stops the element as a kill would, without Close, and starts another
// on the same folder.
func reopen(t *testing.T, e *element) *element {
	t.Helper()
	e.end()
	e.background.Wait()
	if err := e.release(); err != nil {
		t.Fatal(err)
	}
	return open(t, e.dir)
}

func (e *element) refused(t *testing.T, err error, kind openconfig.Kind, reason string) {
	t.Helper()
	var refused *openconfig.Error
	if !errors.As(err, &refused) || refused.Kind != kind || !strings.Contains(err.Error(), reason) {
		t.Errorf("error %v (%+v), want one of kind %v with %q", err, refused, kind, reason)
	}
}
