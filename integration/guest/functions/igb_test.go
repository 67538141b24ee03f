package functions

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
	"github.com/vishvananda/netlink"
)

const (
	pf   = "eth0" // of the element
	wire = "eth1" // the other end of its wire
	most = 7      // virtual functions that the device can have
)

func address(id int) string { return fmt.Sprintf("52:54:00:bb:00:%02x", id) }

// full is a virtual function with all that igb can, and the text is how the
// kernel then has it.
func full(id int) vf {
	return vf{"mac-address": address(id), "vlan-id": 100 + id, "vlan-pcp": 3, "max-tx-rate": 200 + id, "spoof-check": false, "trust": true}
}

func fullText(id int) string {
	return fmt.Sprintf("%s vlan %d/3/0x8100 rate 0..%d spoof false trust 1 link 0", address(id), 100+id, 200+id)
}

func config(n int, more ...any) map[string]any {
	c := map[string]any{"num-vfs": n}
	for i := 0; i < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

// TestIgb goes through the life of virtual functions of an Intel 82576.
func TestIgb(t *testing.T) {
	r := newRig(t)
	r.step("unconfigured", func(t *testing.T) {
		r.leaf(t, pf, "state/total-vfs", fmt.Sprint(most))
		r.leaf(t, pf, "state/num-vfs", "0")
		r.leaf(t, pf, "state/driver", "igb")
		r.leaf(t, pf, "state/pci-address", pciOf(t, pf))
	})
	r.step("refused without functions", r.refusedWithout)
	r.step("all at once", r.allAtOnce)
	r.step("refused with functions", r.refusedWith)
	r.step("taken back", r.takenBack)
	r.step("on the wire", r.onTheWire)
	r.step("in use", r.inUse)
	r.step("drift", r.drift)
	r.step("forgotten", r.forgotten)
	r.step("restart", r.restarted)
	r.step("command line", r.shown)
	r.step("given back", func(t *testing.T) {
		_, err := r.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=" + pf + "]")}})
		ok(t, err)
		if n := count(t, pf); n != "0" {
			t.Errorf("%s virtual functions, want 0 as it was found", n)
		}
	})
	r.step("flushed", func(t *testing.T) {
		ok(t, r.replace(pf, config(2), full(0)))
		ok(t, r.Process.Stop())
		ok(t, element.Flush(t.Context(), r.options.Binary, r.ns))
		if n := count(t, pf); n != "0" {
			t.Errorf("%s virtual functions, want 0 as it was found", n)
		}
		r.start()
	})
}

func pciOf(t *testing.T, name string) string {
	t.Helper()
	target, err := os.Readlink("/sys/class/net/" + name + "/device")
	ok(t, err)
	return filepath.Base(target)
}

func (r *rig) refusedWithout(t *testing.T) {
	const front = "/interfaces/interface[name=eth0]/sriov"
	was := everything(t, pf)
	for _, tt := range []struct {
		name, path, reason string
		err                error
	}{
		{"more than there can be", front + "/config/num-vfs", "at most 7", r.replace(pf, config(most+1))},
		{"beyond the number", front + "/vfs/vf[id=2]", "num-vfs", r.replace(pf, config(2), nil, nil, vf{"trust": true})},
		{"VLAN 4095", "vlan-id", "4095", r.replace(pf, config(1), vf{"vlan-id": 4095})},
		{"a group's address", front + "/vfs/vf[id=0]/config/mac-address", "group", r.replace(pf, config(1), vf{"mac-address": "01:00:00:00:00:01"})},
		{"one address twice", front + "/vfs/vf[id=1]/config/mac-address", "virtual function 0", r.replace(pf, config(2), vf{"mac-address": address(1)}, vf{"mac-address": address(1)})},
		{"an assured rate", front + "/vfs/vf[id=0]/config/min-tx-rate", "igb", r.replace(pf, config(1), vf{"min-tx-rate": 10})},
		{"a link", front + "/vfs/vf[id=0]/config/link-state", "igb", r.replace(pf, config(1), vf{"link-state": "ENABLE"})},
		{"a service tag", front + "/vfs/vf[id=0]/config/vlan-id", "TPID_0X88A8", r.replace(pf, config(1), vf{"vlan-id": 5, "vlan-tpid": "TPID_0X88A8"})},
		{"least above most", front + "/vfs/vf[id=0]/config/min-tx-rate", "max-tx-rate", r.replace(pf, config(1), vf{"min-tx-rate": 20, "max-tx-rate": 10})},
		{"what has none", "/interfaces/interface[name=d0]/sriov", "no virtual functions", r.onDummy(t)},
	} {
		t.Run(tt.name, func(t *testing.T) { r.refused(t, pf, tt.err, tt.path, tt.reason) })
	}
	if is := everything(t, pf); is != was {
		t.Errorf("it was %s, and is %s", was, is)
	}
}

