package topology_test

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
)

func TestNamedNamespaceIsRemadeAndRemoved(t *testing.T) {
	testenv.NeedRoot(t)
	const name = "sbx-topology-test"
	first, err := topology.NewNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	second, err := topology.NewNamed(name) // as after a kill
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/run/netns/" + name); !os.IsNotExist(err) {
		t.Errorf("the name is still there: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

func TestCable(t *testing.T) {
	testenv.NeedRoot(t)
	a, b := testenv.Namespace(t), testenv.Namespace(t)
	err := topology.Cable(
		topology.End{Namespace: a, Name: "left", Address: netip.MustParsePrefix("10.9.0.1/24")},
		topology.End{Namespace: b, Name: "right", Address: netip.MustParsePrefix("10.9.0.2/24")},
	)
	if err != nil {
		t.Fatal(err)
	}
	index, err := a.Index("left")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.SetUp("left", false), a.Rename("left", "port")); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Index("port"); err != nil || got != index {
		t.Errorf("Index(port) = %d, %v; want the ifindex that left had, %d", got, err, index)
	}
	if err := a.DeleteLink("port"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Link("right"); err == nil {
		t.Error("the other end outlives the cable")
	}
}
