package server

import (
	"context"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	pcap "github.com/openconfig/gnoi/packet_capture"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/server/access"
)

// TestPacketsAreForReaders: a capture and a packet test show no more than the
// policy of paths lets be read.
func TestPacketsAreForReaders(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "root", "alice")
	place(t, o.StateDir, access.PathzFile, policy(t, append(everything("root"), "PERMIT READ alice /interfaces")...))
	v := serveIdle(t, o)
	capture := func(name string, bound time.Duration) error {
		ctx, cancel := context.WithTimeout(as(t, name, password), bound)
		defer cancel()
		stream, err := pcap.NewPacketCaptureClient(v).Pcap(ctx, &pcap.PcapRequest{RequestType: &pcap.PcapRequest_WiredRequest{WiredRequest: &pcap.WiredRequest{}}})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	wantCode(t, "alice captures", capture("alice", time.Minute), codes.PermissionDenied)
	wantCode(t, "root captures until the call ends", capture("root", 100*time.Millisecond), codes.DeadlineExceeded)
	const test = "/packet-tests/packet-test[interface=p1][frame=0200]"
	_, err := getPath(t, v, as(t, "alice", password), test)
	wantCode(t, "alice asks", err, codes.PermissionDenied)
	resp, err := getPath(t, v, as(t, "root", password), test)
	if text := resp.String(); err != nil || !strings.Contains(text, "FLOOD") || !strings.Contains(text, "INGRESS") || !strings.Contains(text, "p2") {
		t.Errorf("root asks: %s, %v", text, err)
	}
}

// TestWhatIsAskedOfTraces: events are not kept, tests are only those that are
// asked for, and what is wrong with a question is said.
func TestWhatIsAskedOfTraces(t *testing.T) {
	v := serveIdle(t, options(t, Transport{Insecure: true}))
	ctx := bounded(t)
	wantCode(t, "Set", setLeaves(t, v, ctx, `/traces/sessions/session[id=x]/config={"id": "x"}`), codes.OK)
	for path, want := range map[string]struct {
		code codes.Code
		text string
	}{
		"/traces/sessions/session[id=x]/events":                   {codes.NotFound, "not kept"},
		"/traces/sessions/session[id=x]/events/event[sequence=1]": {codes.NotFound, "not kept"},
		"/traces/sessions/session[id=x]/state/status":             {codes.OK, "RUNNING"},
		"/packet-tests": {codes.NotFound, ""},
		"/packet-tests/packet-test[interface=p1]":                                 {codes.NotFound, ""},
		"/packet-tests/packet-test[interface=p1][frame=020]":                      {codes.InvalidArgument, "hexadecimal"},
		"/packet-tests/packet-test[interface=p1][frame=0200][against=set /x 1]":   {codes.InvalidArgument, "/x"},
		"/packet-tests/packet-test[interface=p1][frame=0200]/steps/step[index=1]": {codes.OK, "INGRESS"},
		"/packet-tests/packet-test[interface=p1][frame=0200]/steps/step[index=9]": {codes.NotFound, ""},
	} {
		req := &gpb.GetRequest{Path: []*gpb.Path{textPath(t, path)}, Encoding: gpb.Encoding_JSON_IETF}
		resp, err := gpb.NewGNMIClient(v).Get(ctx, req)
		wantCode(t, path, err, want.code)
		text := resp.String()
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, want.text) {
			t.Errorf("%s: %s, want %q in it", path, text, want.text)
		}
	}
}