func (r *rig) onDummy(t *testing.T) error {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "d0"
	ok(t, netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}))
	err := r.replace("d0", config(1))
	return err
}

// allAtOnce makes all virtual functions with all attributes by one Set, and
// compares its time with that of the driver alone.
func (r *rig) allAtOnce(t *testing.T) {
	ok(t, r.ns.SetUp(pf, true))
	r.within(t, func() error { return carrier(pf, "1") })
	began := time.Now()
	write(t, "/sys/class/net/"+pf+"/device/sriov_numvfs", fmt.Sprint(most))
	r.within(t, func() error { return carrier(pf, "1") })
	alone := time.Since(began)
	write(t, "/sys/class/net/"+pf+"/device/sriov_numvfs", "0")
	r.within(t, func() error { return carrier(pf, "1") })
	var vfs []vf
	for id := range most {
		vfs = append(vfs, full(id))
	}
	began = time.Now()
	ok(t, r.replace(pf, config(most), vfs...))
	t.Logf("0 to %d virtual functions with all attributes: %v; the driver alone, until its carrier is back: %v", most, time.Since(began), alone)
	r.allThere(t)
}

// allThere wants the kernel, the interfaces of the functions and what is told to
// be as allAtOnce made them.
func (r *rig) allThere(t *testing.T) {
	t.Helper()
	for id := range most {
		r.has(t, pf, id, fullText(id))
		if got := read(t, "/sys/class/net/"+r.netdev(t, pf, id)+"/address"); got != address(id) {
			t.Errorf("the interface of virtual function %d has %s, want %s", id, got, address(id))
		}
	}
	front := fmt.Sprintf("vfs/vf[id=%d]/state/", most-1)
	r.leaf(t, pf, "state/pending-action", "NONE")
	r.leaf(t, pf, front+"mac-address", address(most-1))
	r.leaf(t, pf, front+"vlan-id", fmt.Sprint(100+most-1))
	r.leaf(t, pf, front+"vlan-pcp", "3")
	r.leaf(t, pf, front+"vlan-tpid", "TPID_0X8100")
	r.leaf(t, pf, front+"max-tx-rate", fmt.Sprint(200+most-1))
	r.leaf(t, pf, front+"spoof-check", "false")
	r.leaf(t, pf, front+"trust", "true")
	r.leaf(t, pf, front+"driver", "igbvf")
	r.leaf(t, pf, front+"pci-address", pci(t, pf, most-1))
	r.leaf(t, pf, front+"netdev", r.netdev(t, pf, most-1))
	r.leaf(t, pf, front+"used-by", "NONE")
	r.leaf(t, pf, "state/free-vfs", fmt.Sprint(most))
}

func carrier(name, want string) error {
	b, err := os.ReadFile("/sys/class/net/" + name + "/carrier")
	if got := strings.TrimSpace(string(b)); err == nil && got != want {
		err = fmt.Errorf("carrier of %s is %s, want %s", name, got, want)
	}
	return err
}

