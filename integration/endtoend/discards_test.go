package endtoend

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/integration/element"
)

// TestDiscardsAddUpOverRestartsAndChanges sends random frames without an end while
// the element is killed, stopped and started, and its configuration changes at
// random: at each rest the discards are the sum of the reasons, every frame is
// accounted for, and nothing that was counted is forgotten.
func TestDiscardsAddUpOverRestartsAndChanges(t *testing.T) {
	names := []string{"p1", "p2", "p3", "p4"}
	s := newSite(t, names...)
	const instance = "/network-instances/network-instance[name=default]"
	s.configure(
		element.Access("p1", 10), element.Access("p2", 10), element.Trunk("p3", 10, 20), element.Trunk("p4", 0, 10, 20),
		element.Update(instance+"/config", map[string]any{"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}),
		element.VLAN("default", 10), element.VLAN("default", 20),
	)
	s.forwarding(true, names...)
	before := counters(s)
	last, reasons := before, map[string]bool{}
	sent := map[string]uint64{}
	random := rand.New(rand.NewPCG(7, 7))
	changes := 0
	for round := range 6 {
		stop := startRandomTraffic(s, names, uint64(round))
		change := func() {
			for range 8 {
				_, err := s.Set(t.Context(), randomChange(random, names))
				s.ok(err)
				changes++
			}
		}
		change()
		if round%2 == 0 {
			s.ok(s.Kill())
		} else {
			s.ok(s.Stop())
		}
		s.start()
		change()
		for port, n := range stop() {
			sent[port] += n
		}
		now := addUp(s, names, sent, before)
		for path, n := range last {
			if now[path] < n {
				t.Errorf("round %d: %s was %d, is %d", round, path, n, now[path])
			}
		}
		for path, n := range now {
			if _, of, _ := strings.Cut(path, "[reason="); n > before[path] && strings.HasSuffix(of, "]/state/pkts") {
				reasons[strings.TrimSuffix(of, "]/state/pkts")] = true
			}
		}
		last = now
	}
	if len(reasons) < 8 {
		t.Errorf("frames were dropped for %d reasons only: %v", len(reasons), reasons)
	}
	t.Logf("%v frames, %d changes, dropped for %v", sent, changes, slices.Sorted(maps.Keys(reasons)))
}

// startRandomTraffic sends random frames from all hosts until stop is called, which
// tells how many each port was sent.
func startRandomTraffic(s *site, names []string, seed uint64) (stop func() map[string]uint64) {
	random := rand.New(rand.NewPCG(3, seed))
	sent := map[string]uint64{}
	quit := make(chan struct{})
	var failed error
	var done sync.WaitGroup
	done.Go(func() {
		pace := time.NewTicker(time.Millisecond) // so that no CPU's backlog overflows
		defer pace.Stop()
		for {
			select {
			case <-quit:
				return
			case <-pace.C:
			}
			for range 10 {
				port := names[random.IntN(len(names))]
				f := randomFrame(random, s, names)
				if port == "p4" {
					f = f[:min(len(f), 600)] // its MTU changes
				}
				if failed = s.hosts[port].Send(f); failed != nil {
					return
				}
				sent[port]++
			}
		}
	})
	return func() map[string]uint64 {
		s.t.Helper()
		close(quit)
		done.Wait()
		s.ok(failed)
		return maps.Clone(sent)
	}
}

// randomChange is one of the changes that decide which frames are dropped, and why.
func randomChange(random *rand.Rand, names []string) *gpb.SetRequest {
	const instance = "/network-instances/network-instance[name=default]"
	name := names[random.IntN(len(names))]
	port := "/interfaces/interface[name=" + name + "]"
	vlan := 10 + 10*random.IntN(2)
	replace := func(u *gpb.Update) *gpb.SetRequest { return &gpb.SetRequest{Replace: []*gpb.Update{u}} }
	switch random.IntN(7) {
	case 0:
		return replace(element.Access(name, vlan))
	case 1:
		return replace(element.Trunk(name, 0, vlan))
	case 2:
		return replace(element.Trunk(name, vlan, 10, 20, 30))
	case 3:
		return replace(element.Update(port+"/switch-port/config/allow-teaming", random.IntN(2) == 0))
	case 4:
		return replace(element.Update("/interfaces/interface[name=p4]/config/mtu", 1000+500*random.IntN(2)))
	case 5:
		return replace(element.Update(instance+"/config/enabled", random.IntN(4) > 0))
	}
	status := []string{"ACTIVE", "SUSPENDED"}[random.IntN(2)]
	return replace(element.Update(fmt.Sprintf("%s/vlans/vlan[vlan-id=%d]/config/status", instance, vlan), status))
}
