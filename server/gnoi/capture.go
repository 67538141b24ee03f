package gnoi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	pcap "github.com/openconfig/gnoi/packet_capture"
	"google.golang.org/grpc"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/openconfig"
)

// maxTogether bounds the octets of packets that one message has; a single
// longer one goes by itself.
const maxTogether = 256 << 10

// stopTime is how long a session may take to stop after its call.
const stopTime = 5 * time.Second

// Tracer is the device as far as it traces. datapath.Datapath satisfies it.
type Tracer interface {
	// StartTrace starts a session; what cannot be is a *spec.InvalidTrace.
	// receive is called one batch at a time until one whose state is not
	// TraceRunning.
	StartTrace(ctx context.Context, s spec.TraceSession, receive func(spec.TraceBatch)) error
	// StopTrace ends a session; one that does not run is no error.
	StopTrace(ctx context.Context, id string) error
}

// Options are what the service needs.
type Options struct {
	Device Tracer
	// Admit refuses a caller who may not see packets.
	Admit func(context.Context) error
	// Status gives an error the code that a client gets.
	Status func(error) error
	Log    *slog.Logger
}

// Capture is the service.
type Capture struct {
	pcap.UnimplementedPacketCaptureServer
	options Options
	number  atomic.Uint64 // of the last capture
}

// New builds the service.
func New(o Options) *Capture { return &Capture{options: o} }

// Pcap streams packets until there are as many as were asked for, the time is
// over, or the client ends the call.
func (c *Capture) Pcap(req *pcap.PcapRequest, stream grpc.ServerStreamingServer[pcap.PcapResponse]) error {
	if err := c.capture(stream.Context(), req, stream.Send); err != nil {
		return c.options.Status(err)
	}
	return nil
}

func (c *Capture) capture(ctx context.Context, req *pcap.PcapRequest, send func(*pcap.PcapResponse) error) error {
	if err := c.options.Admit(ctx); err != nil {
		return err
	}
	session, err := sessionOf(req)
	if err != nil {
		return err
	}
	session.ID = fmt.Sprintf("%s%d", openconfig.CaptureSessions, c.number.Add(1))
	// The receiver hands each batch over and waits, but not for a call that is
	// over: what has no room meanwhile the device counts as lost.
	receiving, over := context.WithCancel(ctx)
	defer over()
	batches := make(chan spec.TraceBatch)
	err = c.options.Device.StartTrace(ctx, *session, func(b spec.TraceBatch) {
		select {
		case batches <- b:
		case <-receiving.Done():
		}
	})
	if err != nil {
		return refusal(err)
	}
	defer c.stop(ctx, session.ID, over)
	return follow(ctx, req.GetPacketCount(), session.SnapLength, batches, send)
}

// stop ends a session whose call is over.
func (c *Capture) stop(ctx context.Context, id string, over func()) {
	over()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := c.options.Device.StopTrace(ctx, id); err != nil {
		c.options.Log.ErrorContext(ctx, "the session of a capture goes on", "session", id, "err", err)
	}
}

// follow sends what comes, count packets at most; 0 is no bound.
func follow(ctx context.Context, count, snap uint32, batches <-chan spec.TraceBatch, send func(*pcap.PcapResponse) error) error {
	left := count
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-batches:
			events := b.Events
			if count != 0 && len(events) > int(left) {
				events = events[:left]
			}
			left -= uint32(len(events))
			if err := sendAll(events, snap, send); err != nil {
				return err
			}
			switch {
			case b.Status.State == spec.TraceExpired || count != 0 && left == 0:
				return nil
			case b.Status.State != spec.TraceRunning:
				return &openconfig.Error{Kind: openconfig.Unavailable, Reason: "the capture ended: " + b.Status.Reason}
			}
		}
	}
}

// sendAll sends packets, several in a message.
func sendAll(events []spec.TraceEvent, snap uint32, send func(*pcap.PcapResponse) error) error {
	for len(events) > 0 {
		r := &pcap.PcapResponse{}
		for octets := 0; len(events) > 0 && (octets == 0 || octets+len(events[0].Frame) <= maxTogether); events = events[1:] {
			data := events[0].Snap(snap)
			octets += len(data) + 1
			r.Packets = append(r.Packets, &pcap.Packet{Data: data})
		}
		if err := send(r); err != nil {
			return err
		}
	}
	return nil
}