func (r *rig) refusedWith(t *testing.T) {
	was := everything(t, pf)
	vfs := func(v vf) []vf { return []vf{v} }
	r.refused(t, pf, r.replace(pf, config(most), vfs(vf{"max-tx-rate": 20000})...), "/vfs/vf[id=0]/config/max-tx-rate", "1000 Mbit/s")
	r.refused(t, pf, r.replace(pf, map[string]any{}, nil, nil, nil, nil, nil, nil, nil, nil, nil, vf{"trust": true}), "/vfs/vf[id=9]", "there are 7")
	if is := everything(t, pf); is != was {
		t.Errorf("it was %s, and is %s", was, is)
	}
}

// takenBack has the kernel refuse one thing in the middle: an interface that is
// down has no carrier, without which igb takes no rate.
func (r *rig) takenBack(t *testing.T) {
	was := everything(t, pf)
	u := sriov(pf, config(3), full(0), vf{"max-tx-rate": 444})
	_, err := r.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{u}, Update: []*gpb.Update{
		element.Update("/interfaces/interface[name="+pf+"]/config", map[string]any{"enabled": false, "description": "new"})}})
	r.refused(t, pf, err, "max-tx-rate", "carrier")
	r.within(t, func() error { return carrier(pf, "1") })
	if is := everything(t, pf); is != was {
		t.Errorf("it was\n%s\nand is\n%s", was, is)
	}
	r.leafOf(t, "/interfaces/interface[name="+pf+"]/state/enabled", "true")
	r.allThere(t)
}

func (r *rig) leafOf(t *testing.T, path, want string) {
	t.Helper()
	r.within(t, func() error {
		got, err := r.Text(t.Context(), path)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %s, want %s", path, got, want)
		}
		return err
	})
}

// onTheWire has two functions in namespaces of their own, one of which has a tag:
// the other end of the wire sees each in its VLAN, and they do not see each other.
func (r *rig) onTheWire(t *testing.T) {
	ok(t, r.replace(pf, config(2), vf{"mac-address": address(1), "trust": false}, vf{"mac-address": address(2), "vlan-id": 100, "vlan-pcp": 5}))
	other := testenv.Namespace(t)
	ok(t, r.ns.Move(wire, topology.End{Namespace: other, Name: wire}))
	ok(t, other.Promiscuous(wire))
	t.Cleanup(func() { ok(t, other.Move(wire, topology.End{Namespace: r.ns, Name: wire})) })
	users := make([]*traffic.Socket, 2)
	for id := range users {
		ns := testenv.Namespace(t)
		name := r.netdev(t, pf, id)
		ok(t, r.ns.Move(name, topology.End{Namespace: ns, Name: name}))
		t.Cleanup(func() { ok(t, ns.Move(name, topology.End{Namespace: r.ns, Name: name, Down: true})) })
		ok(t, ns.AwaitRunning(name, soon))
		s, err := traffic.Open(ns, name)
		ok(t, err)
		t.Cleanup(func() { ok(t, s.Close()) })
		users[id] = s
		r.leaf(t, pf, fmt.Sprintf("vfs/vf[id=%d]/state/used-by", id), "ELSEWHERE")
	}
	ok(t, other.AwaitRunning(wire, soon))
	at, err := traffic.Open(other, wire)
	ok(t, err)
	t.Cleanup(func() { ok(t, at.Close()) })
	r.isolated(t, users, at)
	r.refused(t, pf, r.replace(pf, config(3)), "/config/num-vfs", "0 (ELSEWHERE), 1 (ELSEWHERE)", "on-shrink")
	if n := count(t, pf); n != "2" {
		t.Errorf("%s virtual functions, want 2", n)
	}
}

