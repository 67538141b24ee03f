package teaming_test

import (
	"context"
	"net/netip"
	"os"
	"testing"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, "teaming")) }

// ok ends the test where there is an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newNode starts an element; its log is shown where the test failed.
func newNode(t *testing.T) *teaming.Node {
	t.Helper()
	testenv.NeedRoot(t)
	n, err := teaming.NewNode(t.Context(), os.Getenv(testenv.Binary))
	ok(t, err)
	t.Cleanup(func() { closeNodes(t, n.Close, n) })
	return n
}

// newPair makes two elements with wires between them.
func newPair(t *testing.T, members int) *teaming.Pair {
	t.Helper()
	testenv.NeedRoot(t)
	p, err := teaming.NewPair(t.Context(), os.Getenv(testenv.Binary), members)
	ok(t, err)
	t.Cleanup(func() { closeNodes(t, p.Close, p.A, p.B) })
	return p
}

func closeNodes(t *testing.T, end func() error, nodes ...*teaming.Node) {
	for _, n := range nodes {
		if t.Failed() {
			t.Logf("discards:%s\nan element's log:\n%s", n.Discards(context.Background()), n.Log())
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// newStream makes a stream that ends with the test.
func newStream(t *testing.T, from, to *teaming.Host, flows int, tci uint16) *teaming.Stream {
	t.Helper()
	s, err := teaming.NewStream(from, to, flows, tci)
	ok(t, err)
	t.Cleanup(func() { _ = s.Close() }) // its namespaces may be gone
	return s
}

// static and lacp are the two teams that both ends agree on.
func static() element.Team { return element.Team{} }

func lacp(mode, interval string) element.Team {
	return element.Team{LACP: true, Protocol: map[string]any{"lacp-mode": mode, "interval": interval}}
}

// with adds options of aggregation/teaming to a team.
func with(t element.Team, options map[string]any) element.Team {
	t.Options = options
	return t
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
