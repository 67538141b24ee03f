package endtoend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// leastFrames cross at least while an element is ended and started again.
const leastFrames = 1_000_000

// TestRestartLosesNothing ends elements in every way while frames cross at the
// full rate of one CPU, and counts: what was sent has all arrived.
func TestRestartLosesNothing(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "both addresses are learned")
	s.ok(traffic.GRO(s.sw, "p1", true)) // lets it take the generator's frames
	a, b := s.hosts["p1"], s.hosts["p2"]
	generator, err := traffic.NewGenerator(a.namespace, "eth0", traffic.UDP(b.mac, a.mac, 60), 0)
	s.ok(err)
	defer generator.Close()
	newer := upgraded(t)
	tests := []struct {
		name   string
		end    func() error
		binary string
	}{
		{"SIGKILL", func() error { return s.Kill() }, os.Getenv(binaryVariable)},
		{"SIGTERM", func() error { return s.Stop() }, os.Getenv(binaryVariable)},
		{"upgrade", func() error { return s.Stop() }, newer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entries := fdb(s)
			sink, err := traffic.NewSink(b.namespace, "eth0")
			s.ok(err)
			defer sink.Close()
			enough := make(chan struct{})
			var sent atomic.Uint64
			flooded := make(chan error, 1)
			go func() { flooded <- flood(generator, &sent, enough) }()
			restarts := 0
			for ; restarts < 3 || sent.Load() < leastFrames; restarts++ {
				s.ok(tt.end())
				options := s.options()
				options.Binary = tt.binary
				s.Process, err = element.Start(t.Context(), options)
				s.ok(err)
			}
			close(enough)
			s.ok(<-flooded)
			want := sent.Load()
			var got uint64
			testenv.Within(t, soon, func() error {
				if got, err = sink.Count(); err == nil && got != want {
					err = fmt.Errorf("%d frames arrived of %d", got, want)
				}
				return err
			})
			t.Logf("%d frames sent, %d arrived, over %d times %s and start", want, got, restarts, tt.name)
			if after := fdb(s); !slices.Equal(after, entries) {
				t.Errorf("the filtering database was %v, is %v", entries, after)
			}
		})
	}
	s.leaf("/components/component[name=signalbox]/state/software-version", upgradedVersion)
}

// flood sends frames until it is told enough, and counts them.
func flood(g *traffic.Generator, sent *atomic.Uint64, enough <-chan struct{}) error {
	const burst = 1 << 14
	for {
		select {
		case <-enough:
			return nil
		default:
		}
		n, err := g.Send(burst)
		sent.Add(n)
		if err != nil {
			return err
		}
	}
}

const upgradedVersion = "v99.0.0-upgrade"

// upgraded builds the program as another version.
func upgraded(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signalbox")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-X main.version="+upgradedVersion, "-o", path, "./cmd/signalbox")
	c.Dir, c.Env = testenv.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return path
}

// fdb is what the filtering databases hold, without ages.
func fdb(s *site) []string {
	s.t.Helper()
	leaves, err := s.Leaves(s.t.Context(), "/network-instances/network-instance/fdb/mac-table/entries/entry/interface/interface-ref/state/interface")
	s.ok(err)
	var out []string
	for path, v := range leaves {
		out = append(out, path+"="+v.GetStringVal())
	}
	sort.Strings(out)
	return out
}

func TestConfigurationOutlivesTheElement(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "kept"))
	before := s.running()
	s.ok(s.Kill())
	s.start()
	if after := s.running(); after != before {
		t.Errorf("the configuration was\n%s\nis\n%s", before, after)
	}
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "after the restart")
}

func TestForwardingGoesOnWithoutTheElement(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	s.ok(s.Stop())
	crosses(s, "p1", "p2", "nobody at the helm")
	s.start()
}

func TestFlushLeavesTheHostAsItWas(t *testing.T) {
	testenv.NeedRoot(t)
	s := &site{t: t, sw: testenv.Namespace(t), hosts: map[string]*host{}, stateDir: t.TempDir()}
	s.plug("p1", 1)
	s.plug("p2", 2)
	s.ok(s.sw.SetUp("p2", true))
	before, pinsBefore := hostState(s), pins()
	s.start()
	s.configure(element.Access("p1", 10), element.Access("p2", 10),
		element.Update("/interfaces/interface[name=p1]/config", map[string]any{"mtu": 1700, "description": "changed"}),
		element.Update("/interfaces/interface[name=p1]/ethernet/config/mac-address", "02:00:00:00:99:01"))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "works")
	if hostState(s) == before {
		t.Error("nothing seems to have changed on the host: this test proves nothing")
	}
	s.ok(s.Stop())
	s.ok(element.Flush(t.Context(), os.Getenv(binaryVariable), s.sw))
	if after := hostState(s); after != before {
		t.Errorf("the host was\n%s\nis\n%s", before, after)
	}
	if left := pins(); left != pinsBefore {
		t.Errorf("pinned before:\n%s\nand after:\n%s", pinsBefore, left)
	}
	// Again: there is nothing to do.
	s.ok(element.Flush(t.Context(), os.Getenv(binaryVariable), s.sw))
	// The configuration is not the host's: the next start takes it up.
	s.start()
	t.Cleanup(s.end)
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "after flush and start")
}