// isolated sends from each function to everybody, and back.
func (r *rig) isolated(t *testing.T, users []*traffic.Socket, at *traffic.Socket) {
	t.Helper()
	for id, user := range users {
		want := uint16(0)
		if id == 1 {
			want = 5<<13 | 100
		}
		r.within(t, func() error {
			if err := user.Send(traffic.Frame{Dst: traffic.Broadcast, Src: hardware(t, address(id+1))}.Bytes(60)); err != nil {
				return err
			}
			f, err := at.Receive(time.Second, func(f traffic.Frame) bool { return f.Src.String() == address(id+1) })
			if err == nil && f.TCI != want {
				t.Fatalf("the wire sees tag %#04x of virtual function %d, want %#04x", f.TCI, id, want)
			}
			return err
		})
	}
	// What comes in at the first after all that saw nothing of the second.
	saw := false
	r.within(t, func() error {
		if err := at.Send(traffic.Frame{Dst: traffic.Broadcast, Src: hardware(t, address(50))}.Bytes(60)); err != nil {
			return err
		}
		_, err := users[0].Receive(time.Second, func(f traffic.Frame) bool {
			saw = saw || f.Src.String() == address(2)
			return f.Src.String() == address(50)
		})
		return err
	})
	if saw {
		t.Error("a function without a tag saw one of VLAN 100")
	}
}

func hardware(t *testing.T, text string) net.HardwareAddr {
	t.Helper()
	mac, err := net.ParseMAC(text)
	ok(t, err)
	return mac
}

// inUse has an interface in this namespace be up.
func (r *rig) inUse(t *testing.T) {
	ok(t, r.replace(pf, config(2), vf{"vlan-id": 7}))
	name := r.netdev(t, pf, 1)
	ok(t, r.ns.SetUp(name, true))
	r.leaf(t, pf, "vfs/vf[id=1]/state/used-by", "HOST")
	r.leaf(t, pf, "vfs/vf[id=1]/state/link-up", "true")
	r.leaf(t, pf, "state/free-vfs", "1")
	r.counted(t, 1, name)
	r.refused(t, pf, r.replace(pf, config(1), vf{"vlan-id": 7}), "/config/num-vfs", "1 (HOST)")
	ok(t, r.replace(pf, config(2), vf{"vlan-id": 7}, vf{"mac-address": address(9)}))
	r.leaf(t, pf, "state/pending-action", "REBIND")
	r.leaf(t, pf, "vfs/vf[id=1]/state/rebind-pending", "true")
	ok(t, r.replace(pf, config(3, "on-shrink", "FORCE"), vf{"vlan-id": 7}))
	r.has(t, pf, 0, strings.Replace(kernel(t, pf, 0), "vlan 0", "vlan 7", 1))
	if n := count(t, pf); n != "3" {
		t.Errorf("%s virtual functions, want 3", n)
	}
}

// counted sends by the interface of a function, which is then told.
func (r *rig) counted(t *testing.T, id int, name string) {
	t.Helper()
	const frames = 25
	ok(t, r.ns.AwaitRunning(name, soon))
	s, err := traffic.Open(r.ns, name)
	ok(t, err)
	defer s.Close()
	out := func() (n uint64) {
		leaves, err := r.Leaves(t.Context(), fmt.Sprintf("/interfaces/interface[name=%s]/sriov/vfs/vf[id=%d]/state/counters/out-pkts", pf, id))
		ok(t, err)
		for _, v := range leaves {
			n = v.GetUintVal()
		}
		return n
	}
	before := out()
	for range frames {
		ok(t, s.Send(traffic.Frame{Dst: traffic.Broadcast, Src: hardware(t, read(t, "/sys/class/net/"+name+"/address"))}.Bytes(60)))
	}
	r.within(t, func() error {
		if n := out() - before; n < frames {
			return fmt.Errorf("%d frames of %d are counted", n, frames)
		}
		return nil
	})
}

// drift changes something by hand.
func (r *rig) drift(t *testing.T) {
	l, err := netlink.LinkByName(pf)
	ok(t, err)
	ok(t, r.replace(pf, config(2), full(0), full(1)))
	told := r.watch(t, "/interfaces/interface[name="+pf+"]/sriov/vfs/vf[id=0]/state/vlan-id")
	began := time.Now()
	ok(t, netlink.LinkSetVfVlanQos(l, 0, 999, 0))
	told(999)
	t.Logf("a change by hand was told to a subscriber after %v", time.Since(began))
	r.leaf(t, pf, "state/pending-action", "SET")
	r.leaf(t, pf, "vfs/vf[id=0]/state/vlan-id", "999")
	ok(t, r.replace(pf, config(2, "on-drift", "REPAIR"), full(0), full(1)))
	r.has(t, pf, 0, fullText(0))
	ok(t, netlink.LinkSetVfVlanQos(l, 1, 999, 0))
	r.has(t, pf, 1, fullText(1))
	r.leaf(t, pf, "state/pending-action", "NONE")
}

