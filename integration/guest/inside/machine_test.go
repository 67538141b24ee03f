package inside

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestTeamInsideAMachine has a machine team its two ports, which are on two
// switches, by itself: a TCP connection survives that one of them is lost.
func TestTeamInsideAMachine(t *testing.T) {
	needGuest(t)
	for _, mode := range []string{"active-backup", "balance-tlb"} {
		t.Run(mode, func(t *testing.T) {
			switches := []*teaming.Node{newNode(t), newNode(t)}
			host, err := switches[0].Host("host", 1)
			ok(t, err)
			ok(t, topology.Cable(topology.End{Namespace: switches[0].Namespace, Name: "trunk"}, topology.End{Namespace: switches[1].Namespace, Name: "trunk"}))
			machine := &teaming.Host{Namespace: testenv.Namespace(t), MAC: traffic.MAC(0x102), IP: netip.MustParseAddr("10.9.0.2")}
			var wires []*traffic.Wire
			for i, n := range switches {
				w, err := traffic.NewWire(topology.End{Namespace: n.Namespace, Name: "port"}, topology.End{Namespace: machine.Namespace, Name: members[i]})
				ok(t, err)
				t.Cleanup(func() { ok(t, w.Close()) })
				wires = append(wires, w)
				ports := []*gpb.Update{element.Access("port", 10), element.Trunk("trunk", 0, 10)}
				if i == 0 {
					ports = append(ports, element.Access("host", 10))
				}
				ok(t, n.Configure(t.Context(), ports...))
				ok(t, n.Leaf(t.Context(), "/interfaces/interface[name=port]/switch-port/state/allow-teaming", "true"))
			}
			ok(t, machine.Namespace.Bond("eth0", topology.Bond{Mode: mode, MAC: machine.MAC, Address: netip.MustParsePrefix("10.9.0.2/16")}, members...))
			ok(t, teaming.Reach(host, machine))
			c, err := traffic.Dial(host.Namespace, machine.Namespace, netip.MustParseAddrPort("10.9.0.2:7777"), traffic.Echo, -1)
			ok(t, err)
			defer c.Close()
			for i, w := range wires {
				t.Run(fmt.Sprint("without port ", i+1), func(t *testing.T) {
					answered(t, c)
					ok(t, w.Cut())
					answered(t, c)
					ok(t, w.Mend())
					for _, m := range members {
						ok(t, machine.Namespace.AwaitRunning(m, teaming.Soon))
					}
					answered(t, c)
				})
			}
		})
	}
}

// answered wants an octet that is sent to come back.
func answered(t *testing.T, c *traffic.Connection) {
	t.Helper()
	if _, err := c.RoundTrip(-1, time.Millisecond); err != nil {
		t.Fatalf("the connection is lost: %v", err)
	}
}
