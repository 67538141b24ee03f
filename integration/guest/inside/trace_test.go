package inside

import (
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestTraceInAMachine has this kernel's verifier take the program that traces, with
// sessions of each kind of condition, and the program that explains.
func TestTraceInAMachine(t *testing.T) {
	needGuest(t)
	n := newNode(t)
	a, err := n.Host("p1", 1)
	ok(t, err)
	b, err := n.Host("p2", 2)
	ok(t, err)
	ok(t, n.Configure(t.Context(), element.Access("p1", 10), element.Access("p2", 10)))
	ok(t, teaming.Reach(a, b))
	const at = "/traces/sessions/session"
	conditions := []map[string]any{
		{"filter": "ether proto 0x88b5 and not (tcp port 80 or udp portrange 1000-2000)"},
		{"level": "PACKETS", "snap-length": 65535, "interface": []string{"p1"}, "filter": "ip6 host 2001:db8::1 or ether proto 0x88b5"},
		{"interface": []string{"p2"}, "direction": "OUT", "vlan": []int{10}},
		{"sample-one-in": 3, "filter": "ether proto 0x88b5", "drops-only": true},
	}
	var updates []*gpb.Update
	for i, config := range conditions {
		config["id"], config["duration"] = fmt.Sprint(i), 600
		updates = append(updates, element.Update(fmt.Sprintf("%s[id=%d]/config", at, i), config))
	}
	ok(t, n.Configure(t.Context(), updates...))
	socket, err := traffic.Open(a.Namespace, "eth0")
	ok(t, err)
	defer socket.Close()
	for range 100 {
		ok(t, socket.Send(traffic.Frame{Src: a.MAC, Dst: b.MAC}.Bytes(300)))
	}
	for id, want := range []string{"100", "100", "", "0"} { // others than ours leave by p2, too
		if want != "" {
			ok(t, n.Leaf(t.Context(), fmt.Sprintf("%s[id=%d]/state/counters/packets", at, id), want))
		}
	}
	ok(t, n.Leaf(t.Context(), "/packet-tests/packet-test[interface=p1][frame="+
		fmt.Sprintf("%x", traffic.Frame{Src: a.MAC, Dst: b.MAC}.Bytes(60))+"]/state/verdict", "FORWARD"))
}