// watch subscribes to a leaf, on change; told waits until it is told to have a
// value.
func (r *rig) watch(t *testing.T, path string) (told func(uint64)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	stream, err := r.Subscribe(ctx)
	ok(t, err)
	ok(t, stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(path), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}}))
	for {
		answer, err := stream.Recv()
		ok(t, err)
		if answer.GetSyncResponse() {
			break
		}
	}
	return func(want uint64) {
		t.Helper()
		for {
			answer, err := stream.Recv()
			ok(t, err)
			for _, u := range answer.GetUpdate().GetUpdate() {
				if u.GetVal().GetUintVal() == want {
					return
				}
			}
		}
	}
}

// forgotten has the device forget everything in each way that a host has.
func (r *rig) forgotten(t *testing.T) {
	ok(t, r.replace(pf, config(2), full(0), full(1)))
	for name, happens := range map[string]func(t *testing.T){
		"made anew by hand": func(t *testing.T) {
			write(t, "/sys/class/net/"+pf+"/device/sriov_numvfs", "0")
			write(t, "/sys/class/net/"+pf+"/device/sriov_numvfs", "2")
		},
		"a reset of the function": func(t *testing.T) {
			name := r.netdev(t, pf, 1)
			ok(t, r.ns.SetUp(name, true)) // igbvf never returns from the reset of one that is down
			write(t, "/sys/bus/pci/devices/"+pci(t, pf, 1)+"/reset", "1")
			ok(t, r.ns.SetUp(name, false))
		},
		"a driver loaded again": func(t *testing.T) {
			device := pciOf(t, pf)
			write(t, "/sys/bus/pci/drivers/igb/unbind", device)
			r.leaf(t, pf, "state/pending-action", "WAIT_FOR_INTERFACE")
			write(t, "/sys/bus/pci/drivers/igb/bind", device)
		},
	} {
		t.Run(name, func(t *testing.T) {
			happens(t)
			for id := range 2 {
				r.has(t, pf, id, fullText(id))
			}
			r.leaf(t, pf, "state/pending-action", "NONE")
		})
	}
}

// restarted kills the element; nobody notices, and what was found before is known
// to the next one.
func (r *rig) restarted(t *testing.T) {
	ok(t, r.replace(pf, config(2, "drivers-autoprobe", true), full(0), full(1)))
	r.follows(t, pf, 16)
	name := r.netdev(t, pf, 1)
	index, err := r.ns.Index(name)
	ok(t, err)
	ok(t, r.ns.SetUp(name, true))
	r.restart()
	for id := range 2 {
		r.has(t, pf, id, fullText(id))
	}
	r.leaf(t, pf, "state/pending-action", "NONE")
	if now, err := r.ns.Index(name); err != nil || now != index {
		t.Errorf("the interface was %d, is %d, %v", index, now, err)
	}
	ok(t, r.ns.SetUp(name, false))
	r.leaf(t, pf, "vfs/vf[id=1]/state/used-by", "NONE")
}

// shown asks by the command line.
func (r *rig) shown(t *testing.T) {
	ok(t, r.replace(pf, config(3), vf{"mac-address": address(1), "vlan-id": 100}))
	out, err := r.ns.Run(t.Context(), r.options.Binary, "show", "sriov", pf, "--ca", r.options.Certificate())
	t.Logf("\n%s", out)
	ok(t, err)
	for _, want := range []string{"igb", pciOf(t, pf), address(1), "100", r.netdev(t, pf, 2)} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not shown", want)
		}
	}
}
