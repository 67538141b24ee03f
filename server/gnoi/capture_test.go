package gnoi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pcap "github.com/openconfig/gnoi/packet_capture"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/openconfig"
)

// fake hands the batches of the test to each session.
type fake struct {
	batches []spec.TraceBatch
	refuse  error

	mu      sync.Mutex // guards what follows
	session spec.TraceSession
	stopped string
	told    sync.WaitGroup
}

func (f *fake) StartTrace(_ context.Context, s spec.TraceSession, receive func(spec.TraceBatch)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session = s; f.refuse != nil {
		return f.refuse
	}
	f.told.Go(func() {
		for _, b := range f.batches {
			receive(b)
		}
	})
	return nil
}

func (f *fake) StopTrace(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = id
	return nil
}

// packets are a batch with frames of these lengths.
func packets(state spec.TraceState, lengths ...int) spec.TraceBatch {
	b := spec.TraceBatch{Status: spec.TraceStatus{State: state}}
	for _, n := range lengths {
		b.Events = append(b.Events, spec.TraceEvent{Frame: make([]byte, n)})
	}
	return b
}

func wired(adjust ...func(*pcap.PcapRequest)) *pcap.PcapRequest {
	r := &pcap.PcapRequest{RequestType: &pcap.PcapRequest_WiredRequest{WiredRequest: &pcap.WiredRequest{Ifname: "p1"}}}
	for _, f := range adjust {
		f(r)
	}
	return r
}

func TestCapture(t *testing.T) {
	tests := []struct {
		name    string
		req     *pcap.PcapRequest
		batches []spec.TraceBatch
		want    string // lengths of packets, messages apart
		fails   string
	}{
		{"until it is over", wired(), []spec.TraceBatch{packets(spec.TraceRunning, 60, 70), packets(spec.TraceExpired, 80)}, "60,70 80", ""},
		{"as many as asked for", wired(func(r *pcap.PcapRequest) { r.PacketCount = 3 }), []spec.TraceBatch{packets(spec.TraceRunning, 60, 70), packets(spec.TraceRunning, 80, 90), packets(spec.TraceRunning, 100)}, "60,70 80", ""},
		{"cut", wired(func(r *pcap.PcapRequest) { r.TrimPayload = 20 }), []spec.TraceBatch{packets(spec.TraceExpired, 60, 10)}, "20,10", ""},
		{"in pieces", wired(), []spec.TraceBatch{packets(spec.TraceExpired, 60000, 60000, 60000, 60000, 60000, 60000)}, "60000,60000,60000,60000 60000,60000", ""},
		{"stopped from outside", wired(), []spec.TraceBatch{{Status: spec.TraceStatus{State: spec.TraceStopped, Reason: "the datapath ends"}}}, "", "the datapath ends"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{batches: tt.batches}
			c := New(Options{Device: f, Admit: func(context.Context) error { return nil }, Log: slog.New(slog.DiscardHandler)})
			var got []string
			err := c.capture(t.Context(), tt.req, func(r *pcap.PcapResponse) error {
				var lengths []string
				for _, p := range r.GetPackets() {
					lengths = append(lengths, fmt.Sprint(len(p.GetData())))
				}
				got = append(got, strings.Join(lengths, ","))
				return nil
			})
			f.told.Wait() // nobody is held up by a call that is over
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if f.stopped != openconfig.CaptureSessions+"1" {
				t.Errorf("stopped is %q", f.stopped)
			}
		})
	}
}

