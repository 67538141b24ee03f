package traffic_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

func TestWire(t *testing.T) {
	testenv.NeedRoot(t)
	a, b := testenv.Namespace(t), testenv.Namespace(t)
	w, err := traffic.NewWire(
		topology.End{Namespace: a, Name: "a", MAC: traffic.MAC(1), Address: netip.MustParsePrefix("10.9.0.1/24")},
		topology.End{Namespace: b, Name: "b", MAC: traffic.MAC(2), Address: netip.MustParsePrefix("10.9.0.2/24")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.AwaitRunning("a", 5*time.Second))
	_, err = traffic.Ping(a, netip.MustParseAddr("10.9.0.2"), 1, 2*time.Second)
	must(err)
	sink, err := traffic.NewFlowSink(b, "b")
	must(err)
	defer sink.Close()
	var frames [][]byte
	for flow := range uint32(100) {
		frames = append(frames, traffic.FlowFrame(traffic.MAC(2), traffic.MAC(1), flow, uint16(flow%2)))
	}
	flows, err := traffic.NewFlows(a, "a", frames)
	must(err)
	defer flows.Close()
	must(flows.Send(1000))
	arrives := func(want uint64) {
		t.Helper()
		testenv.Within(t, 5*time.Second, func() error {
			got, err := sink.Total()
			if err == nil && got.Frames != want {
				err = fmt.Errorf("%+v arrived, want %d", got, want)
			}
			return err
		})
	}
	arrives(1000)
	must(w.Mute(true))
	must(flows.Send(100))
	must(w.Mute(false))
	must(flows.Send(100))
	arrives(1100)
	total, err := sink.Total()
	must(err)
	if total.Last != flows.Sent() || total.Late != 0 {
		t.Errorf("got %+v of %d sent, want none late", total, flows.Sent())
	}
	of, err := w.FromA.Flows(100)
	must(err)
	for i, f := range of {
		if want := (traffic.Flow{Frames: 12, Last: 12}); f != want {
			t.Errorf("flow %d on the wire is %+v, want %+v", i, f, want)
		}
	}
	must(w.Cut())
	for _, end := range []struct {
		n    *topology.Namespace
		name string
	}{{a, "a"}, {b, "b"}} {
		testenv.Within(t, 5*time.Second, func() error {
			if running, err := end.n.Running(end.name); running || err != nil {
				return fmt.Errorf("%s runs: %t, %w", end.name, running, err)
			}
			return nil
		})
	}
	must(w.Mend())
	must(a.AwaitRunning("a", 5*time.Second))
	must(flows.Send(1))
	arrives(1101)
}
