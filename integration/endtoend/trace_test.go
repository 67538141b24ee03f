package endtoend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	pcap "github.com/openconfig/gnoi/packet_capture"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

const sessions = "/traces/sessions/session"

// session configures a trace session.
func session(id string, config map[string]any) *gpb.Update {
	config["id"] = id
	return element.Update(sessions+"[id="+id+"]/config", config)
}

// witness is a subscriber of a session's events, by name of leaf.
type witness struct {
	cancel context.CancelFunc
	pause  chan struct{} // not nil: it reads no further until it is closed

	mu     sync.Mutex
	events []map[string]string
	err    error
}

// watch subscribes to a session's events.
func (s *site) watch(id string, pause chan struct{}) *witness {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	stream, err := s.Subscribe(ctx)
	s.ok(err)
	s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Encoding:     gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(sessions + "[id=" + id + "]/events"), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}}))
	answer, err := stream.Recv()
	s.ok(err)
	if !answer.GetSyncResponse() {
		s.t.Fatalf("got %v, want a sync first: events are not kept", answer)
	}
	w := &witness{cancel: cancel, pause: pause}
	go w.read(stream)
	return w
}

func (w *witness) read(stream gpb.GNMI_SubscribeClient) {
	if w.pause != nil {
		<-w.pause
	}
	for {
		answer, err := stream.Recv()
		w.mu.Lock()
		if w.err = err; err != nil {
			w.mu.Unlock()
			return
		}
		n := answer.GetUpdate()
		event := map[string]string{"atomic": fmt.Sprint(n.GetAtomic())}
		for _, u := range n.GetUpdate() {
			elems := u.GetPath().GetElem()
			event[elems[len(elems)-1].GetName()] = valueText(u.GetVal())
		}
		w.events = append(w.events, event)
		w.mu.Unlock()
	}
}

func valueText(v *gpb.TypedValue) string {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_UintVal:
		return fmt.Sprint(x.UintVal)
	case *gpb.TypedValue_StringVal:
		return x.StringVal
	case *gpb.TypedValue_BoolVal:
		return fmt.Sprint(x.BoolVal)
	case *gpb.TypedValue_BytesVal:
		return fmt.Sprintf("%x", x.BytesVal)
	}
	return fmt.Sprint(v)
}

// saw waits for an event with these leaves, "name=value".
func (w *witness) saw(t *testing.T, leaves ...string) map[string]string {
	t.Helper()
	var found map[string]string
	testenv.Within(t, soon, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			fits := true
			for _, leaf := range leaves {
				name, value, _ := strings.Cut(leaf, "=")
				fits = fits && e[name] == value
			}
			if fits {
				found = e
				return nil
			}
		}
		return fmt.Errorf("no event with %q among %v (%v)", leaves, w.events, w.err)
	})
	return found
}

// count is how many events it has.
func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

