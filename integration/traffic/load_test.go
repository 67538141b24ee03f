package traffic_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

var receiver = netip.MustParseAddr("10.9.0.2")

// hosts are two with addresses and a cable between them.
func hosts(t *testing.T) (a, b *topology.Namespace, count *traffic.PortCount) {
	t.Helper()
	testenv.NeedRoot(t)
	a, b = testenv.Namespace(t), testenv.Namespace(t)
	err := topology.Cable(topology.End{Namespace: a, Name: "eth0", MAC: traffic.MAC(1), Address: netip.MustParsePrefix("10.9.0.1/24")},
		topology.End{Namespace: b, Name: "eth0", MAC: traffic.MAC(2), Address: netip.MustParsePrefix("10.9.0.2/24")})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []struct {
		at  *topology.Namespace
		ip  string
		mac uint32
	}{{a, "10.9.0.2", 2}, {b, "10.9.0.1", 1}} {
		if err := n.at.Neighbour("eth0", netip.MustParseAddr(n.ip), traffic.MAC(n.mac)); err != nil {
			t.Fatal(err)
		}
		if err := n.at.AwaitRunning("eth0", 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if count, err = traffic.NewPortCount(b, "eth0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := count.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, b, count
}

// TestLoad sends each kind of load, and what is counted are whole frames.
func TestLoad(t *testing.T) {
	a, b, count := hosts(t)
	tests := []struct {
		name string
		load traffic.Load
	}{
		{"UDP", traffic.Load{Port: traffic.FirstPort, CPU: -1}},
		{"UDP at a pace", traffic.Load{Port: traffic.FirstPort + 1, Rate: 100e6, CPU: -1}},
		{"UDP as QUIC", traffic.Load{Port: traffic.FirstPort + 2, Segments: 40, CPU: -1}},
		{"TCP", traffic.Load{Port: traffic.FirstPort + 3, TCP: true, DSCP: 10, CPU: 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := traffic.StartLoad(a, b, receiver, tt.load)
			if err != nil {
				t.Fatal(err)
			}
			var got traffic.Received
			testenv.Within(t, 10*time.Second, func() error {
				got, err = count.Port(tt.load.Port)
				if err == nil && got.Frames < 200 {
					err = traffic.ErrTimeout
				}
				return err
			})
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if got.Octets > got.Frames*traffic.FrameOctets || got.Octets < got.Frames*traffic.FrameOctets*9/10 {
				t.Errorf("%d octets in %d frames, want about %d in each", got.Octets, got.Frames, traffic.FrameOctets)
			}
			if !tt.load.TCP && got.Octets != got.Frames*traffic.FrameOctets {
				t.Errorf("%d octets in %d frames, want %d in each", got.Octets, got.Frames, traffic.FrameOctets)
			}
		})
	}
}

// TestProbe sends probes, and each that comes has a delay.
func TestProbe(t *testing.T) {
	a, _, count := hosts(t)
	if _, _, err := count.Delay(0.5); err == nil {
		t.Error("a delay without a probe")
	}
	for range 2 {
		if err := traffic.Probe(a, receiver, 46, -1, time.Millisecond, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		half, probes, err := count.Delay(0.5)
		if err != nil || probes == 0 || half == 0 {
			t.Errorf("%v of %d probes, %v", half, probes, err)
		}
		most, _, err := count.Delay(1)
		if err != nil || most < half {
			t.Errorf("%v at most, %v in the middle, %v", most, half, err)
		}
		if got, err := count.Port(traffic.ProbePort); err != nil || got.Frames < probes {
			t.Errorf("counted %+v, %v; want %d", got, err, probes)
		}
		if err := count.ResetDelays(); err != nil {
			t.Fatal(err)
		}
	}
}
