package traffic_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// pair makes two namespaces with a cable between a and b.
func pair(t *testing.T) (a, b *topology.Namespace) {
	t.Helper()
	testenv.NeedRoot(t)
	a, b = testenv.Namespace(t), testenv.Namespace(t)
	err := topology.Cable(
		topology.End{Namespace: a, Name: "a", MAC: traffic.MAC(1), Address: netip.MustParsePrefix("10.9.0.1/24")},
		topology.End{Namespace: b, Name: "b", MAC: traffic.MAC(2), Address: netip.MustParsePrefix("10.9.0.2/24")},
	)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestSocketKeepsTags(t *testing.T) {
	a, b := pair(t)
	tests := []struct {
		name  string
		frame traffic.Frame
	}{
		{"untagged", traffic.Frame{Dst: traffic.MAC(2), Src: traffic.MAC(1), Payload: []byte("plain")}},
		{"tagged", traffic.Frame{Dst: traffic.MAC(2), Src: traffic.MAC(1), Tagged: true, TCI: 3<<13 | 20, Payload: []byte("tag")}},
		{"priority-tagged", traffic.Frame{Dst: traffic.Broadcast, Src: traffic.MAC(1), Tagged: true, Payload: []byte("zero")}},
	}
	from, err := traffic.Open(a, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := traffic.Open(b, "b")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := tt.frame.Bytes(60)
			if err := from.Send(sent); err != nil {
				t.Fatal(err)
			}
			got, err := to.Receive(2*time.Second, func(f traffic.Frame) bool { return f.Type == traffic.EtherTypeLocal })
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Bytes(60)) != string(sent) {
				t.Errorf("got %x, want %x", got.Bytes(60), sent)
			}
		})
	}
}

func TestPing(t *testing.T) {
	a, b := pair(t)
	if _, err := traffic.Ping(a, netip.MustParseAddr("10.9.0.2"), 1, 2*time.Second); err != nil {
		t.Error(err)
	}
	if err := b.SetUp("b", false); err != nil {
		t.Fatal(err)
	}
	if _, err := traffic.Ping(a, netip.MustParseAddr("10.9.0.2"), 2, 50*time.Millisecond); !errors.Is(err, traffic.ErrTimeout) {
		t.Errorf("through a cable that is down: %v, want ErrTimeout", err)
	}
}

func TestGeneratorSendsExactly(t *testing.T) {
	a, b := pair(t)
	tests := []struct {
		name   string
		spread uint16
	}{
		{"one destination", 0},
		{"random destinations", 1 << 13},
	}
	if err := traffic.GRO(b, "b", true); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sink, err := traffic.NewSink(b, "b")
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			g, err := traffic.NewGenerator(a, "a", traffic.UDP(traffic.MAC(2), traffic.MAC(1), 60), tt.spread)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			want, err := g.Send(100_000)
			if err != nil {
				t.Fatal(err)
			}
			var got uint64
			for deadline := time.Now().Add(5 * time.Second); got < want && time.Now().Before(deadline); {
				if got, err = sink.Count(); err != nil {
					t.Fatal(err)
				}
			}
			if got != want {
				t.Errorf("%d frames arrived, want %d", got, want)
			}
		})
	}
}

func TestConnection(t *testing.T) {
	a, b := pair(t)
	t.Run("round trip", func(t *testing.T) {
		c, err := traffic.Dial(a, b, netip.MustParseAddrPort("10.9.0.2:7777"), traffic.Echo, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.RoundTrip(-1, 50*time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	t.Run("stream", func(t *testing.T) {
		c, err := traffic.Dial(a, b, netip.MustParseAddrPort("10.9.0.2:7778"), traffic.Discard, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := c.Stream(-1, 50*time.Millisecond)
		if err != nil || got == 0 {
			t.Errorf("Stream() = %v bit/s, %v; want some", got, err)
		}
	})
}

func TestTap(t *testing.T) {
	testenv.NeedRoot(t)
	n, err := topology.New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	tap, err := traffic.NewTap(n, "tap0")
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	host, err := traffic.Open(n, "tap0")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	frame := traffic.Frame{Dst: traffic.Broadcast, Src: traffic.MAC(1), Payload: []byte("from the machine")}
	if err := tap.Send(traffic.Offload{}, frame.Bytes(60)); err != nil {
		t.Fatal(err)
	}
	mine := func(f traffic.Frame) bool { return f.Type == traffic.EtherTypeLocal }
	if _, err := host.Receive(2*time.Second, mine); err != nil {
		t.Error(err)
	}
	if err := host.Send(frame.Bytes(60)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tap.Receive(2*time.Second, mine); err != nil {
		t.Error(err)
	}
}
