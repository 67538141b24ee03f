package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
)

// set measures a Set of one leaf, answer included, and beside it what the disk
// takes to make a line durable.
func (m *manager) set(ctx context.Context) error {
	disk, err := os.Create(filepath.Join(m.state, "bench-fsync"))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(disk.Name()) }()
	defer disk.Close()
	n := 0
	const path = "/interfaces/interface[name=p5]"
	took, err := takeTurns(ctx, 101, []arm{
		{"description", timed(func() error {
			n++
			return m.Configure(ctx, element.Update(path+"/config/description", fmt.Sprint("number ", n)))
		})},
		{"interval", timed(func() error { // nothing of it is the kernel's
			return m.Configure(ctx, element.Update(path+"/rates/config/load-interval", 100+n%50))
		})},
		{"fsync", timed(func() error {
			_, err := disk.WriteString("one line, as long as one of the journal is when a leaf is set: some hundred octets\n")
			return errors.Join(err, disk.Sync())
		})},
	})
	if err != nil {
		return err
	}
	own, fewest := took["description"], m.first("set", took["description"])
	m.add(row{fmt.Sprintf("one-leaf Set at %d ports", m.ports), ms(own), "at 10 ports " + ms(fewest), ratio(own, fewest), goal(m.ports == usual, "≤ 2×")})
	m.add(row{fmt.Sprintf("… beyond what the disk takes to sync, twice, at %d ports", m.ports), ms(own - 2*took["fsync"]), "one fsync " + ms(took["fsync"]),
		ratio(own, took["fsync"]), goal(m.ports == usual, "≤ 1.5 ms")})
	m.add(row{fmt.Sprintf("… of a leaf that the kernel has no part in, at %d ports", m.ports), ms(took["interval"]), "one fsync " + ms(took["fsync"]),
		ratio(took["interval"], took["fsync"]), "–"})
	return nil
}

// goal is a goal where it is set, and none elsewhere.
func goal(set bool, text string) string {
	if set {
		return text
	}
	return "–"
}

// timed measures what something takes, in nanoseconds.
func timed(do func() error) func() (float64, error) {
	return func() (float64, error) {
		start := time.Now()
		err := do()
		return float64(time.Since(start)), err
	}
}

// tenThousand is a Set of so many leaves.
const tenThousand = 10_000

// large measures Sets of ten thousand leaves: of the ports that are there, of
// which the kernel is told, and of VLANs.
func (m *manager) large(ctx context.Context) error {
	const rounds = 7
	n := 0
	took, err := takeTurns(ctx, rounds, []arm{
		{"ports", timed(func() error {
			n++
			return m.Configure(ctx, portLeaves(m.ports, n)...)
		})},
		{"vlans", timed(func() error { return m.Configure(ctx, vlanLeaves("large", n)...) })},
	})
	if err != nil {
		return err
	}
	m.add(row{fmt.Sprintf("Set of 10000 leaves of %d ports, MTUs and descriptions among them", m.ports), ms(took["ports"]), "–", "–", "≤ 300 ms"})
	m.add(row{"Set of 10000 leaves of VLANs", ms(took["vlans"]), "–", "–", "≤ 300 ms"})
	_, err = m.Set(ctx, &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/network-instances/network-instance[name=large]")}})
	return err
}

// portLeaves are ten thousand leaves of the ports, most of them others than
// those of another number.
func portLeaves(ports, n int) []*gpb.Update {
	var updates []*gpb.Update
	for i := range tenThousand / 10 {
		name := portName(i % ports)
		updates = append(updates, element.Update("/interfaces/interface[name="+name+"]", map[string]any{
			"config": map[string]any{"name": name, "type": "iana-if-type:ethernetCsmacd", "enabled": true,
				"description": fmt.Sprint("number ", n), "mtu": 1500 + n%2},
			"hold-time":                 map[string]any{"config": map[string]any{"up": n % 2, "down": n % 2}},
			"openconfig-if-rates:rates": map[string]any{"config": map[string]any{"load-interval": 60 + n%100}},
			"openconfig-if-ethernet:ethernet": map[string]any{"openconfig-vlan:switched-vlan": map[string]any{
				"config": map[string]any{"interface-mode": "ACCESS", "access-vlan": 10},
			}},
		}))
	}
	return updates
}

// vlanLeaves are ten thousand leaves of the VLANs of a switch: most of them
// names, which differ from those of another number.
func vlanLeaves(sw string, n int) []*gpb.Update {
	var vlans []any
	for id := 1; id <= tenThousand/3; id++ {
		vlans = append(vlans, map[string]any{"vlan-id": id, "config": map[string]any{"vlan-id": id, "name": fmt.Sprint("number ", n), "status": "ACTIVE"}})
	}
	return []*gpb.Update{
		element.Update("/network-instances/network-instance[name="+sw+"]/config", map[string]any{"name": sw, "type": "openconfig-network-instance-types:L2VSI"}),
		element.Update("/network-instances/network-instance[name="+sw+"]/vlans", map[string]any{"vlan": vlans}),
	}
}
