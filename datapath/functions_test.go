package datapath

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/datapath/sriov"
)

func withVFs(name string, n uint16) *spec.Port {
	return &spec.Port{Name: name, Enabled: true, SRIOV: &spec.SRIOV{Number: &n}}
}

// TestNoVirtualFunctions wants of an interface what its device does not have:
// refused where it is there, and told where it appears later.
func TestNoVirtualFunctions(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.apply(ports(access("p1", "office", 10)))
	was := b.readable()
	p1 := withVFs("p1", 2)
	p1.Description, p1.MTU = "other", 1400
	for what, err := range map[string]error{"check": b.Check(context.Background(), ports(p1)), "apply": b.Apply(context.Background(), ports(p1))} {
		var refused *spec.Invalid
		if !errors.As(err, &refused) || refused.Port != "p1" || refused.VF == nil || !strings.Contains(err.Error(), "no virtual functions") {
			t.Errorf("%s: %v, want a refusal of the SR-IOV of p1", what, err)
		}
	}
	if diff := cmp.Diff(was, b.readable()); diff != "" {
		t.Errorf("not as before (-want +got):\n%s", diff)
	}
	b.apply(ports(withVFs("p2", 2)))
	pending := func(want spec.VFPending) func(*spec.Interface) bool {
		return func(i *spec.Interface) bool { return i != nil && i.SRIOV != nil && i.SRIOV.Pending == want }
	}
	b.wait("p2 is waited for", pending(spec.VFPendingDevice), "p2")
	b.host("p2")
	b.wait("p2 is there", func(i *spec.Interface) bool { return i.Present }, "p2")
	b.wait("p2 still has none", pending(spec.VFPendingDevice), "p2")
	b.apply(ports(&spec.Port{Name: "p2", Enabled: true}))
	b.wait("p2 is told without", func(i *spec.Interface) bool { return i.SRIOV == nil }, "p2")
	if counters, _, err := b.VFCounters(context.Background()); err != nil || len(counters) > 0 {
		t.Errorf("counters %v, %v; want none", counters, err)
	}
}

// TestFunctionsAfterClose wants an answer, and no fault, from what was closed.
func TestFunctionsAfterClose(t *testing.T) {
	b := newBench(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, _, counters := b.VFCounters(ctx)
	for what, err := range map[string]error{"check": b.Check(ctx, spec.Change{}), "apply": b.Apply(ctx, spec.Change{}), "resync": b.Resync(ctx), "counters": counters} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", what, err)
		}
	}
	b.open()
}

func TestFunctionsFile(t *testing.T) {
	path := t.TempDir() + "/sriov-1.json"
	of := func(boot string) *functionsFile {
		return &functionsFile{sideFile{path: path, boot: boot, namespace: "1", version: functionsVersion}}
	}
	f := of("b")
	if got, err := f.load(); err != nil || got != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	n, on := uint16(3), true
	want := map[string]*sriov.Original{"eth1": {Number: &n, Autoprobe: &on, VFs: map[uint16]spec.VF{2: {Has: spec.VFMAC, MAC: station(1)}}}}
	if err := f.save(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.load()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := of("other").load(); err != nil || got != nil {
		t.Errorf("of another boot: %v, %v", got, err)
	}
	for text, fails := range map[string]bool{"{": true, `{"version":1,"boot":"b","namespace":"1","originals":{"eth1":null}}`: false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.load(); (err != nil) != fails || len(got) > 0 {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if err := f.save(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}
