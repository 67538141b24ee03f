package endtoend

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// logLines is how much the element may log of one kind of bad input, however
// often it comes.
const logLines = 20

// beside does something bad while a healthy client writes one value after the
// other and follows them: each is told, and the log says little. The context is
// the healthy client's.
func (s *site) beside(ctx context.Context, bad func()) {
	s.t.Helper()
	const path = "/interfaces/interface[name=p1]/config/description"
	ctx, cancel := context.WithTimeout(ctx, 24*soon)
	defer cancel()
	stream, err := s.Subscribe(ctx)
	s.ok(err)
	s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{
		Subscribe: subscription(gpb.SubscriptionList_STREAM, path, gpb.SubscriptionMode_ON_CHANGE, 0)}}))
	_, err = (&opened{stream, cancel}).untilSync()
	s.ok(err)
	lines := strings.Count(s.Log(), "\n")
	over, told := make(chan struct{}), make(chan error, 1)
	go func() { told <- s.keepWriting(ctx, stream, path, over) }()
	bad()
	close(over)
	if err := <-told; err != nil {
		s.t.Errorf("a healthy client beside it: %v", err)
	}
	if n := strings.Count(s.Log(), "\n") - lines; n > logLines {
		s.t.Errorf("%d lines are logged, want %d at most", n, logLines)
	}
}

// keepWriting writes and reads back until it is over, and once more.
func (s *site) keepWriting(ctx context.Context, stream gpb.GNMI_SubscribeClient, path string, over <-chan struct{}) error {
	for i := 0; ; i++ {
		ended := false
		select {
		case <-over:
			ended = true
		default:
		}
		want := fmt.Sprint("healthy ", i, " ", time.Now().UnixNano())
		if err := s.Configure(ctx, element.Update(path, want)); err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if got := leavesOf([]*gpb.SubscribeResponse{answer})[path]; got != want {
			return fmt.Errorf("told %q, want %q", got, want)
		}
		if ended {
			return nil
		}
	}
}

// besides is a site with a port, for what is bad.
func besides(t *testing.T) *site {
	t.Helper()
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10))
	return s
}

func TestBadInputLargeSet(t *testing.T) {
	s := besides(t)
	large := &gpb.SetRequest{Update: []*gpb.Update{{Path: element.Path("/interfaces/interface[name=p1]/config/description"),
		Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: bytes.Repeat([]byte("x"), 100<<20)}}}}}
	s.beside(t.Context(), func() {
		for range 3 {
			_, err := s.Set(t.Context(), large)
			code(t, err, codes.ResourceExhausted, "larger than max")
		}
	})
}

func TestBadInputLongPath(t *testing.T) {
	s := besides(t)
	long := &gpb.Path{}
	for range 10_000 {
		long.Elem = append(long.Elem, &gpb.PathElem{Name: "interfaces", Key: map[string]string{"name": strings.Repeat("k", 100)}})
	}
	wild := &gpb.Path{}
	for range 10_000 {
		wild.Elem = append(wild.Elem, &gpb.PathElem{Name: "..."})
	}
	wild.Elem = append(wild.Elem, &gpb.PathElem{Name: "nothing"})
	s.beside(t.Context(), func() {
		for _, path := range []*gpb.Path{long, wild} {
			_, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path}})
			short(t, "Get", err)
			_, err = s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{path}, Update: []*gpb.Update{{Path: path, Val: element.JSON("x")}}})
			short(t, "Set", err)
			_, err = s.untilSync(&gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: path}}})
			short(t, "Subscribe", err)
		}
	})
}

// short wants a refusal that is the client's fault and does not repeat all that
// it sent.
func short(t *testing.T, what string, err error) {
	t.Helper()
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.ResourceExhausted, codes.Unimplemented:
	default:
		t.Errorf("%s: got %v, want a refusal", what, err)
	}
	if n := len(fmt.Sprint(err)); n > 4096 {
		t.Errorf("%s: the refusal has %d octets", what, n)
	}
}

// TestBadInputOddKeys: a key may hold what means something in a path's text.
func TestBadInputOddKeys(t *testing.T) {
	s := besides(t)
	for _, name := range []string{`a/b]c[d=e\f`, `]`, `\`, `*x`, ` `, "é\U0001F600", `"'<>&`, `a]]/config/name`} {
		entry := &gpb.Path{Elem: []*gpb.PathElem{{Name: "network-instances"}, {Name: "network-instance", Key: map[string]string{"name": name}}}}
		leaf := &gpb.Path{Elem: append(append([]*gpb.PathElem(nil), entry.GetElem()...), &gpb.PathElem{Name: "config"}, &gpb.PathElem{Name: "name"})}
		_, err := s.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{Path: entry, Val: element.JSON(map[string]any{
			"config": map[string]any{"name": name, "type": "openconfig-network-instance-types:L2VSI"}})}}})
		if status.Code(err) == codes.InvalidArgument && strings.Contains(err.Error(), "name") {
			continue // a name that a switch cannot have
		}
		s.ok(err)
		answers, err := s.untilSync(&gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: leaf}}})
		s.ok(err)
		if got := leavesOf(answers); len(got) != 1 || got[element.Join(nil, leaf)] != name {
			t.Errorf("the switch %q is told as %q", name, got)
		}
		before := s.running()
		s.ok(s.Kill())
		s.start()
		if after := s.running(); after != before {
			t.Errorf("after a start with the switch %q there is\n%s\nand was\n%s", name, after, before)
		}
		_, err = s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{entry}})
		s.ok(err)
		_, err = s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{leaf}, Encoding: gpb.Encoding_PROTO})
		code(t, err, codes.NotFound)
	}
}

// octets is a codec that sends octets as they are.
type octets struct{}

