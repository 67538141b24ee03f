package endtoend

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
)

// lldpd is a running daemon of Debian's in a namespace.
type lldpd struct {
	t         *testing.T
	root      *debian.Root
	namespace *topology.Namespace
	socket    string
	stop      func()
}

// separation lets lldpd find its user and its folders, in a mount namespace of
// its own: nothing of the machine changes.
const separation = `set -e
mount -t tmpfs none /run
mkdir -p /run/lldpd
for f in passwd group; do cp /etc/$f /run/$f; done
echo '_lldpd:x:64999:64999::/run/lldpd:/bin/false' >> /run/passwd
echo '_lldpd:x:64999:' >> /run/group
for f in passwd group; do mount --bind /run/$f /etc/$f; done
exec "$@"
`

func startLLDPD(t *testing.T, root *debian.Root, n *topology.Namespace) *lldpd {
	t.Helper()
	d := &lldpd{t: t, root: root, namespace: n, socket: filepath.Join(t.TempDir(), "lldpd.socket")}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	words := append([]string{"--mount", "sh", "-c", separation, "sh"}, root.Args("usr/sbin/lldpd")...)
	words = append(words, "-d", "-u", d.socket, "-L", "", "-S", "a neighbor", "-C", "eth0", "-m", "10.0.0.*")
	p := n.Command(context.Background(), "unshare", words...)
	p.Stdout, p.Stderr = log, log
	if err := n.Start(p); err != nil {
		t.Fatal(err)
	}
	stopped := false
	d.stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = p.Process.Signal(syscall.SIGTERM) // perhaps it has ended before
		_ = p.Wait()
	}
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("lldpd's log:\n%s", text)
		}
	})
	testenv.Within(t, soon, func() error { _, err := d.control("configure", "lldp", "tx-interval", "1"); return err })
	return d
}

// control runs lldpcli.
func (d *lldpd) control(args ...string) (string, error) {
	words := append(d.root.Args("usr/sbin/lldpcli"), append([]string{"-u", d.socket, "-f", "keyvalue"}, args...)...)
	return d.namespace.Run(d.t.Context(), words[0], words[1:]...)
}

// sees waits until lldpd tells all of this of its neighbor.
func (d *lldpd) sees(want ...string) {
	d.t.Helper()
	testenv.Within(d.t, 6*soon, func() error {
		text, err := d.control("show", "neighbors", "details")
		for _, w := range want {
			if err == nil && !strings.Contains(text, w) {
				err = fmt.Errorf("lldpd does not see %q:\n%s", w, text)
			}
		}
		return err
	})
}

// lacks waits until lldpd tells nothing like this of its neighbor sw1.
func (d *lldpd) lacks(text string) {
	d.t.Helper()
	testenv.Within(d.t, 6*soon, func() error {
		told, err := d.control("show", "neighbors", "details")
		if err == nil && (strings.Contains(told, text) || !strings.Contains(told, "chassis.name=sw1")) {
			err = fmt.Errorf("lldpd sees %q, or no sw1:\n%s", text, told)
		}
		return err
	})
}

const neighbor = "/lldp/interfaces/interface[name=p1]/neighbors/neighbor[id=1]/"

// discover has an element speak LLDP at an interface, each second.
func (s *site) discover(name string) {
	s.t.Helper()
	s.configure(
		element.Update("/lldp/config", map[string]any{"hello-timer": "1", "ttl": 3, "system-name": "sw1"}),
		element.Update("/lldp/interfaces/interface[name="+name+"]", map[string]any{
			"name": name, "config": map[string]any{"name": name, "port-description": "to the lab"}}),
	)
}