// TestTraceTellsWhy: a drop of each reason that hosts can cause is told with the
// line of configuration, or the standard, that it follows from.
func TestTraceTellsWhy(t *testing.T) {
	s := newSite(t, "p1", "p2", "trunk", "alone", "off")
	const port, instance = "/interfaces/interface", "/network-instances/network-instance[name=default]"
	vlans := instance + "/vlans"
	s.configure(
		element.Access("p1", 10), element.Access("p2", 10), element.Trunk("trunk", 0, 10, 30), element.Access("alone", 40),
		element.Update(port+"[name=p2]/config/mtu", 1400),
		element.Update(port+"[name=p2]/switch-port/config/allow-teaming", false),
		element.Access("off", 50), element.Switch("red", "off"), element.Update("/network-instances/network-instance[name=red]/config/enabled", false),
		element.Update(instance+"/config", map[string]any{"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}),
		element.VLAN("default", 10),
		element.Update(vlans, map[string]any{"vlan": []any{map[string]any{"vlan-id": 30, "config": map[string]any{"vlan-id": 30, "status": "SUSPENDED"}}}}),
	)
	s.forwarding(true, "p1", "p2", "trunk", "alone")
	a, b, c := s.hosts["p1"], s.hosts["p2"], s.hosts["trunk"]
	crosses(s, "p1", "p2", "learn")
	w := s.watch("why", nil)
	s.configure(session("why", map[string]any{"drops-only": true}))
	s.leaf(sessions+"[id=why]/state/status", "RUNNING")
	group := net.HardwareAddr{0x01, 0, 0x5e, 0, 0, 1}
	tests := []struct {
		reason, in string
		from       *host
		frame      traffic.Frame
		size       int
		path       string // "": a standard
	}{
		{"MULTICAST_SOURCE", "p1", a, traffic.Frame{Dst: b.mac, Src: group}, 60, ""},
		{"SOURCE_IS_DEST", "p1", a, traffic.Frame{Dst: a.mac, Src: a.mac}, 60, ""},
		{"RESERVED_MAC", "p1", a, traffic.Frame{Dst: net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 3}, Src: a.mac}, 60, ""},
		{"LOOPBACK", "p1", a, traffic.Frame{Dst: a.mac, Src: traffic.MAC(0x77)}, 60, ""},
		{"TAG_MISMATCH", "p1", a, traffic.Frame{Dst: b.mac, Src: a.mac, Tagged: true, TCI: 10}, 60, port + "[name=p1]/ethernet/switched-vlan/config/interface-mode"},
		{"INGRESS_VLAN", "trunk", c, traffic.Frame{Dst: b.mac, Src: c.mac, Tagged: true, TCI: 20}, 60, port + "[name=trunk]/ethernet/switched-vlan/config/trunk-vlans"},
		{"UNTAGGED", "trunk", c, traffic.Frame{Dst: b.mac, Src: c.mac}, 60, port + "[name=trunk]/ethernet/switched-vlan/config/native-vlan"},
		{"VLAN_SUSPENDED", "trunk", c, traffic.Frame{Dst: b.mac, Src: c.mac, Tagged: true, TCI: 30}, 60, vlans + "/vlan[vlan-id=30]/config/status"},
		{"EMPTY_PORT_LIST", "alone", s.hosts["alone"], traffic.Frame{Dst: b.mac, Src: s.hosts["alone"].mac}, 60, port + "[name=alone]/ethernet/switched-vlan/config/access-vlan"},
		{"SWITCH_DISABLED", "off", s.hosts["off"], traffic.Frame{Dst: b.mac, Src: s.hosts["off"].mac}, 60, "/network-instances/network-instance[name=red]/config/enabled"},
		{"ADDRESS_ELSEWHERE", "p2", b, traffic.Frame{Dst: traffic.Broadcast, Src: a.mac}, 60, port + "[name=p2]/switch-port/config/allow-teaming"},
		{"TOO_BIG", "p1", a, traffic.Frame{Dst: b.mac, Src: a.mac}, 1450, port + "[name=p2]/config/mtu"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			s.ok(tt.from.Send(tt.frame.Bytes(tt.size)))
			e := w.saw(t, "drop-reason="+tt.reason, "in-interface="+tt.in)
			if e["config-path"] != tt.path || e["verdict"] != "DROP" || e["packet-verdict"] != "DROP" || e["atomic"] != "true" {
				t.Errorf("got %v, want the path %q", e, tt.path)
			}
			if tt.path == "" && !strings.Contains(e["detail"], "IEEE 802") {
				t.Errorf("%q names no standard", e["detail"])
			}
			if tt.path != "" {
				if _, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(tt.path)}, Type: gpb.GetRequest_CONFIG}); err != nil && tt.reason != "UNTAGGED" {
					t.Errorf("%s is not configured: %v", tt.path, err)
				}
			}
			for step := 1; fmt.Sprint(step) != e["steps"]; step++ {
				w.saw(t, "packet-id="+e["packet-id"], fmt.Sprintf("step=%d", step))
			}
		})
	}
}