func TestTheCallEnds(t *testing.T) {
	f := &fake{}
	c := New(Options{Device: f, Admit: func(context.Context) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.capture(ctx, wired(), nil); !errors.Is(err, context.Canceled) || f.stopped == "" {
		t.Errorf("%v, stopped %q; want the session to end with the call", err, f.stopped)
	}
	refused := errors.New("not you")
	c.options.Admit = func(context.Context) error { return refused }
	if err := c.capture(t.Context(), wired(), nil); !errors.Is(err, refused) {
		t.Errorf("%v, want who may not to be refused", err)
	}
}

func TestSessionOf(t *testing.T) {
	s, err := sessionOf(wired(func(r *pcap.PcapRequest) {
		r.Duration = uint64(time.Minute)
		w := r.GetWiredRequest()
		w.Direction = pcap.Direction_BOTH
		w.FilterType = &pcap.WiredRequest_Filter{Filter: &pcap.Filter{
			SrcNet: "10.0.0.1/8", DestNet: "2001:db8::/32", Protocol: []pcap.Protocol{pcap.Protocol_TCP, pcap.Protocol_UDP}, Port: []uint32{80, 443}, Vlan: []uint32{10},
		}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := &spec.TraceSession{
		Level: spec.TracePackets, Ports: []string{"p1"}, SnapLength: 65535, Duration: time.Minute,
		Filter: "src net 10.0.0.0/8 and dst net 2001:db8::/32 and (tcp or udp) and (port 80 or port 443)",
	}
	want.VLANs.Add(10)
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	filtered := func(f *pcap.Filter) *pcap.PcapRequest {
		return wired(func(r *pcap.PcapRequest) { r.GetWiredRequest().FilterType = &pcap.WiredRequest_Filter{Filter: f} })
	}
	tests := []struct {
		name string
		req  *pcap.PcapRequest
		err  error // of the device
		kind openconfig.Kind
		want string
	}{
		{"nothing", &pcap.PcapRequest{}, nil, openconfig.Invalid, "wired_request"},
		{"radio", &pcap.PcapRequest{RequestType: &pcap.PcapRequest_WirelessRequest{WirelessRequest: &pcap.WirelessRequest{}}}, nil, openconfig.Unimplemented, "radio"},
		{"trim", wired(func(r *pcap.PcapRequest) { r.TrimPayload = 1 << 30 }), nil, openconfig.Invalid, "trim_payload"},
		{"duration", wired(func(r *pcap.PcapRequest) { r.Duration = 1 << 63 }), nil, openconfig.Invalid, "duration"},
		{"count", wired(func(r *pcap.PcapRequest) { r.PacketCount = 1 << 31 }), nil, openconfig.Invalid, "packet_count"},
		{"direction", wired(func(r *pcap.PcapRequest) { r.GetWiredRequest().Direction = 9 }), nil, openconfig.Invalid, "direction"},
		{"name", filtered(&pcap.Filter{FilterName: "x"}), nil, openconfig.Unimplemented, "filter_name"},
		{"net", filtered(&pcap.Filter{SrcNet: "x"}), nil, openconfig.Invalid, "src_net"},
		{"protocol", filtered(&pcap.Filter{Protocol: []pcap.Protocol{9}}), nil, openconfig.Invalid, "protocol"},
		{"port", filtered(&pcap.Filter{Port: []uint32{70000}}), nil, openconfig.Invalid, "port"},
		{"vlan", filtered(&pcap.Filter{Vlan: []uint32{4095}}), nil, openconfig.Invalid, "vlan"},
		{"interface", wired(), &spec.InvalidTrace{Field: "interface", Reason: "p1 is no port"}, openconfig.Invalid, "ifname: p1"},
		{"full", wired(), &spec.InvalidTrace{Full: true, Reason: "16 already"}, openconfig.Exhausted, "16"},
		{"kernel", wired(), errors.New("no memory"), openconfig.Unavailable, "no memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Options{Device: &fake{refuse: tt.err}, Admit: func(context.Context) error { return nil }})
			err := c.capture(t.Context(), tt.req, nil)
			var refused *openconfig.Error
			if !errors.As(err, &refused) || refused.Kind != tt.kind || !strings.Contains(refused.Reason, tt.want) {
				t.Errorf("got %v, want kind %s that says %q", err, tt.kind, tt.want)
			}
		})
	}
}