// TestLLDPWithLLDPD has Debian's lldpd and an element find each other.
func TestLLDPWithLLDPD(t *testing.T) {
	s := newSite(t, "p1")
	root := testenv.Packages(t, debian.Set{Name: "lldpd", Packages: []string{"lldpd"}})
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	d := startLLDPD(t, root, s.hosts["p1"].namespace)
	s.discover("p1")
	d.sees("chassis.name=sw1", "chassis.descr=Signalbox", "chassis.Bridge.enabled=on", "port.ifname=p1", "port.descr=to the lab", "port.ttl=3")

	managedAt(s, d)

	s.leaf(neighbor+"state/system-description", "a neighbor")
	s.leaf(neighbor+"state/port-id-type", "MAC_ADDRESS")
	s.leaf(neighbor+"state/port-id", s.hosts["p1"].mac.String())
	s.leaf(neighbor+"state/port-description", "eth0")
	s.leaf(neighbor+"capabilities/capability[name=STATION_ONLY]/state/enabled", "true")
	s.leaf(neighbor+"mgmt-addresses/mgmt-address[address="+netip.MustParseAddr("10.0.0.1").String()+"]/state/interface-number-subtype", "IFINDEX")
	out, err := s.cli("show", "lldp")
	if err != nil || !strings.Contains(out, s.hosts["p1"].mac.String()) || !strings.Contains(out, "10.0.0.1") {
		t.Errorf("show lldp: %v\n%s", err, out)
	}
	t.Logf("signalbox show lldp\n%s", out)

	t.Run("restart", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.start()
		d.sees("chassis.name=sw1")
		s.leaf(neighbor+"state/system-description", "a neighbor")
	})
	t.Run("switched off", func(t *testing.T) {
		s.configure(element.Update("/lldp/config/ttl", 600))
		d.sees("port.ttl=600")
		s.configure(element.Update("/lldp/interfaces/interface[name=p1]/config/enabled", false))
		testenv.Within(t, soon, func() error {
			text, err := d.control("show", "neighbors")
			if err == nil && strings.Contains(text, "sw1") {
				err = fmt.Errorf("lldpd still sees\n%s", text)
			}
			return err
		})
		s.configure(element.Update("/lldp/interfaces/interface[name=p1]/config/enabled", true))
		s.leaf("/lldp/interfaces/interface[name=p1]/state/enabled", "true")
		d.sees("chassis.name=sw1")
	})
	t.Run("the neighbor goes", func(t *testing.T) {
		d.stop()
		testenv.Within(t, soon, func() error {
			leaves, err := s.Leaves(t.Context(), "/lldp/interfaces/interface[name=p1]/neighbors")
			if err == nil && len(leaves) > 0 {
				err = fmt.Errorf("still there: %v", leaves)
			}
			return err
		})
	})
}

// managedAt has lldpd follow where the element says it is managed: at the address of
// the host that is there, at another interface by configuration, nowhere.
func managedAt(s *site, d *lldpd) {
	s.t.Helper()
	ip := func(words ...string) {
		s.t.Helper()
		_, err := s.sw.Run(s.t.Context(), "ip", words...)
		s.ok(err)
	}
	number := func(name string) string {
		s.t.Helper()
		n, err := s.sw.Index(name)
		s.ok(err)
		return fmt.Sprint(n)
	}
	ip("address", "add", "192.0.2.9/24", "dev", "p1")
	d.sees("chassis.mgmt-ip=192.0.2.9", "chassis.mgmt-iface="+number("p1"))
	s.leaf("/lldp/state/management-interface", "p1")
	s.leaf("/lldp/mgmt-addresses/mgmt-address[address=192.0.2.9]/state/interface-number", number("p1"))
	s.leaf("/lldp/mgmt-addresses/mgmt-address[address=192.0.2.9]/state/interface-number-subtype", "IFINDEX")

	s.configure(element.Update("/lldp/config/management-interface", "mgmt0"))
	d.lacks("mgmt-ip")
	s.ok(s.sw.Tap("mgmt0"))
	ip("link", "set", "mgmt0", "up")
	ip("address", "add", "198.51.100.9/24", "dev", "mgmt0")
	d.sees("chassis.mgmt-ip=198.51.100.9", "chassis.mgmt-iface="+number("mgmt0"))
	s.leaf("/lldp/state/management-interface", "mgmt0")

	s.configure(element.Update("/lldp/config/suppress-tlv-advertisement", []string{"MANAGEMENT_ADDRESS"}))
	d.lacks("mgmt-ip")
	if left, err := s.Leaves(s.t.Context(), "/lldp/mgmt-addresses"); err != nil || len(left) > 0 {
		s.t.Errorf("suppressed: %v, %v", left, err)
	}
	_, err := s.Set(s.t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{
		element.Path("/lldp/config/suppress-tlv-advertisement"), element.Path("/lldp/config/management-interface"),
	}})
	s.ok(err)
}

// TestLLDPAtAMember: members of an aggregate have neighbors, the aggregate has
// none.
func TestLLDPAtAMember(t *testing.T) {
	s := newSite(t, "p1")
	root := testenv.Packages(t, debian.Set{Name: "lldpd", Packages: []string{"lldpd"}})
	s.configure(element.Team{Name: "lag1", Members: []string{"p1"}, VLAN: element.AccessVLAN(10)}.Updates()...)
	s.discover("p1")
	s.leaf("/interfaces/interface[name=lag1]/state/oper-status", "UP")
	d := startLLDPD(t, root, s.hosts["p1"].namespace)
	d.sees("chassis.name=sw1", "port.ifname=p1")
	s.leaf(neighbor+"state/system-description", "a neighbor")
	s.refused(&gpb.SetRequest{Update: []*gpb.Update{element.Update("/lldp/interfaces/interface[name=lag1]/config/name", "lag1")}},
		codes.InvalidArgument, "/lldp/interfaces/interface[name=lag1]", "its members")
}
