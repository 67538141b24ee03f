package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/traffic"
)

// A day of a session that is told of so many packets a second: the drops of a bad
// port, or one in a hundred thousand of a busy switch.
const (
	dayRate    = 5
	dayPackets = 24 * 60 * 60 * dayRate
	// dayWarm of them come before memory is looked at: all buffers have their size.
	dayWarm = dayPackets / 8
	// dayBurst are sent at once, unless the subscriber is so far behind.
	dayBurst, dayWaiting = 1000, 1000
	// dayGrowth is what the element may have more of afterwards: 64 octets kept of
	// each packet would be over it.
	dayGrowth = 24 << 20
)

// TestTraceForADay: the packets of a day go through a session to a subscriber as
// fast as they can; none is lost, and the element's memory is what it was.
func TestTraceForADay(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.ok(s.Stop())
	s.start("--metrics", metricsAddress)
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "learn")
	s.ok(traffic.GRO(s.sw, "p1", true)) // lets it take the generator's frames
	a, b := s.hosts["p1"], s.hosts["p2"]
	generator, err := traffic.NewGenerator(a.namespace, "eth0", traffic.UDP(b.mac, a.mac, 60), 0)
	s.ok(err)
	defer generator.Close()
	w := s.countEvents("day")
	s.configure(session("day", map[string]any{
		"duration": 86400, "max-events-per-second": 1000000, "filter": "udp", "level": "PACKETS", "interface": []string{"p1"}, "direction": "IN",
	}))
	var sent uint64
	send := func(packets uint64) {
		for end := sent + packets; sent < end; {
			n, err := generator.Send(dayBurst)
			s.ok(err)
			sent += n
			s.ok(w.await(t.Context(), sent-min(sent, dayWaiting)))
		}
		s.ok(w.await(t.Context(), sent))
	}
	send(dayWarm)
	heap, resident := s.memory()
	send(dayPackets - dayWarm)
	heapAfter, residentAfter := s.memory()
	t.Logf("%d packets in %d events; heap %d → %d, resident %d → %d octets", w.packets, w.events, heap, heapAfter, resident, residentAfter)
	if heapAfter > heap+dayGrowth || residentAfter > resident+dayGrowth {
		t.Errorf("more than %d octets more", dayGrowth)
	}
	if last, err := w.sequence(); err != nil || last != w.events {
		t.Errorf("the last of %d events has the number %d: %v", w.events, last, err)
	}
	for leaf, want := range map[string]uint64{"packets": sent, "matched-packets": sent, "limited-packets": 0, "lost-packets": 0} {
		s.leaf(sessions+"[id=day]/state/counters/"+leaf, strconv.FormatUint(want, 10))
	}
}

// counting is a subscriber that keeps nothing of what it is told.
type counting struct {
	mu      sync.Mutex // guards what follows
	more    *sync.Cond
	events  uint64
	packets uint64 // events that carry one
	last    []byte
	err     error
}

// countEvents subscribes to a session's events until the test ends. To read them
// field by field would take longer than all the rest.
func (s *site) countEvents(id string) *counting {
	s.t.Helper()
	request, err := proto.Marshal(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Encoding:     gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(sessions + "[id=" + id + "]/events"), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}})
	s.ok(err)
	stream, err := s.Conn.NewStream(s.t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/gnmi.gNMI/Subscribe", grpc.ForceCodec(octets{}))
	s.ok(err)
	s.ok(stream.SendMsg(&request))
	var answer []byte
	s.ok(stream.RecvMsg(&answer)) // the sync
	w := &counting{}
	w.more = sync.NewCond(&w.mu)
	go func() {
		for err := error(nil); err == nil; {
			err = stream.RecvMsg(&answer)
			w.count(answer, err)
		}
	}()
	return w
}

// packetLeaf is the last element of a path that leads to a packet, as it is on the
// wire: field 1 of a PathElem, 6 octets.
var packetLeaf = []byte("\n\x06packet")

func (w *counting) count(event []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err == nil {
		w.events++
		w.last = event
		if !bytes.Contains(event, packetLeaf) {
			return
		}
		w.packets++
	}
	w.more.Broadcast()
}

// sequence is the number of the last event.
func (w *counting) sequence() (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var answer gpb.SubscribeResponse
	if err := proto.Unmarshal(w.last, &answer); err != nil {
		return 0, err
	}
	for _, u := range answer.GetUpdate().GetUpdate() {
		if elems := u.GetPath().GetElem(); elems[len(elems)-1].GetName() == "sequence" {
			return u.GetVal().GetUintVal(), nil
		}
	}
	return 0, fmt.Errorf("%v has no sequence", &answer)
}

// await waits until so many packets came, or the subscription or the context ends.
func (w *counting) await(ctx context.Context, packets uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 4*soon)
	defer cancel()
	defer context.AfterFunc(ctx, w.more.Broadcast)()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.packets < packets && w.err == nil && ctx.Err() == nil {
		w.more.Wait()
	}
	if w.packets < packets {
		return fmt.Errorf("%d of %d packets were told: %w", w.packets, packets, errors.Join(w.err, ctx.Err()))
	}
	return nil
}

// memory is how much the element's Go heap has in use, as its metrics tell, and how
// much of the element is resident, as the kernel does.
func (s *site) memory() (heap, resident uint64) {
	s.t.Helper()
	pem, err := os.ReadFile(s.options().Certificate())
	s.ok(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	answer, err := s.web(&tls.Config{RootCAs: roots}).Get("https://" + metricsAddress + "/metrics")
	s.ok(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("metrics: %s", answer.Status)
	}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "go_memstats_heap_inuse_bytes "); found {
			n, err := strconv.ParseFloat(text, 64)
			s.ok(err)
			heap = uint64(n)
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	s.ok(err)
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			s.ok(err)
			resident = n << 10
		}
	}
	if heap == 0 || resident == 0 {
		s.t.Fatalf("the element tells neither: heap %d, resident %d", heap, resident)
	}
	return heap, resident
}
