package datapath

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/lacp"
	"github.com/signalbox/signalbox/datapath/spec"
)

func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	f, err := newRecordFile(dir, "/", "4711")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.load(); !errors.Is(err, errNoRecord) {
		t.Errorf("load before save: %v, want errNoRecord", err)
	}
	up, mtu, alias, mac := true, uint32(1500), "was here", spec.MAC{2, 0, 0, 0, 0, 1}
	dcb := device8()
	bridging := originalDCB{DCBX: &dcb.DCBX, ETS: &dcb.ETS, PFC: &dcb.PFC, Applications: &dcb.Applications}
	want := &record{
		Ports: map[string]int{"p1": 3}, Switches: map[string]int{"s": 1},
		Originals: map[uint32]*original{7: {Name: "p1", Up: &up, MTU: &mtu, Alias: &alias, MAC: &mac, DCB: bridging}, 8: {Name: "p2", Up: &up}},
	}
	if err := f.save(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	for name, g := range map[string]recordFile{
		"another boot":      {path: f.path, boot: "x", namespace: f.namespace},
		"another namespace": {path: f.path, boot: f.boot, namespace: "1"},
	} {
		if _, err := g.load(); !errors.Is(err, errNoRecord) {
			t.Errorf("load by %s: %v, want errNoRecord", name, err)
		}
	}
}

func TestRecordSweep(t *testing.T) {
	dir := t.TempDir()
	f, err := newRecordFile(dir, "/", "1")
	if err != nil {
		t.Fatal(err)
	}
	other := *f
	other.bpffs++
	for namespace, file := range map[string]*recordFile{"1": f, "2": f, "3": f, "4": &other} {
		g := *file
		g.path, g.namespace = filepath.Join(dir, "datapath-"+namespace+".json"), namespace
		if err := g.save(&record{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"datapath-5.json": "", "datapath-6.json": `{"version":1,"boot":"an earlier one","bpffs":1}`, "config.json": "{}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.sweep(func(namespace string) bool { return namespace == "2" }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"config.json", "datapath-1.json", "datapath-2.json", "datapath-4.json", "datapath-5.json"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestNamespaceGone leaves pins without an interface in a namespace that ends:
// the next instance, in another one, removes them.
func TestNamespaceGone(t *testing.T) {
	b := newBench(t)
	left := ""
	t.Run("an element that is killed, and its namespace", func(t *testing.T) {
		ns := lab.New(t)
		ns.Do(t, func() {
			if namespaceHandle() == nil {
				t.Log("the kernel, before Linux 6.18, has no handles of namespaces")
				return
			}
			d, err := Open(context.Background(), Options{BPFFS: b.bpffs, StateDir: b.dir})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			left = filepath.Join(b.bpffs, "signalbox", d.record.namespace)
			if err := d.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	})
	if left == "" {
		return
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	lab.Wait(t, "the pins to be removed", func() bool { // the kernel ends namespaces when it has time
		b.open()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(left)
		return errors.Is(err, os.ErrNotExist)
	})
	b.open()
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"b","namespace":"1","ports":{"p1":3},"originals":{"7":{"name":"p1","mac":[1,2,3,4,5,6]}}}`))
	f.Add([]byte(`{"version":1,"boot":"b","namespace":"1","ports":{"p1":-3,"p2":70000},"originals":{"7":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &recordFile{path: filepath.Join(t.TempDir(), "record"), boot: "b", namespace: "1"}
		if err := os.WriteFile(file.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := file.load()
		if err != nil {
			return
		}
		d := &Datapath{model: newModel()}
		d.restore(r)
		for name, n := range d.model.portNumbers.of {
			if n < 1 || n > spec.MaxPorts {
				t.Errorf("port %s has number %d", name, n)
			}
		}
		for _, o := range d.model.original {
			o.empty()
		}
	})
}

func FuzzLACPFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"b","namespace":"1","groups":{"lag":{"Ports":{"m1":{"Receive":5,"Mux":4,"Selected":2}}}}}`))
	f.Add([]byte(`{"version":1,"boot":"b","namespace":"1","groups":{"lag":{"Ports":{"m1":{"Receive":99,"Quiet":-5}}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &lacpFile{sideFile{path: filepath.Join(t.TempDir(), "lacp"), boot: "b", namespace: "1", version: lacpVersion}}
		if err := file.save(b); err != nil {
			t.Fatal(err)
		}
		groups, err := file.load()
		if err != nil {
			return
		}
		now := time.Unix(1000, 0)
		for _, s := range groups {
			g := lacp.New(lacp.Config{SystemID: spec.MAC{2}, Key: 1})
			g.Restore(now, s)
			for name := range s.Ports {
				g.SetPort(now, name, lacp.PortConfig{Number: 1, Up: true})
			}
			g.Advance(now.Add(time.Minute))
		}
	})
}