func (octets) Name() string                  { return "proto" }
func (octets) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (octets) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = b
	return nil
}

func TestBadInputNoUTF8(t *testing.T) {
	s := besides(t)
	call := func(method string, request []byte) error {
		var answer []byte
		return s.Conn.Invoke(t.Context(), "/gnmi.gNMI/"+method, &request, &answer, grpc.ForceCodec(octets{}))
	}
	// Marked by a text of the same length that is UTF-8.
	damaged := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		s.ok(err)
		return bytes.ReplaceAll(b, []byte("MARK"), []byte("\xff\xfe\xc0\x80"))
	}
	config := element.Path("/interfaces/interface[name=p1]/config/description")
	set := func(path *gpb.Path, v *gpb.TypedValue) *gpb.SetRequest {
		return &gpb.SetRequest{Update: []*gpb.Update{{Path: path, Val: v}}}
	}
	before := s.running()
	for name, request := range map[string]*gpb.SetRequest{
		"a string":         set(config, &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "MARK"}}),
		"ASCII":            set(config, &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "MARK"}}),
		"a key":            set(element.Path("/interfaces/interface[name=MARK]/config/mtu"), element.JSON(1400)),
		"an element":       set(element.Path("/interfaces/MARK"), element.JSON(1400)),
		"JSON":             set(config, &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(`"MARK"`)}}),
		"a name in JSON":   set(element.Path("/interfaces/interface[name=p1]/config"), &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(`{"MARK":1}`)}}),
		"octets at a text": set(config, &gpb.TypedValue{Value: &gpb.TypedValue_BytesVal{BytesVal: []byte("MARK")}}),
		"an origin":        set(&gpb.Path{Origin: "MARK"}, element.JSON(1)),
	} {
		if err := call("Set", damaged(request)); err == nil {
			t.Errorf("%s that is no UTF-8 is taken", name)
		}
	}
	for _, junk := range []string{"\xff", "\x0a\xff\xff\xff\xff\x0f", strings.Repeat("\x0a", 1000)} {
		for _, method := range []string{"Set", "Get", "Capabilities"} {
			if err := call(method, []byte(junk)); err == nil {
				t.Errorf("%s takes %q", method, junk)
			}
		}
	}
	if after := s.running(); after != before {
		t.Errorf("the configuration was\n%s\nand is\n%s", before, after)
	}
}

// TestBadInputStalledReaders: many do not read what they ask for.
func TestBadInputStalledReaders(t *testing.T) {
	s := besides(t)
	s.beside(t.Context(), func() {
		for range 20 {
			_, err := s.open(subscription(gpb.SubscriptionList_STREAM, "/", gpb.SubscriptionMode_SAMPLE, 100*time.Millisecond))
			s.ok(err)
		}
		for range 30 { // the element works on
			_, err := s.Text(t.Context(), "/system/state/boot-time")
			s.ok(err)
		}
	})
}

// TestBadInputReconnecting: clients that come and go as fast as they can, some
// in the middle of a handshake, some with what is no TLS.
func TestBadInputReconnecting(t *testing.T) {
	s := besides(t)
	connect := func(i int) error {
		return s.sw.Do(func() error {
			c, err := net.Dial("tcp4", "127.0.0.1:9339")
			if err != nil {
				return err
			}
			defer c.Close()
			switch i % 4 {
			case 1:
				_, err = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			case 2:
				_, err = c.Write([]byte("\x16\x03\x01\x02\x00\x01")) // the beginning of a ClientHello
			case 3:
				err = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).Handshake()
			}
			return err
		})
	}
	s.beside(t.Context(), func() {
		for i := range 1000 {
			s.ok(connect(i))
		}
	})
}

func TestBadInputManySubscriptions(t *testing.T) {
	s := besides(t)
	list := &gpb.SubscriptionList{Encoding: gpb.Encoding_PROTO}
	for i := range 10_000 {
		list.Subscription = append(list.Subscription, &gpb.Subscription{
			Path: element.Path(fmt.Sprintf("/interfaces/interface[name=x%d]/state/counters", i)), Mode: gpb.SubscriptionMode(i % 3), SampleInterval: uint64(time.Second)})
	}
	list.Subscription = append(list.Subscription, &gpb.Subscription{Path: element.Path("/interfaces/interface[name=p1]/config/name")})
	s.beside(t.Context(), func() {
		for mode := range gpb.SubscriptionList_Mode_name {
			list.Mode = gpb.SubscriptionList_Mode(mode)
			answers, err := s.untilSync(list)
			s.ok(err)
			same(t, list.Mode.String(), leavesOf(answers), []string{"/interfaces/interface[name=p1]/config/name"})
		}
	})
}

func TestBadInputWrongPasswords(t *testing.T) {
	s := besides(t)
	const password = "correct horse"
	addUser(s, "alice", password)
	alice := metadata.AppendToOutgoingContext(t.Context(), "username", "alice", "password", password)
	_, err := s.Capabilities(alice, &gpb.CapabilityRequest{})
	s.ok(err)
	var mu sync.Mutex // guards got
	got := map[codes.Code]int{}
	s.beside(alice, func() {
		var all sync.WaitGroup
		for w := range 10 {
			all.Go(func() {
				for i := range 100 {
					ctx := metadata.AppendToOutgoingContext(t.Context(), "username", fmt.Sprintf("user%d", i%7), "password", fmt.Sprint(w, i))
					_, err := s.Set(ctx, &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/")}})
					mu.Lock()
					got[status.Code(err)]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
	if got[codes.Unauthenticated] == 0 || got[codes.ResourceExhausted] == 0 || len(got) != 2 {
		t.Errorf("a thousand wrong passwords are answered with %v", got)
	}
}