// TestTraceSessions: several sessions at once, each with what it asks for; a
// session ends by itself, and a restart does not begin it again.
func TestTraceSessions(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "learn")
	all, mine, none := s.watch("all", nil), s.watch("mine", nil), s.watch("none", nil)
	s.configure(
		session("all", map[string]any{}),
		session("mine", map[string]any{"level": "PACKETS", "snap-length": 20, "interface": []string{"p2"}, "direction": "IN", "filter": "ether proto 0x88b5"}),
		session("none", map[string]any{"vlan": []int{20}}),
		session("off", map[string]any{"enabled": false}),
	)
	for range 3 {
		crosses(s, "p1", "p2", "traced")
		crosses(s, "p2", "p1", "traced back")
	}
	e := mine.saw(t, "packet-verdict=FORWARD", "in-interface=p2", "out-interface=p1", "stage=OUTPUT")
	if len(e["packet"]) != 40 || !strings.HasPrefix(e["packet"], strings.ReplaceAll(s.hosts["p1"].mac.String(), ":", "")) {
		t.Errorf("packet %q, want 20 octets from the destination on", e["packet"])
	}
	all.saw(t, "in-interface=p1", "out-interface=p2", "packet-verdict=FORWARD")
	all.saw(t, "packet-id="+e["packet-id"]) // the same number in both
	mine.mu.Lock()
	for _, e := range mine.events {
		if e["in-interface"] != "p2" {
			t.Errorf("got %v, want only what comes in at p2", e)
		}
	}
	mine.mu.Unlock()
	if none.count() != 0 {
		t.Errorf("a session for another VLAN saw %d events", none.count())
	}
	s.leaf(sessions+"[id=off]/state/status", "STOPPED")
	s.configure(session("mine", map[string]any{"duration": 1}))
	s.leaf(sessions+"[id=mine]/state/status", "EXPIRED")
	s.ok(s.Stop())
	s.start()
	s.leaf(sessions+"[id=mine]/state/status", "EXPIRED")
	s.leaf(sessions+"[id=all]/state/status", "RUNNING")
	again := s.watch("all", nil)
	crosses(s, "p1", "p2", "after the restart")
	again.saw(t, "in-interface=p1")
	_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(sessions)}})
	s.ok(err)
	crosses(s, "p1", "p2", "without a session")
}

// TestTraceRefuses: what a session cannot be is refused with its path.
func TestTraceRefuses(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Update("/interfaces/interface[name=p2]/config", map[string]any{"name": "p2", "type": "iana-if-type:ethernetCsmacd"}))
	s.forwarding(true, "p1")
	refuse := func(code codes.Code, config map[string]any, words ...string) {
		t.Helper()
		s.refused(&gpb.SetRequest{Update: []*gpb.Update{session("bad", config)}}, code, words...)
	}
	refuse(codes.InvalidArgument, map[string]any{"filter": "tcp port http or ("}, sessions+"[id=bad]/config/filter", "at ")
	refuse(codes.InvalidArgument, map[string]any{"interface": []string{"p9"}}, sessions+"[id=bad]/config/interface", "p9")
	refuse(codes.InvalidArgument, map[string]any{"interface": []string{"p2"}}, sessions+"[id=bad]/config/interface", "p2")
	refuse(codes.InvalidArgument, map[string]any{"snap-length": 0}, "snap-length")
	refuse(codes.InvalidArgument, map[string]any{"snap-length": 1 << 30}, "snap-length")
	refuse(codes.InvalidArgument, map[string]any{"duration": 0}, "duration")
	refuse(codes.InvalidArgument, map[string]any{"drop-reason": []string{"WEATHER"}}, "drop-reason")
	request := &gpb.SetRequest{}
	for i := range 1000 {
		request.Update = append(request.Update, session(fmt.Sprint(i), map[string]any{}))
	}
	s.refused(request, codes.ResourceExhausted, "/traces/sessions", "64")
	request.Update = request.Update[:17]
	s.refused(request, codes.ResourceExhausted, "16")
	request.Update = request.Update[:16]
	_, err := s.Set(t.Context(), request)
	s.ok(err)
	_, err = s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(sessions + "[id=1]/events")}, Encoding: gpb.Encoding_JSON_IETF})
	if err == nil || !strings.Contains(err.Error(), "not kept") {
		t.Errorf("Get of events: %v, want it said that they are not kept", err)
	}
	s.leaf("/interfaces/interface[name=p1]/switch-port/state/forwarding", "true") // nobody else is affected
}