// hostState is what the kernel has of the switch's namespace: links and the
// programs attached to them. Whether a link runs is its other end's doing, and
// told late.
func hostState(s *site) string {
	s.t.Helper()
	links, err := s.sw.Links()
	s.ok(err)
	var b strings.Builder
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintf(&b, "%d %s %s %s mtu %d %s alias %q xdp %t\n", a.Index, a.Name, l.Type(), a.HardwareAddr, a.MTU, a.Flags&^net.FlagRunning, a.Alias, a.Xdp != nil && a.Xdp.Attached)
		for hook, name := range map[ebpf.AttachType]string{ebpf.AttachTCXIngress: "ingress", ebpf.AttachTCXEgress: "egress"} {
			s.ok(s.sw.Do(func() error {
				result, err := link.QueryPrograms(link.QueryOptions{Target: a.Index, Attach: hook})
				if err == nil && len(result.Programs) > 0 {
					fmt.Fprintf(&b, "  %s: %d programs\n", name, len(result.Programs))
				}
				return err
			}))
		}
	}
	return b.String()
}

// pins lists what is pinned by any element of this machine.
func pins() string {
	var names []string
	_ = filepath.WalkDir("/sys/fs/bpf/signalbox", func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != "/sys/fs/bpf/signalbox" {
			names = append(names, path)
		}
		return nil // what goes while it is listed is gone
	})
	return strings.Join(names, "\n")
}

func TestSecondInstanceIsRefused(t *testing.T) {
	s := newSite(t, "p1")
	elsewhere := testenv.Namespace(t)
	tests := []struct {
		name      string
		namespace *topology.Namespace
		stateDir  string
		want      string
	}{
		{"on the same state folder", elsewhere, s.stateDir, s.stateDir},
		{"in the same namespace", s.sw, t.TempDir(), "namespace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := s.options()
			options.Namespace, options.StateDir, options.Listen = tt.namespace, tt.stateDir, "127.0.0.1:9340"
			startFails(t, options, tt.want)
		})
	}
	s.ok(s.Serving(t.Context()))
}

// startFails wants an element to end by itself with words of why.
func startFails(t *testing.T, o element.Options, words ...string) {
	t.Helper()
	p, err := element.Launch(o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Client.Close()
	var exit *exec.ExitError
	if err := p.Wait(soon); !errors.As(err, &exit) {
		t.Errorf("it ends with %v, want a failure", err)
		_ = p.Kill()
	}
	for _, w := range words {
		if !strings.Contains(p.Log(), w) {
			t.Errorf("it says %q, want %q in it", p.Log(), w)
		}
	}
}

func TestElementInItsOwnMountNamespace(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	s.ok(s.Stop())
	// As "ip netns exec" does: /sys is mounted anew, without the host's bpffs.
	wrapper := filepath.Join(t.TempDir(), "signalbox")
	script := "#!/bin/sh\nexec unshare --mount sh -c 'mount --make-rslave / && umount -l /sys && mount -t sysfs sysfs /sys && exec \"$0\" \"$@\"' " +
		os.Getenv(binaryVariable) + " \"$@\"\n"
	s.ok(os.WriteFile(wrapper, []byte(script), 0o755))
	options := s.options()
	options.Binary = wrapper
	var err error
	s.Process, err = element.Start(t.Context(), options)
	s.ok(err)
	s.ok(s.Stop())
	crosses(s, "p1", "p2", "after the mount namespace ended")
	s.start()
}

// TestElementWithAPrivateBPFFS says that the switch ends with it, and the remedy.
func TestElementWithAPrivateBPFFS(t *testing.T) {
	s := newSite(t, "p1")
	const warning = "--bpffs names one that stays"
	if strings.Contains(s.Log(), warning) {
		t.Errorf("it warns where nothing is wrong:\n%s", s.Log())
	}
	s.ok(s.Stop())
	wrapper := filepath.Join(t.TempDir(), "signalbox")
	script := "#!/bin/sh\nexec unshare --mount sh -c 'mount --make-rprivate / && mount -t bpf bpf /sys/fs/bpf && exec \"$0\" \"$@\"' " +
		os.Getenv(binaryVariable) + " \"$@\"\n"
	s.ok(os.WriteFile(wrapper, []byte(script), 0o755))
	options := s.options()
	options.Binary = wrapper
	var err error
	s.Process, err = element.Start(t.Context(), options)
	s.ok(err)
	if !strings.Contains(s.Log(), warning) {
		t.Errorf("it does not warn:\n%s", s.Log())
	}
	s.ok(s.Stop())
	s.start()
}

func TestG40_TLSOfTheElement(t *testing.T) {
	s := newSite(t)
	plain := element.Dial(s.sw, "127.0.0.1:9339", true)
	defer plain.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := plain.Text(ctx, "/system/state/hostname"); err == nil {
		t.Error("an element answers in plain text without --insecure")
	}
	if out, err := s.cli("status"); err != nil {
		t.Errorf("with the certificate that the element made: %v %s", err, out)
	}
	if _, err := s.cli("status", "--ca", "/etc/hostname"); err == nil {
		t.Error("a file without certificates is taken as authority")
	}
	s.ok(s.Stop())
	options := s.options()
	options.Insecure, options.Listen = true, "0.0.0.0:9339"
	startFails(t, options, "loopback")
	options.Listen = "127.0.0.1:9339"
	p, err := element.Start(t.Context(), options)
	s.ok(err)
	if _, err := p.Text(t.Context(), "/system/state/hostname"); err != nil {
		t.Errorf("with --insecure on loopback: %v", err)
	}
	s.ok(p.Stop())
}
