package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/journal"
)

// yes is a Device that does nothing, so that only the Store is measured.
type yes struct{}

func (yes) Check(context.Context, spec.Change) error { return nil }
func (yes) Apply(context.Context, spec.Change) error { return nil }

// noSync leaves fsync away: it costs what the disk costs, and hides the rest.
type noSync struct{ journal.FS }

type noSyncFile struct{ journal.File }

func (f noSync) Open(name string, flag int) (journal.File, error) {
	file, err := f.FS.Open(name, flag)
	return noSyncFile{file}, err
}
func (noSync) Sync() error     { return nil }
func (noSyncFile) Sync() error { return nil }

// BenchmarkSetOneLeaf is one leaf of one of many interfaces, each a trunk of a
// switch that lists it, without and with the disk's fsync.
func BenchmarkSetOneLeaf(b *testing.B) {
	for _, disk := range []string{"nosync", "fsync"} {
		for _, ports := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/ports=%d", disk, ports), func(b *testing.B) {
				benchmarkSet(b, disk == "nosync", ports)
			})
		}
	}
}

func benchmarkSet(b *testing.B, unsynced bool, ports int) {
	options := Options{Dir: b.TempDir(), Device: yes{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if unsynced {
		options.fs = noSync{journal.Dir(options.Dir)}
	}
	s, err := Open(context.Background(), options)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Set(context.Background(), request(b, manyPorts(ports)...)); err != nil {
		b.Fatal(err)
	}
	var requests [2]*gpb.SetRequest
	for i := range requests {
		requests[i] = request(b, fmt.Sprintf("update /interfaces/interface[name=port5]/config/mtu %d", 1400+i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.Set(context.Background(), requests[i%2]); err != nil {
			b.Fatal(err)
		}
	}
}

func manyPorts(n int) []string {
	lines := []string{`update /network-instances/network-instance[name=blue]/config {"type":"L2VSI"}`}
	for i := range n {
		lines = append(lines,
			fmt.Sprintf(`update /interfaces/interface[name=port%d] {"config":{"type":"ethernetCsmacd","mtu":1500,"description":"port %d"},"ethernet":{"switched-vlan":{"config":{"interface-mode":"TRUNK","native-vlan":1,"trunk-vlans":[10,"20..30"]}}}}`, i, i),
			fmt.Sprintf(`update /network-instances/network-instance[name=blue]/interfaces/interface[id=port%d]/config {"interface":"port%d"}`, i, i))
	}
	return lines
}

// BenchmarkSetMembership moves one port between switches that list many.
func BenchmarkSetMembership(b *testing.B) {
	for _, ports := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("ports=%d", ports), func(b *testing.B) {
			options := Options{Dir: b.TempDir(), Device: yes{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			options.fs = noSync{journal.Dir(options.Dir)}
			s, err := Open(context.Background(), options)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Set(context.Background(), request(b, manyPorts(ports)...)); err != nil {
				b.Fatal(err)
			}
			out := request(b, "delete /network-instances/network-instance[name=blue]/interfaces/interface[id=port5]")
			in := request(b, `update /network-instances/network-instance[name=blue]/interfaces/interface[id=port5]/config {"interface":"port5"}`)
			b.ResetTimer()
			for i := range b.N {
				if _, err := s.Set(context.Background(), []*gpb.SetRequest{out, in}[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart is the start with a saved configuration of many interfaces.
func BenchmarkStart(b *testing.B) {
	options := Options{Dir: b.TempDir(), Device: yes{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	s, err := Open(context.Background(), options)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Set(context.Background(), request(b, manyPorts(1000)...)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if s, err = Open(context.Background(), options); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
}

// BenchmarkSetVLAN renames one VLAN of a switch that has many.
func BenchmarkSetVLAN(b *testing.B) {
	for _, vlans := range []int{10, 1000, 4000} {
		b.Run(fmt.Sprintf("vlans=%d", vlans), func(b *testing.B) {
			options := Options{Dir: b.TempDir(), Device: yes{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			options.fs = noSync{journal.Dir(options.Dir)}
			s, err := Open(context.Background(), options)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			lines := []string{`update /network-instances/network-instance[name=blue]/config {"type":"L2VSI"}`}
			for id := range vlans {
				lines = append(lines, fmt.Sprintf(`update /network-instances/network-instance[name=blue]/vlans/vlan[vlan-id=%d]/config {"name":"v"}`, id+1))
			}
			if _, err := s.Set(context.Background(), request(b, lines...)); err != nil {
				b.Fatal(err)
			}
			var requests [2]*gpb.SetRequest
			for i := range requests {
				requests[i] = request(b, fmt.Sprintf(`update /network-instances/network-instance[name=blue]/vlans/vlan[vlan-id=5]/config/name "v%d"`, i))
			}
			b.ResetTimer()
			for i := range b.N {
				if _, err := s.Set(context.Background(), requests[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