// TestPacketTestRefuses: a frame that is none is refused with the path of the
// question.
func TestPacketTestRefuses(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	long := strings.Repeat("00", 70000)
	for _, c := range []struct {
		port, frame, word string
		code              codes.Code
	}{
		{"p1", "", "nothing is there", codes.NotFound},
		{"p1", "0", "hexadecimal", codes.InvalidArgument},
		{"p1", "nothing", "hexadecimal", codes.InvalidArgument},
		{"p1", "ffffffffffff02000000000108", "octets", codes.InvalidArgument}, // an octet less than a header
		{"p1", long, "octets", codes.InvalidArgument},
		{"p9", "ffffffffffff0200000000010800", "neither a switch port", codes.InvalidArgument},
	} {
		path := element.Path("/packet-tests/packet-test")
		path.Elem[1].Key = map[string]string{"interface": c.port, "frame": c.frame}
		_, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path}, Encoding: gpb.Encoding_JSON_IETF})
		if status.Code(err) != c.code || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), "/packet-tests/packet-test[") {
			t.Errorf("%.30q at %s: %.300v; want %v with %q and its path", c.frame, c.port, err, c.code, c.word)
		}
	}
	s.leaf("/packet-tests/packet-test[interface=p1][frame=ffffffffffff0200000000010800]/state/verdict", "DROP")
}

// TestTraceStalledSubscriber: who does not read misses events, which are
// counted; another subscriber of the same session gets all of them.
func TestTraceStalledSubscriber(t *testing.T) {
	const frames, octets, atOnce = 6000, 1400, 200
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "learn")
	pause := make(chan struct{})
	stalled, reader := s.watch("s", pause), s.watch("s", nil)
	s.configure(session("s", map[string]any{"level": "PACKETS", "snap-length": 65535, "max-events-per-second": 1000000, "interface": []string{"p1"}, "direction": "IN", "filter": "ether proto 0x88b5"}))
	f := frame(s.hosts["p1"], s.hosts["p2"].mac, "many")
	packets := func(w *witness) int {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		for _, e := range w.events {
			if e["packet"] != "" {
				n++
			}
		}
		return n
	}
	for sent := 0; sent < frames; {
		for range atOnce {
			s.ok(s.hosts["p1"].Send(f.Bytes(octets)))
			sent++
		}
		testenv.Within(t, soon, func() error {
			if got := packets(reader); got < sent {
				return fmt.Errorf("the reader has %d of %d packets", got, sent)
			}
			return nil
		})
	}
	missed := func() (sum uint64) {
		leaves, err := s.Leaves(t.Context(), "/system/grpc-servers/grpc-server/subscriptions/subscription/state/counters/events-lost")
		s.ok(err)
		for _, v := range leaves {
			sum += v.GetUintVal()
		}
		return sum
	}
	if missed() == 0 {
		t.Error("nothing was lost to the one who does not read")
	}
	close(pause)
	testenv.Within(t, 4*soon, func() error { // as long as the queue is full what comes is lost
		s.ok(s.hosts["p1"].Send(f.Bytes(100)))
		stalled.mu.Lock()
		defer stalled.mu.Unlock()
		if last := stalled.events[max(len(stalled.events)-1, 0):]; len(last) == 0 || last[0]["packet-length"] != "100" {
			return fmt.Errorf("after it reads again: %d events, the last one %v", len(stalled.events), last)
		}
		return nil
	})
}