// refusal says what is wrong with a request in its own words.
func refusal(err error) error {
	var refused *spec.InvalidTrace
	if !errors.As(err, &refused) {
		return &openconfig.Error{Kind: openconfig.Unavailable, Reason: err.Error(), Err: err}
	}
	kind, what := openconfig.Invalid, map[string]string{"interface": "ifname", "filter": "tcpdump_expression", "snap-length": "trim_payload"}[refused.Field]
	if refused.Full {
		kind = openconfig.Exhausted
	}
	if what != "" {
		what += ": "
	}
	return &openconfig.Error{Kind: kind, Reason: what + refused.Reason, Err: err}
}

func invalid(format string, args ...any) error {
	return &openconfig.Error{Kind: openconfig.Invalid, Reason: fmt.Sprintf(format, args...)}
}

// sessionOf is the trace session that a request asks for.
func sessionOf(req *pcap.PcapRequest) (*spec.TraceSession, error) {
	wired := req.GetWiredRequest()
	switch {
	case req.GetWirelessRequest() != nil:
		return nil, &openconfig.Error{Kind: openconfig.Unimplemented, Reason: "wireless_request: there is no radio"}
	case wired == nil:
		return nil, invalid("wired_request is missing")
	case req.GetTrimPayload() > spec.MaxSnapLength:
		return nil, invalid("trim_payload: %d octets: want at most %d", req.GetTrimPayload(), spec.MaxSnapLength)
	case req.GetDuration() > uint64(spec.MaxTraceTime):
		return nil, invalid("duration: %d ns: want at most %s", req.GetDuration(), spec.MaxTraceTime)
	case req.GetPacketCount() > math.MaxInt32:
		return nil, invalid("packet_count: %d: want at most %d", req.GetPacketCount(), math.MaxInt32)
	}
	s := &spec.TraceSession{Level: spec.TracePackets, SnapLength: req.GetTrimPayload(), Duration: time.Duration(req.GetDuration())}
	if s.SnapLength == 0 {
		s.SnapLength = spec.MaxSnapLength
	}
	if name := wired.GetIfname(); name != "" {
		s.Ports = []string{name}
	}
	switch wired.GetDirection() {
	case pcap.Direction_RX: // also where nothing is said: proto3 does not tell
		s.Direction = spec.TraceIn
	case pcap.Direction_TX:
		s.Direction = spec.TraceOut
	case pcap.Direction_BOTH:
		s.Direction = spec.TraceBoth
	default:
		return nil, invalid("direction: %d is none", wired.GetDirection())
	}
	s.Filter = wired.GetTcpdumpExpression()
	return s, addFilter(s, wired.GetFilter())
}

// addFilter puts the conditions of a Filter into a session; nil has none.
func addFilter(s *spec.TraceSession, f *pcap.Filter) error {
	if f == nil {
		return nil
	}
	if f.GetFilterName() != "" {
		return &openconfig.Error{Kind: openconfig.Unimplemented, Reason: "filter_name: there are no filters with names"}
	}
	var all []string
	for _, net := range []struct{ field, where, text string }{{"src_net", "src net ", f.GetSrcNet()}, {"dest_net", "dst net ", f.GetDestNet()}} {
		if net.text == "" {
			continue
		}
		p, err := netip.ParsePrefix(net.text)
		if err != nil {
			return invalid("%s: %s", net.field, err)
		}
		all = append(all, net.where+p.Masked().String())
	}
	var some []string
	for _, p := range f.GetProtocol() {
		name, ok := map[pcap.Protocol]string{pcap.Protocol_TCP: "tcp", pcap.Protocol_UDP: "udp"}[p]
		if !ok {
			return invalid("protocol: %d is none", p)
		}
		some = append(some, name)
	}
	all, some = either(all, some), nil
	for _, port := range f.GetPort() {
		if port > math.MaxUint16 {
			return invalid("port: %d: want at most %d", port, math.MaxUint16)
		}
		some = append(some, fmt.Sprintf("port %d", port))
	}
	all = either(all, some)
	for _, vlan := range f.GetVlan() {
		if vlan < spec.MinVLAN || vlan > spec.MaxVLAN {
			return invalid("vlan: %d: want %d to %d", vlan, spec.MinVLAN, spec.MaxVLAN)
		}
		s.VLANs.Add(uint16(vlan))
	}
	s.Filter = strings.Join(all, " and ")
	return nil
}

// either adds the condition that one of some holds.
func either(all, some []string) []string {
	if len(some) == 0 {
		return all
	}
	return append(all, "("+strings.Join(some, " or ")+")")
}
