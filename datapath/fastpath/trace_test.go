package fastpath

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// tracedFrame is a record that was read.
type tracedFrame struct {
	sessions      uint32
	packet        uint64
	in, out, vlan uint16
	verdict       spec.Verdict
	reason        spec.DropReason
	steps         string // "STAGE VERDICT port" and so on
	octets        []byte
	length        uint32
}

func kept(r TraceRecord) tracedFrame {
	var steps []string
	for _, s := range r.Steps {
		text := fmt.Sprintf("%v %v", spec.Stage(s.Stage), spec.Verdict(s.Verdict))
		if s.Port != 0 {
			text += fmt.Sprintf(" %d", s.Port)
		}
		if s.Reason != 0 {
			text += " " + spec.DropReason(s.Reason).String()
		}
		steps = append(steps, text)
	}
	return tracedFrame{
		r.Head.Sessions, r.Head.Packet, r.Head.InPort, r.Head.OutPort, r.Head.Vlan,
		spec.Verdict(r.Head.Verdict), spec.DropReason(r.Head.Reason),
		strings.Join(steps, ", "), r.Frame(), r.Length(),
	}
}

// tracing traces with sessions until the test ends.
func (b *bed) tracing(sessions ...*TraceSession) *Tracer {
	b.Helper()
	t, err := b.o.NewTracer()
	b.ok(err)
	b.Cleanup(func() {
		if err := t.Close(); err != nil {
			b.Error(err)
		}
	})
	b.ok(t.Set(places(sessions...)))
	return t
}

// oneCPU keeps the thread on one CPU; it ends with the test.
func oneCPU(t testing.TB) {
	t.Helper()
	var set unix.CPUSet
	set.Set(0)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
}

func places(sessions ...*TraceSession) *[spec.MaxTraces]*TraceSession {
	var all [spec.MaxTraces]*TraceSession
	copy(all[:], sessions)
	return &all
}

// traced reads all that was told.
func (b *bed) traced(t *Tracer) (all []tracedFrame) {
	b.Helper()
	_, err := t.Read(1<<30, func(r TraceRecord) { all = append(all, kept(r)) })
	b.ok(err)
	return all
}

func TestTraceTellsEachStage(t *testing.T) {
	b := newBed(t, 4)
	b.vlans(10, 20)
	b.port(1, access(10))
	b.port(2, access(10))
	b.port(3, trunk(0, 10))
	b.port(4, access(20))
	b.members(10, 1, 2, 3)
	b.static(10, host(2), 2)
	tr := b.tracing(&TraceSession{Snap: 60})
	oneCPU(t) // each has its own cache
	for _, c := range []struct {
		name string
		in   uint16
		data []byte
		want tracedFrame
	}{
		{"unknown flow", 1, frame(host(2), host(1), untagged, 100), tracedFrame{
			out: 2, vlan: 10, verdict: spec.VerdictForward,
			steps: "INGRESS PASS 1, CACHE PASS, GUARD PASS, VLAN PASS, LEARN PASS 1, LOOKUP PASS 2, EGRESS PASS 2, OUTPUT FORWARD 2",
		}},
		{"known flow", 1, frame(host(2), host(1), untagged, 100), tracedFrame{
			out: 2, vlan: 10, verdict: spec.VerdictForward,
			steps: "INGRESS PASS 1, CACHE PASS 2, OUTPUT FORWARD 2",
		}},
		{"flooded", 3, frame(broadcast, host(3), 10, 100), tracedFrame{
			vlan: 10, verdict: spec.VerdictFlood,
			steps: "INGRESS PASS 3, CACHE PASS, GUARD PASS, VLAN PASS, LEARN PASS 3, LOOKUP FLOOD, OUTPUT FORWARD 1, FLOOD FLOOD, OUTPUT FORWARD 2",
		}},
		{"dropped by a guard", 1, frame(host(1), host(1), untagged, 100), tracedFrame{
			vlan: 10, verdict: spec.VerdictDrop, reason: spec.DropSourceIsDest,
			steps: "INGRESS PASS 1, CACHE PASS, GUARD DROP SOURCE_IS_DEST",
		}},
		{"dropped by its VLAN", 3, frame(host(1), host(3), 20, 100), tracedFrame{
			vlan: 20, verdict: spec.VerdictDrop, reason: spec.DropIngressVLAN,
			steps: "INGRESS PASS 3, CACHE PASS, GUARD PASS, VLAN DROP INGRESS_VLAN",
		}},
		{"too big", 1, frame(host(2), host(5), untagged, 1600), tracedFrame{
			out: 2, vlan: 10, verdict: spec.VerdictDrop, reason: spec.DropTooBig,
			steps: "INGRESS PASS 1, CACHE PASS, GUARD PASS, VLAN PASS, LEARN PASS 1, LOOKUP PASS 2, EGRESS PASS 2, OUTPUT DROP 2 TOO_BIG",
		}},
		{"nowhere to flood to", 4, frame(broadcast, host(4), untagged, 100), tracedFrame{
			vlan: 20, verdict: spec.VerdictDrop, reason: spec.DropEmptyPortList,
			steps: "INGRESS PASS 4, CACHE PASS, GUARD PASS, VLAN PASS, LEARN PASS 4, LOOKUP FLOOD, FLOOD DROP EMPTY_PORT_LIST",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := b.with(t)
			oneCPU(t)
			b.run(c.in, c.data)
			all := b.traced(tr)
			if len(all) != 1 {
				t.Fatalf("%d records, want 1", len(all))
			}
			got, want := all[0], c.want
			want.sessions, want.in, want.packet = 1, c.in, got.packet
			want.octets, want.length = c.data[:min(len(c.data), len(got.octets))], uint32(len(c.data))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got\n%+v, want\n%+v", got, want)
			}
			if len(got.octets) < 60 || !bytes.HasPrefix(c.data, got.octets) {
				t.Errorf("octets %x, want the beginning of %x", got.octets, c.data)
			}
		})
	}
}