// opens wants tshark to read a capture without a complaint, and in the fields of
// each packet these texts.
func opens(t *testing.T, file string, texts ...string) {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Error(err)
		}
		t.Log("no tshark: apt-get install tshark")
		return
	}
	c := exec.CommandContext(t.Context(), program, "-n", "-r", file, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment", "-e", "_ws.expert")
	var out, complaints strings.Builder
	c.Stdout, c.Stderr = &out, &complaints
	err = c.Run()
	var said []string
	for line := range strings.Lines(complaints.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			said = append(said, line)
		}
	}
	if err != nil || said != nil {
		t.Errorf("tshark: %v, says %q", err, said)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Errorf("tshark reads %d packets, want 3:\n%s", len(lines), out.String())
	}
	for _, line := range lines {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				t.Errorf("tshark reads %q without %q", line, text)
			}
		}
	}
}

// TestTraceCommands: trace, capture and explain from the command line.
func TestTraceCommands(t *testing.T) {
	s := newSite(t, "p1", "p2", "p3")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Access("p3", 20))
	s.forwarding(true, "p1", "p2", "p3")
	crosses(s, "p1", "p2", "learn")
	a, b := s.hosts["p1"], s.hosts["p2"]
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() { // until the command has seen enough
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				_ = a.Send(traffic.Frame{Dst: b.mac, Src: a.mac, Tagged: true, TCI: 10}.Bytes(60))
			}
		}
	})
	out, err := s.cli("trace", "--drops", "--count", "2", "-v", "--interface", "p1")
	file := t.TempDir() + "/drops.pcapng"
	_, err2 := s.cli("capture", "-w", file, "--reason", "tag-mismatch", "--count", "3")
	close(stop)
	sender.Wait()
	s.ok(err)
	s.ok(err2)
	for _, want := range []string{"p1 → ✗", "DROP TAG_MISMATCH", "/interfaces/interface[name=p1]/ethernet/switched-vlan/config/interface-mode", "\n    INGRESS"} {
		if !strings.Contains(out, want) {
			t.Errorf("trace prints\n%s\nwithout %q", out, want)
		}
	}
	if left, err := s.Leaves(t.Context(), "/traces"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "config-path: /interfaces/interface[name=p1]") {
		t.Errorf("the capture of %d octets has no config-path: %v", len(content), err)
	}
	opens(t, file, "p1", "DROP TAG_MISMATCH", "config-path: /interfaces/interface[name=p1]/ethernet/switched-vlan/config/interface-mode", "INGRESS PASS")
	explained := func(args []string, words ...string) {
		t.Helper()
		out, err := s.cli(append([]string{"explain"}, args...)...)
		if err != nil {
			t.Errorf("explain %q: %v", args, err)
		}
		for _, want := range words {
			if !strings.Contains(out, want) {
				t.Errorf("explain %q prints\n%s\nwithout %q", args, out, want)
			}
		}
	}
	t.Log(s.cli("explain", "p1", "--src", a.mac.String(), "--dst", b.mac.String(), "--ip-src", "10.0.0.1", "--ip-dst", "10.0.0.2", "--tcp", "80"))
	explained([]string{"p1", "--src", a.mac.String(), "--dst", b.mac.String()}, "FORWARD to p2", "LOOKUP")
	explained([]string{"p3"}, "DROP EMPTY_PORT_LIST", "because of /interfaces/interface[name=p3]/ethernet/switched-vlan/config/access-vlan")
	explained([]string{"p3", "--set", "/interfaces/interface[name=p3]/ethernet/switched-vlan/config/access-vlan=10"}, "FLOOD to 2 ports", "p1, untagged", "p2, untagged")
	explained([]string{"p3", "--json"}, `"verdict": "DROP"`, `"steps": [`)
	explained([]string{"p1", "--src", a.mac.String(), "--dst", b.mac.String(), "--length", "9000"}, "DROP TOO_BIG", "/interfaces/interface[name=p2]")
	for args, want := range map[string]string{
		"p9":                              "p9",
		"p1 --frame 00":                   "octets",
		"p1 --set /interfaces/nothing=1":  "nothing",
		"p1 --length 70000":               "65535",
		"p1 --delete /interfaces/nothing": "nothing",
	} {
		if _, err := s.cli(append([]string{"explain"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("explain %s: %v, want an error with %q", args, err, want)
		}
	}
}

// TestPacketCapture: gNOI streams the packets of an interface as they came in.
func TestPacketCapture(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "learn")
	client := pcap.NewPacketCaptureClient(s.Conn)
	stream, err := client.Pcap(t.Context(), &pcap.PcapRequest{PacketCount: 2, TrimPayload: 20, RequestType: &pcap.PcapRequest_WiredRequest{
		WiredRequest: &pcap.WiredRequest{Ifname: "p1", FilterType: &pcap.WiredRequest_TcpdumpExpression{TcpdumpExpression: "ether proto 0x88b5"}},
	}})
	s.ok(err)
	done := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				_ = s.hosts["p1"].Send(frame(s.hosts["p1"], s.hosts["p2"].mac, "captured").Bytes(60))
			}
		}
	})
	var packets [][]byte
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Error(err)
			break
		}
		for _, p := range answer.GetPackets() {
			packets = append(packets, p.GetData())
		}
	}
	close(done)
	sender.Wait()
	want := frame(s.hosts["p1"], s.hosts["p2"].mac, "captured").Bytes(60)[:20]
	if len(packets) != 2 || !bytes.Equal(packets[0], want) || !bytes.Equal(packets[1], want) {
		t.Errorf("got %x, want twice %x", packets, want)
	}
	stream, err = client.Pcap(t.Context(), &pcap.PcapRequest{RequestType: &pcap.PcapRequest_WiredRequest{WiredRequest: &pcap.WiredRequest{Ifname: "p9"}}})
	s.ok(err)
	if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "p9") {
		t.Errorf("at an interface that is not there: %v", err)
	}
}

