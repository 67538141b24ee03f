package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// host is one host of the lab.
type host struct {
	name, port string
	address    netip.Prefix
	vlan       int
	namespace  *topology.Namespace
}

// lab is what is up.
type lab struct {
	binary  string
	out     io.Writer
	address string // where the host reaches the element
	sw      *topology.Namespace
	hosts   []*host
	process *element.Process
	forward *forwarder
}

func hosts() []*host {
	return []*host{
		{name: "h1", port: "port1", address: netip.MustParsePrefix("10.0.0.1/24"), vlan: 10},
		{name: "h2", port: "port2", address: netip.MustParsePrefix("10.0.0.2/24"), vlan: 10},
		{name: "h3", port: "port3", address: netip.MustParsePrefix("10.0.0.3/24"), vlan: 20},
	}
}

func (l *lab) stateDir() string { return filepath.Join(folder, "state") }

// up makes everything, after it has removed what a killed lab left.
func (l *lab) up(ctx context.Context, address string) (err error) {
	if err := os.RemoveAll(l.stateDir()); err != nil {
		return err
	}
	if l.sw, err = topology.NewNamed("sbx-switch"); err != nil {
		return err
	}
	for _, h := range hosts() {
		if h.namespace, err = topology.NewNamed("sbx-" + h.name); err != nil {
			return err
		}
		l.hosts = append(l.hosts, h)
		err := topology.Cable(
			topology.End{Namespace: h.namespace, Name: "eth0", Address: h.address},
			topology.End{Namespace: l.sw, Name: h.port, Down: true},
		)
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(l.out, "Starting the element …")
	l.process, err = element.Start(ctx, element.Options{
		Binary: l.binary, Namespace: l.sw, StateDir: l.stateDir(),
	})
	if err != nil {
		return err
	}
	if l.forward, err = newForwarder(l.sw, address, "127.0.0.1:9339"); err != nil {
		return err
	}
	l.address = l.forward.address()
	if l.address != address {
		fmt.Fprintf(l.out, "Somebody else listens at %s: this lab is at %s.\n", address, l.address)
	}
	fmt.Fprintln(l.out, "Configuring three access ports by one gNMI Set …")
	return l.process.Configure(ctx, element.Access("port1", 10), element.Access("port2", 10), element.Access("port3", 20))
}

// show proves that frames cross within a VLAN and not between VLANs.
func (l *lab) show(ctx context.Context) error {
	h1, h2, h3 := l.hosts[0], l.hosts[1], l.hosts[2]
	took, err := firstPing(ctx, h1, h2)
	if err != nil {
		return fmt.Errorf("ping from %s to %s, both in VLAN %d: %w: %s", h1.name, h2.name, h1.vlan, err, l.process.Log())
	}
	fmt.Fprintf(l.out, "  ping h1 → h2, both in VLAN 10:     answered in %s\n", took.Round(time.Microsecond))
	_, err = traffic.Ping(h1.namespace, h3.address.Addr(), 1, time.Second)
	if !errors.Is(err, traffic.ErrTimeout) {
		return fmt.Errorf("ping from h1 in VLAN 10 to h3 in VLAN 20: want no answer, got %v", err)
	}
	fmt.Fprintln(l.out, "  ping h1 → h3, VLAN 10 to VLAN 20:  no answer, as it must be")
	return nil
}

// firstPing pings until an answer comes, for a port that comes up takes a
// moment; the time is that of the ping that was answered.
func firstPing(ctx context.Context, from, to *host) (took time.Duration, err error) {
	for sequence := range uint16(20) {
		took, err = traffic.Ping(from.namespace, to.address.Addr(), sequence, 500*time.Millisecond)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return took, errors.Join(err, ctx.Err())
}

// pingHint is how to ping from one host to another, with what that needs where
// it is missing.
func pingHint() string {
	hint := "sudo ip netns exec sbx-h1 ping 10.0.0.3"
	for command, pkg := range map[string]string{"ip": "iproute2", "ping": "iputils-ping"} {
		if _, err := exec.LookPath(command); err != nil {
			hint += "    # needs: apt-get install " + pkg
		}
	}
	return hint
}

// hints prints what to try.
func (l *lab) hints() {
	ca := element.Options{StateDir: l.stateDir()}.Certificate()
	fmt.Fprintln(l.out, strings.NewReplacer("{address}", l.address, "{ca}", ca, "{signalbox}", l.binary, "{ping}", pingHint()).Replace(`
The switch is up. In another terminal:

  export SIGNALBOX_ADDRESS={address} SIGNALBOX_CA={ca}
  {signalbox} show interfaces
  {signalbox} show fdb
  {signalbox} top
  {signalbox} trace
  {signalbox} explain port3
  {signalbox} watch --mode sample --interval 1s /interfaces/interface/state/counters/in-pkts
  {signalbox} set /interfaces/interface[name=port3]/ethernet/switched-vlan/config/access-vlan 10
  {ping}

The same with gnmic (https://gnmic.openconfig.net, or "make clients"):

  export GNMIC_ADDRESS={address} GNMIC_TLS_CA={ca}
  gnmic capabilities
  gnmic get --path /interfaces/interface[name=port1]/state --encoding json_ietf
  gnmic set --update-path /interfaces/interface[name=port1]/config/description --update-value "to h1"
  gnmic subscribe --path /interfaces/interface/state/counters --stream-mode sample --sample-interval 1s --format flat

Ctrl-C ends it and removes everything.`))
}

// down removes everything that up made, also where it stopped half way.
func (l *lab) down(ctx context.Context) error {
	var err error
	if l.forward != nil {
		err = errors.Join(err, l.forward.close())
	}
	if l.process != nil {
		err = errors.Join(err, l.process.Stop(), element.Flush(ctx, l.binary, l.sw))
	}
	for _, h := range l.hosts {
		err = errors.Join(err, h.namespace.Close())
	}
	if l.sw != nil {
		err = errors.Join(err, l.sw.Close())
	}
	return err
}
