package config

import (
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

func TestPreview(t *testing.T) {
	e := open(t, t.TempDir())
	defer e.Close()
	const p1 = "set /interfaces/interface[name=p1]/config/type ethernetCsmacd\nset /interfaces/interface[name=p1]/config/name p1"
	next, change, err := e.Preview(t.Context(), p1)
	if err != nil || next == nil || change.Ports["p1"] == nil {
		t.Fatalf("preview: %v, ports %v; want p1", err, change.Ports)
	}
	if e.device.applied != 1 || len(e.commits) != 1 || e.Running().GetInterfaces() != nil {
		t.Errorf("%d changes applied, %d told: want none beside those of the start", e.device.applied, len(e.commits))
	}
	for text, want := range map[string]string{
		"set /nothing 1": "nothing",
		"make it so":     "line 1",
		"set /interfaces/interface[name=p1]/config/mtu 10": "/interfaces/interface[name=p1]",
	} {
		if _, _, err := e.Preview(t.Context(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

// TestSessionsAreNoVersions: what comes and goes with who looks does not push the
// versions of the configuration out.
func TestSessionsAreNoVersions(t *testing.T) {
	dir := t.TempDir()
	var last Status
	e := open(t, dir, func(o *Options) { o.Status = func(s Status) { last = s } })
	set := func(text string) {
		t.Helper()
		_, err := e.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{
			Path: &gpb.Path{Origin: "signalbox_cli"}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: text}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	set("set /lacp/config/system-priority 5")
	set("set /traces/sessions/session[id=x]/config/id x")
	set("delete /traces/sessions/session[id=x]")
	if len(last.Versions) != 1 {
		t.Errorf("%d versions, want 1", len(last.Versions))
	}
	set("set /traces/sessions/session[id=y]/config/id y\nset /lacp/config/system-priority 6")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, func(o *Options) { o.Status = func(s Status) { last = s } })
	defer e.Close()
	if len(last.Versions) != 2 {
		t.Errorf("after a restart %d versions, want 2", len(last.Versions))
	}
}