// TestTraceIsInterrupted: Ctrl-C removes the session of the command; one that is
// killed leaves a session that ends by itself and goes with the next command.
func TestTraceIsInterrupted(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10))
	begin := func(args ...string) *exec.Cmd {
		c := s.sw.Command(t.Context(), os.Getenv(binaryVariable), append([]string{"trace"}, args...)...)
		c.Env = append(os.Environ(), "SIGNALBOX_CA="+s.options().Certificate())
		s.ok(s.sw.Start(c))
		return c
	}
	status := func(want ...string) {
		t.Helper()
		testenv.Within(t, 2*soon, func() error {
			leaves, err := s.Leaves(t.Context(), "/traces/sessions/session/state/status")
			if err != nil {
				return err
			}
			var got []string
			for path, v := range leaves {
				if strings.HasSuffix(path, "/status") {
					got = append(got, v.GetStringVal())
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("the sessions are %v, want %v", got, want)
			}
			return nil
		})
	}
	c := begin()
	status("RUNNING")
	s.ok(c.Process.Signal(os.Interrupt))
	s.ok(c.Wait())
	status()

	c = begin("--duration", "2s")
	status("RUNNING")
	s.ok(c.Process.Kill())
	_ = c.Wait() // it was killed
	status("EXPIRED")
	c = begin()
	status("RUNNING")
	s.ok(c.Process.Signal(os.Interrupt))
	s.ok(c.Wait())
	status()
}
