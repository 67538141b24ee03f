package dcb_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/dcb"
	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// dial opens a connection and a watcher in a new namespace with a veth.
func dial(t *testing.T) (*dcb.Conn, *dcb.Watcher) {
	t.Helper()
	here := lab.New(t)
	here.Veth(t, "p1", lab.New(t), "eth0")
	var c *dcb.Conn
	var w *dcb.Watcher
	here.Do(t, func() {
		var err, failed error
		c, err = dcb.Dial()
		w, failed = dcb.Watch()
		if err := errors.Join(err, failed); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(c.Close)
	return c, w
}

// why is what the kernel must say of a veth: whether it has DCB at all, its
// symbols tell.
func why(t *testing.T) string {
	t.Helper()
	symbols, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(symbols), " dcb_doit") {
		return "the driver of the interface has no DCB (dcbnl)"
	}
	return "the kernel has no DCB (CONFIG_DCB)"
}

// TestAVethHasNone: what is no error to read is one to write.
func TestAVethHasNone(t *testing.T) {
	c, w := dial(t)
	defer w.Close()
	if got, err := c.Read("p1"); err != nil || got != (spec.DCBState{Reason: why(t)}) {
		t.Errorf("read: %+v, %v; want only the reason %q", got, err, why(t))
	}
	if got, ok, err := c.Counters("p1"); err != nil || ok || got != (spec.DCBCounters{}) {
		t.Errorf("counters: %+v, %v, %v; want none", got, ok, err)
	}
	for name, err := range map[string]error{
		"mode": c.SetDCBX("p1", spec.DCBXHost), "ETS": c.SetETS("p1", spec.ETS{}), "PFC": c.SetPFC("p1", spec.PFC{}),
		"applications": c.SetApplications("p1", ""),
	} {
		if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), "p1") {
			t.Errorf("set %s: %v, want EOPNOTSUPP with the name", name, err)
		}
	}
}

func TestNoInterface(t *testing.T) {
	c, w := dial(t)
	defer w.Close()
	_, err := c.Read("none0")
	_, _, counting := c.Counters("none0")
	for name, err := range map[string]error{"read": err, "counters": counting, "set": c.SetPFC("none0", spec.PFC{})} {
		if why(t) == "the kernel has no DCB (CONFIG_DCB)" {
			continue // and so knows no interface by it
		}
		if !errors.Is(err, unix.ENODEV) {
			t.Errorf("%s: %v, want ENODEV", name, err)
		}
	}
}

// TestWatcherEnds: nothing is heard, and it ends when it is told to.
func TestWatcherEnds(t *testing.T) {
	_, w := dial(t)
	if c := w.Take(); c.All || len(c.Names) > 0 {
		t.Errorf("changes %+v, want none", c)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
