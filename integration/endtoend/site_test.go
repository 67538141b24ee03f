package endtoend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Bounds within which things must have happened, generous for a busy machine.
const (
	soon = 5 * time.Second
	// never is how long a frame that must not come is waited for, after
	// everything that must come has come.
	never = 100 * time.Millisecond
)

// binaryVariable names, within this test program, the built binary.
const binaryVariable = testenv.Binary

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, "endtoend")) }

// host is one host with its packet socket on eth0.
type host struct {
	*traffic.Socket
	namespace *topology.Namespace
	mac       net.HardwareAddr
	ip        netip.Addr
}

// site is a switch and the hosts behind its ports. The host behind port "p1"
// is hosts["p1"].
type site struct {
	t        *testing.T
	sw       *topology.Namespace
	hosts    map[string]*host
	stateDir string
	*element.Process
}

// newSite makes hosts behind ports of these names, and starts an element that
// is configured for nothing.
func newSite(t *testing.T, ports ...string) *site {
	t.Helper()
	testenv.NeedRoot(t)
	s := &site{t: t, sw: testenv.Namespace(t), hosts: map[string]*host{}, stateDir: t.TempDir()}
	for i, port := range ports {
		s.plug(port, i+1)
	}
	s.start()
	t.Cleanup(s.end)
	return s
}

// plug makes the numbered host behind a port.
func (s *site) plug(port string, number int) {
	s.t.Helper()
	h := &host{
		namespace: testenv.Namespace(s.t), mac: traffic.MAC(uint32(number)),
		ip: netip.AddrFrom4([4]byte{10, 0, 0, byte(number)}),
	}
	err := topology.Cable(
		topology.End{Namespace: s.sw, Name: port, Down: true},
		topology.End{Namespace: h.namespace, Name: "eth0", MAC: h.mac, Address: netip.PrefixFrom(h.ip, 24)},
	)
	s.ok(err)
	h.Socket, err = traffic.Open(h.namespace, "eth0")
	s.ok(err)
	s.hosts[port] = h
	s.t.Cleanup(func() { h.Socket.Close() })
}

// start starts the element, also again on the same state.
func (s *site) start(args ...string) {
	s.t.Helper()
	var err error
	s.Process, err = element.Start(s.t.Context(), s.options(args...))
	s.ok(err)
}

func (s *site) options(args ...string) element.Options {
	return element.Options{Binary: os.Getenv(binaryVariable), Namespace: s.sw, StateDir: s.stateDir, Args: args}
}

// end takes the element off the host and shows its log where the test failed.
func (s *site) end() {
	if s.Process != nil {
		if s.t.Failed() {
			s.t.Logf("the element's log:\n%s", s.Log())
		}
		_ = s.Process.Stop() // perhaps it has ended before
	}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := element.Flush(ctx, os.Getenv(binaryVariable), s.sw); err != nil {
		s.t.Errorf("flush: %v", err)
	}
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// configure merges configuration in and waits until the named ports forward.
func (s *site) configure(updates ...*gpb.Update) {
	s.t.Helper()
	s.ok(s.Configure(s.t.Context(), updates...))
}

// forwarding waits until ports forward and the hosts behind them can send, or
// until the ports do not forward.
func (s *site) forwarding(want bool, ports ...string) {
	s.t.Helper()
	for _, port := range ports {
		s.leaf("/interfaces/interface[name="+port+"]/switch-port/state/forwarding", fmt.Sprint(want))
		if want {
			s.leaf("/interfaces/interface[name="+port+"]/state/oper-status", "UP")
			if h := s.hosts[port]; h != nil {
				s.ok(h.namespace.AwaitRunning("eth0", soon))
			}
		}
	}
}

// leaf waits until a leaf has a value.
func (s *site) leaf(path, want string) {
	s.t.Helper()
	testenv.Within(s.t, soon, func() error {
		got, err := s.Text(s.t.Context(), path)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %s, want %s", path, got, want)
		}
		return err
	})
}

// count reads one counter.
func (s *site) count(path string) uint64 {
	s.t.Helper()
	leaves, err := s.Leaves(s.t.Context(), path)
	s.ok(err)
	for _, v := range leaves {
		return v.GetUintVal()
	}
	s.t.Fatalf("%s is not there", path)
	return 0
}

// refused wants a Set to be refused with a code and words, and nothing changed.
func (s *site) refused(request *gpb.SetRequest, code codes.Code, words ...string) {
	s.t.Helper()
	before := s.running()
	_, err := s.Set(s.t.Context(), request)
	if status.Code(err) != code {
		s.t.Errorf("got %v, want the code %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(fmt.Sprint(err), w) {
			s.t.Errorf("got %v, want %q in it", err, w)
		}
	}
	if after := s.running(); after != before {
		s.t.Errorf("the configuration changed from\n%s\nto\n%s", before, after)
	}
}

// running is the whole configuration as text.
func (s *site) running() string {
	s.t.Helper()
	answer, err := s.Get(s.t.Context(), &gpb.GetRequest{
		Path: []*gpb.Path{element.Path("/")}, Type: gpb.GetRequest_CONFIG, Encoding: gpb.Encoding_JSON_IETF,
	})
	if status.Code(err) == codes.NotFound {
		return ""
	}
	s.ok(err)
	var b strings.Builder
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			b.Write(u.GetVal().GetJsonIetfVal())
		}
	}
	return b.String()
}

// frame is a frame from one host to an address, told apart by its text.
func frame(from *host, to net.HardwareAddr, text string) traffic.Frame {
	return traffic.Frame{Src: from.mac, Dst: to, Payload: []byte(text)}
}

// send sends a frame from a host.
func (s *site) send(from *host, f traffic.Frame) {
	s.t.Helper()
	s.ok(from.Send(f.Bytes(60)))
}

func carries(text string) func(traffic.Frame) bool {
	return func(f traffic.Frame) bool {
		return f.Type == traffic.EtherTypeLocal && strings.HasPrefix(string(f.Payload), text)
	}
}

// gets wants a host to receive the frame with the text.
func (s *site) gets(at *host, text string) traffic.Frame {
	s.t.Helper()
	f, err := at.Receive(soon, carries(text))
	if err != nil {
		s.t.Fatalf("the frame %q does not arrive at %s: %v; counted are\n%s", text, at.mac, err, s.counted())
	}
	return f
}

// counted is each counter that is not zero, for who looks for a lost frame.
func (s *site) counted() string {
	return s.Counted(s.t.Context(), "/interfaces/interface/state/counters", "/interfaces/interface/switch-port/discards")
}

// lacks wants a host not to receive the frame with the text.
func (s *site) lacks(at *host, text string) {
	s.t.Helper()
	_, err := at.Receive(never, carries(text))
	if err == nil {
		s.t.Errorf("the frame %q arrives at %s, where it must not", text, at.mac)
	} else if !errors.Is(err, traffic.ErrTimeout) {
		s.t.Error(err)
	}
}

// cli runs the command line in the switch's namespace.
func (s *site) cli(args ...string) (string, error) {
	c := s.sw.Command(s.t.Context(), os.Getenv(binaryVariable), args...)
	c.Env = append(os.Environ(), "SIGNALBOX_CA="+s.options().Certificate(), "NO_COLOR=1")
	var out, complaints strings.Builder
	c.Stdout, c.Stderr = &out, &complaints
	if err := s.sw.Start(c); err != nil {
		return "", err
	}
	if err := c.Wait(); err != nil {
		return out.String(), fmt.Errorf("signalbox %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), nil
}
