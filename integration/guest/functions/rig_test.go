package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/vishvananda/netlink"
)

// soon is the bound of everything that comes by itself: the machine is emulated.
const soon = 60 * time.Second

// rig is an element in the guest's own network namespace, where the physical
// functions are.
type rig struct {
	*element.Process
	t       *testing.T
	ns      *topology.Namespace
	options element.Options
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getenv("SIGNALBOX_GUEST") == "" {
		t.Skip("this runs in a guest: see integration/guest")
	}
	r := &rig{t: t}
	var err error
	r.ns, err = topology.Current()
	ok(t, err)
	r.options = element.Options{Binary: os.Getenv(testenv.Binary), Namespace: r.ns, StateDir: t.TempDir()}
	r.Process, err = element.Start(t.Context(), r.options)
	ok(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the element's log:\n%s", r.Log())
		}
		ok(t, r.Process.Stop())
	})
	return r
}

// restart kills the element and starts it again.
func (r *rig) restart() {
	r.t.Helper()
	ok(r.t, r.Kill())
	r.start()
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	r.Process, err = element.Start(r.t.Context(), r.options)
	ok(r.t, err)
}

// step runs a part of a test, whose failure ends the whole of it.
func (r *rig) step(name string, f func(t *testing.T)) {
	r.t.Helper()
	began := time.Now()
	if !r.t.Run(name, f) {
		r.t.FailNow()
	}
	r.t.Logf("%s: %v", name, time.Since(began).Round(time.Millisecond))
}

// vf is the configuration of a virtual function.
type vf map[string]any

// sriov is the configuration of an interface: the leaves of sriov/config, and its
// virtual functions in the order of their numbers.
func sriov(name string, config map[string]any, vfs ...vf) *gpb.Update {
	var list []any
	for id, v := range vfs {
		if v == nil {
			continue
		}
		c := map[string]any{"id": id}
		for k, value := range v {
			c[k] = value
		}
		list = append(list, map[string]any{"id": id, "config": c})
	}
	part := map[string]any{"config": config}
	if list != nil {
		part["vfs"] = map[string]any{"vf": list}
	}
	return element.Update("/interfaces/interface[name="+name+"]", map[string]any{
		"name": name, "config": map[string]any{"name": name, "type": "iana-if-type:ethernetCsmacd"}, "signalbox-sriov:sriov": part,
	})
}

// replace makes an interface's SR-IOV this and nothing else, in one Set.
func (r *rig) replace(name string, config map[string]any, vfs ...vf) error {
	_, err := r.Set(r.t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{sriov(name, config, vfs...)}})
	return err
}

// leaf waits until a leaf below an interface's sriov has a value.
func (r *rig) leaf(t *testing.T, name, leaf, want string) {
	t.Helper()
	r.within(t, func() error {
		got, err := r.Text(r.t.Context(), "/interfaces/interface[name="+name+"]/sriov/"+leaf)
		if err == nil && got != want {
			err = fmt.Errorf("%s of %s is %s, want %s", leaf, name, got, want)
		}
		return err
	})
}

// within waits for a condition.
func (r *rig) within(t *testing.T, condition func() error) {
	t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) { // between two looks
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			all, lost := r.Leaves(context.Background(), "/interfaces/interface/sriov")
			t.Fatalf("not within %v: %v\n%v %v", soon, err, all, lost)
		}
	}
}

// kernel is how the kernel has a virtual function, as text.
func kernel(t *testing.T, name string, id int) string {
	t.Helper()
	l, err := netlink.LinkByName(name)
	ok(t, err)
	vfs := l.Attrs().Vfs
	if id >= len(vfs) {
		return "none"
	}
	v := vfs[id]
	return fmt.Sprintf("%s vlan %d/%d/%#x rate %d..%d spoof %t trust %d link %d", v.Mac, v.Vlan, v.Qos, v.VlanProto, v.MinTxRate, v.MaxTxRate, v.Spoofchk, v.Trust, v.LinkState)
}

// has waits until the kernel has a virtual function so.
func (r *rig) has(t *testing.T, name string, id int, want string) {
	t.Helper()
	r.within(t, func() error {
		if got := kernel(t, name, id); got != want {
			return fmt.Errorf("virtual function %d of %s: %s, want %s", id, name, got, want)
		}
		return nil
	})
}

// count is how many virtual functions sysfs says that there are.
func count(t *testing.T, name string) string {
	t.Helper()
	return read(t, "/sys/class/net/"+name+"/device/sriov_numvfs")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	ok(t, err)
	return strings.TrimSpace(string(b))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	ok(t, os.WriteFile(path, []byte(text), 0))
}

// pci is the address of a virtual function's device, and netdev the name of its
// interface in this namespace.
func pci(t *testing.T, name string, id int) string {
	t.Helper()
	target, err := os.Readlink(fmt.Sprintf("/sys/class/net/%s/device/virtfn%d", name, id))
	ok(t, err)
	return filepath.Base(target)
}

func (r *rig) netdev(t *testing.T, name string, id int) (found string) {
	t.Helper()
	r.within(t, func() error {
		names, err := filepath.Glob(fmt.Sprintf("/sys/class/net/%s/device/virtfn%d/net/*", name, id))
		if err != nil || len(names) != 1 {
			return fmt.Errorf("interfaces of virtual function %d: %q, %w", id, names, err)
		}
		found = filepath.Base(names[0])
		return nil
	})
	return found
}

// refused wants a Set to be refused with these texts in the error, and the kernel
// to be as it was.
func (r *rig) refused(t *testing.T, name string, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("it was taken, want an error with %q", texts)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q in it", err, text)
		}
	}
}

// everything is how the kernel has a physical function.
func everything(t *testing.T, name string) string {
	t.Helper()
	lines := []string{count(t, name)}
	l, err := netlink.LinkByName(name)
	ok(t, err)
	for id := range l.Attrs().Vfs {
		lines = append(lines, kernel(t, name, id))
	}
	return strings.Join(lines, "\n")
}

// monitor gives QEMU a command and waits for its answer.
func monitor(t *testing.T, command string) {
	t.Helper()
	ports, err := filepath.Glob("/sys/class/virtio-ports/*")
	ok(t, err)
	i := slices.IndexFunc(ports, func(p string) bool { return read(t, p+"/name") == "qmp" })
	if i < 0 {
		t.Fatal("no port to QEMU's monitor")
	}
	f, err := os.OpenFile("/dev/"+filepath.Base(ports[i]), os.O_RDWR, 0)
	ok(t, err)
	defer f.Close()
	answers := json.NewDecoder(f)
	for _, c := range []string{`{"execute":"qmp_capabilities"}`, command} {
		_, err := f.WriteString(c + "\n")
		ok(t, err)
		for {
			var a map[string]any
			ok(t, answers.Decode(&a))
			if a["error"] != nil && c == command {
				t.Fatalf("%s: %v", command, a["error"])
			}
			if a["return"] != nil || a["error"] != nil {
				break
			}
		}
	}
}

var errStill = errors.New("it is still there")
