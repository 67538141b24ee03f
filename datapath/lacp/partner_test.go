package lacp_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/lacp"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// need skips the test where programs are missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed, and not in PATH by \"make test\"", p)
		}
	}
}

// driver runs a group over real interfaces.
type driver struct {
	mu      sync.Mutex // guards what follows
	group   *lacp.Group
	sockets map[string]*netdev.GroupSocket

	quit, done chan struct{}
}

func drive(t *testing.T, ns *lab.NS, c lacp.Config, ports ...string) *driver {
	t.Helper()
	d := &driver{group: lacp.New(c), sockets: map[string]*netdev.GroupSocket{}, quit: make(chan struct{}), done: make(chan struct{})}
	var conn *netdev.Conn
	ns.Do(t, func() {
		var err error
		if conn, err = netdev.Dial(); err != nil {
			t.Error(err)
		}
	})
	for i, name := range ports {
		s, err := conn.GroupSocket(netdev.SlowProtocols, uint32(ns.Link(t, name).Attrs().Index), func(pdu []byte) {
			d.do(t, func(now time.Time) { d.group.Receive(now, name, pdu) })
		})
		if err != nil {
			t.Fatal(err)
		}
		d.do(t, func(now time.Time) {
			d.sockets[name] = s
			d.group.SetPort(now, name, lacp.PortConfig{Number: uint16(i + 1), Priority: spec.DefaultPortPriority, SpeedMegabits: 10000, Up: true})
		})
	}
	go d.run(t)
	t.Cleanup(func() {
		close(d.quit)
		<-d.done
		for _, s := range d.sockets {
			s.Close()
		}
		conn.Close()
	})
	return d
}

func (d *driver) run(t *testing.T) {
	defer close(d.done)
	for {
		select {
		case <-d.quit:
			return
		case <-time.After(5 * time.Millisecond):
			d.do(t, d.group.Advance)
		}
	}
}

// do lets something happen to the group, and sends what it wants to send.
func (d *driver) do(t *testing.T, f func(now time.Time)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(time.Now())
	for _, out := range d.group.Outbox() {
		if err := d.sockets[out.Port].Send(out.PDU); err != nil {
			t.Error(err)
		}
	}
}

// distributing says whether all ports do, and how they are.
func (d *driver) distributing() (all bool, how string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all = true
	for _, name := range d.group.Ports() {
		m, v := d.group.Member(name)
		all = all && v.Distributing
		how += fmt.Sprintf("%s: %#x, partner %#x, %v\n", name, m.Actor.State, m.Partner.State, v.Reason)
	}
	return all, how
}

// Open vSwitch, in its datapath in user space, as the partner of two ports.
func TestOpenVSwitch(t *testing.T) {
	need(t, "ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovs-appctl", "ovs-vswitchd")
	for _, rate := range []string{"fast", "slow"} {
		t.Run(rate, func(t *testing.T) {
			here, there := lab.New(t), lab.New(t)
			for _, name := range []string{"m0", "m1"} {
				here.Veth(t, name, there, name)
				here.SetUp(t, name, true)
				there.SetUp(t, name, true)
			}
			ovs := openVSwitch(t, there)
			ovs("ovs-vsctl", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
			ovs("ovs-vsctl", "add-bond", "br0", "bond0", "m0", "m1", "lacp=active", "bond_mode=balance-tcp", "other_config:lacp-time="+rate)
			begin := time.Now()
			d := drive(t, here, lacp.Config{SystemID: spec.MAC{2, 0, 0, 0, 0, 1}, SystemPriority: 1000, Key: 7, Fast: rate == "fast"}, "m0", "m1")
			lab.Wait(t, "both ports carry traffic", func() bool { all, _ := d.distributing(); return all })
			_, how := d.distributing()
			t.Logf("after %v:\n%s", time.Since(begin), how)
			lab.Wait(t, "Open vSwitch has both ports", func() bool {
				return strings.Count(ovs("ovs-appctl", "lacp/show", "bond0"), "current attached") == 2
			})
			t.Log(ovs("ovs-appctl", "lacp/show", "bond0"))
		})
	}
}

// openVSwitch starts one in a namespace, and hands over how to run its tools.
func openVSwitch(t *testing.T, ns *lab.NS) func(command ...string) string {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "OVS_DBDIR="+dir, "OVS_SYSCONFDIR="+dir)
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(args[0], args[1:]...)
		c.Env = env
		return c
	}
	run := func(args ...string) string {
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	start := func(args ...string) {
		c := command(args...)
		ns.Do(t, func() {
			if err := c.Start(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() {
			c.Process.Kill()
			c.Wait()
		})
	}
	db := filepath.Join(dir, "db.sock")
	run("ovsdb-tool", "create", filepath.Join(dir, "conf.db"))
	start("ovsdb-server", filepath.Join(dir, "conf.db"), "--remote=punix:"+db, "--log-file="+filepath.Join(dir, "db.log"), "--pidfile="+filepath.Join(dir, "ovsdb-server.pid"))
	lab.Wait(t, "the database listens", func() bool { _, err := os.Stat(db); return err == nil })
	run("ovs-vsctl", "--no-wait", "init")
	start("ovs-vswitchd", "unix:"+db, "--log-file="+filepath.Join(dir, "vs.log"), "--pidfile="+filepath.Join(dir, "ovs-vswitchd.pid"))
	lab.Wait(t, "the switch listens", func() bool {
		_, err := os.Stat(filepath.Join(dir, "ovs-vswitchd.pid"))
		return err == nil
	})
	return run
}

// Every PDU of every script is as Wireshark wants it.
func TestWireshark(t *testing.T) {
	var frames [][]byte
	for _, pdu := range lacp.ScriptedPDUs(t) {
		frames = append(frames, append([]byte("\x01\x80\xc2\x00\x00\x02\x02\x00\x00\x00\x00\x01\x88\x09"), pdu...))
	}
	tshark := lab.Wireshark(t, frames)
	for _, line := range tshark("_ws.expert or _ws.malformed or _ws.short") {
		t.Errorf("tshark complains: %s", line)
	}
	for filter, least := range map[string]int{
		"lacp or marker": len(frames),
		"lacp.actor.state == 0x3f and lacp.partner.state == 0x3f and lacp.actor.sysid == 02:00:00:00:00:0a": 1,
		"lacp.partner.sysid == 02:00:00:00:00:0b and lacp.partner.port == 11":                               1,
		"marker.tlvType == 2 and marker.requesterTransId == 42":                                             1,
	} {
		if n := len(tshark(filter)); n < least {
			t.Errorf("tshark finds %d frames with %s, want %d", n, filter, least)
		}
	}
}
