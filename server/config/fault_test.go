package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/journal"
	"github.com/signalbox/signalbox/server/openconfig"
)

// faulty lets operations of a folder fail while fail is set.
type faulty struct {
	journal.FS
	mu   sync.Mutex
	fail func(op string) error
}

func (f *faulty) check(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		return nil
	}
	return f.fail(op)
}

func (f *faulty) Open(name string, flag int) (journal.File, error) {
	if err := f.check("open " + name); err != nil {
		return nil, err
	}
	file, err := f.FS.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

func (f *faulty) Rename(from, to string) error {
	return errors.Join(f.check("rename "+from), f.FS.Rename(from, to))
}

func (f *faulty) Sync() error { return errors.Join(f.check("sync folder"), f.FS.Sync()) }

type faultyFile struct {
	journal.File
	fs   *faulty
	name string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.check("write " + f.name); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	return errors.Join(f.fs.check("sync "+f.name), f.File.Sync())
}

func (f *faultyFile) Truncate(size int64) error {
	return errors.Join(f.fs.check("truncate "+f.name), f.File.Truncate(size))
}

func TestG11_AFailedSetChangesNothing(t *testing.T) {
	errKernel := errors.New("port p1: no such device")
	tests := []struct {
		name   string
		device func(*recorder)
		disk   string // the operation that fails, "" for none
		cause  error
		kind   openconfig.Kind
		reason string
	}{
		{"check refuses", func(r *recorder) { r.check = &spec.Invalid{Port: "p1", Reason: "there are 4095 switch ports already"} }, "", nil, openconfig.Invalid, p1 + ": there are"},
		{"kernel refuses", func(r *recorder) { r.apply = errKernel }, "", nil, openconfig.Unavailable, "no such device"},
		{"disk full", nil, "write journal", syscall.ENOSPC, openconfig.Exhausted, "no space left"},
		{"disk fails", nil, "sync journal", syscall.EIO, openconfig.Unavailable, "input/output error"},
		{"disk fails wholly", nil, " journal", syscall.EIO, openconfig.Unavailable, "input/output error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := &faulty{}
			e := open(t, t.TempDir(), func(o *Options) { disk.FS = journal.Dir(o.Dir); o.fs = disk })
			e.set(t, port("p1"), l2)
			before, wanted, commits := e.text(), e.device.wanted(), len(e.commits)
			if tt.device != nil {
				tt.device(e.device)
			}
			if tt.disk != "" {
				disk.fail = func(op string) error {
					if strings.Contains(op, tt.disk) {
						return tt.cause
					}
					return nil
				}
			}
			_, err := e.Set(context.Background(), request(t, "update "+p1+"/config/mtu 1400", port("p2"), "delete "+blue))
			e.refused(t, err, tt.kind, tt.reason)
			if e.text() != before || len(e.commits) != commits {
				t.Errorf("tree or telemetry changed: %s", cmp.Diff(before, e.text()))
			}
			if diff := cmp.Diff(wanted, e.device.wanted()); diff != "" {
				t.Errorf("the datapath changed: %s", diff)
			}
			e.device.check, e.device.apply, disk.fail = nil, nil, nil
			e.set(t, "update "+p1+"/config/mtu 1500") // the fault is over
			want := e.text()
			if got := reopen(t, e).text(); got != want || !strings.Contains(got, "mtu = 1500") {
				t.Errorf("after a restart: %s", cmp.Diff(want, got))
			}
		})
	}
}

func TestDamagedFilesAreSaidLoudly(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p1"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.dir)
	e.set(t, port("p2"))
	want := e.text()
	e.set(t, port("p3"))
	if err := e.release(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(e.dir, "journal")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := data[:len(data)-7]
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.dir)
	if got := e.text(); got != want {
		t.Errorf("last good version: %s", cmp.Diff(want, got))
	}
	if log := e.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "torn") {
		t.Errorf("the log says only:\n%s", log)
	}
	kept, err := filepath.Glob(filepath.Join(e.dir, "journal.kept-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	if got, _ := os.ReadFile(kept[0]); string(got) != string(torn) {
		t.Error("the torn journal was not kept as it was")
	}
}

func TestAConfigurationThatMakesNoSenseIsNotLoaded(t *testing.T) {
	tests := []struct{ name, document, want string }{
		{"not JSON", "hello", "JSON"},
		{"unknown leaf", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"p1","config":{"mut":1}}]}}`, "/interfaces/interface[name=p1]/config/mut"},
		{"invalid", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"lo","config":{"type":"iana-if-type:ethernetCsmacd"}}]}}`, "loopback"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config.json")
			if err := os.WriteFile(path, []byte(tt.document), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := tryOpen(t, dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("open: %v, want an error with %q", err, tt.want)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.document {
				t.Error("the file was changed")
			}
		})
	}
}

func TestStartFailsWhereTheDeviceRefuses(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p1"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := tryOpen(t, e.dir, func(o *Options) {
		r := newRecorder()
		r.check = &spec.Invalid{Port: "p1", Reason: "no switch port: it is a bridge"}
		o.Device = r
	})
	if err == nil || !strings.Contains(err.Error(), p1+": no switch port") {
		t.Errorf("open: %v", err)
	}
	open(t, e.dir) // the folder was left
}

func TestOneStoreForAFolder(t *testing.T) {
	e := open(t, t.TempDir())
	if _, err := tryOpen(t, e.dir); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
}

func TestSetAfterClose(t *testing.T) {
	e := open(t, t.TempDir())
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := e.Set(context.Background(), request(t, port("p1")))
	e.refused(t, err, openconfig.Unavailable, "shutting down")
}

func TestSetWaitsNoLongerThanItsContext(t *testing.T) {
	e := open(t, t.TempDir())
	<-e.turn
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Set(ctx, request(t, port("p1"))); !errors.Is(err, context.Canceled) {
		t.Errorf("set: %v", err)
	}
	e.turn <- struct{}{}
}

func TestG22_ConcurrentSetsAreSerialised(t *testing.T) {
	e := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			name := "p" + string(rune('0'+i))
			for _, line := range []string{port(name), "update /interfaces/interface[name=" + name + "]/config/mtu 1400"} {
				if _, err := e.Set(context.Background(), request(t, line)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if n := strings.Count(e.text(), "mtu = 1400"); n != 8 {
		t.Errorf("%d of 8 interfaces are complete", n)
	}
	want := e.text()
	if got := reopen(t, e).text(); got != want {
		t.Errorf("after a restart: %s", cmp.Diff(want, got))
	}
}

func TestG22_TenThousandLeavesAreOneTransaction(t *testing.T) {
	e := open(t, t.TempDir())
	var lines []string
	for i := range 2500 {
		name := "p" + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + string(rune('0'+i/26%10)) + string(rune('0'+i/260))
		lines = append(lines, `update /interfaces/interface[name=`+name+`]/config {"type":"ethernetCsmacd","mtu":1400,"enabled":false,"description":"d"}`)
	}
	before := len(e.commits)
	e.set(t, lines...)
	if len(e.commits) != before+1 || e.device.applied != 2 {
		t.Errorf("%d commits, %d applications", len(e.commits)-before, e.device.applied-1)
	}
	want := e.text()
	if got := reopen(t, e).text(); got != want {
		t.Error("the tree after a restart is another")
	}
}
