package fastpath

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/signalbox/signalbox/gen/bpf"
)

// filledRing is a ring of plain memory, of size octets, into which put writes
// records as the program does.
func filledRing(size int) *traceRing {
	words := make([]uint64, (size+traceLongest)/8)
	return &traceRing{
		SwitchTraceRing: new(bpf.SwitchTraceRing), mask: uint64(size - 8),
		octets: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8),
	}
}

func (r *traceRing) put(time uint64, captured int) {
	h := bpf.SwitchTraceHead{Time: time, Captured: uint32(captured), Size: uint32(traceHeadSize+captured+7) &^ 7}
	at := r.octets[r.Head&r.mask:]
	*(*bpf.SwitchTraceHead)(unsafe.Pointer(&at[0])) = h
	for i := range captured {
		at[traceHeadSize+i] = byte(time)
	}
	r.Head += uint64(h.Size)
}

// TestTraceRingsMerge reads two CPUs' records by their times, over a ring's end.
func TestTraceRingsMerge(t *testing.T) {
	a, b := filledRing(256), filledRing(256)
	all := traceRings{rings: []traceRing{*a, *b}}
	a, b = &all.rings[0], &all.rings[1]
	var got []uint64
	read := func(limit, want int) {
		t.Helper()
		n, err := all.readTo(limit, func(r TraceRecord) {
			got = append(got, r.Head.Time)
			for _, o := range r.octets {
				if o != byte(r.Head.Time) {
					t.Fatalf("record %d has octet %d", r.Head.Time, o)
				}
			}
		})
		if n != want || err != nil {
			t.Errorf("read %d, %v; want %d", n, err, want)
		}
	}
	var want []uint64
	for i := range uint64(40) {
		a.put(10*i+1, 20) // 88 octets: each third goes over the end
		b.put(10*i+2, 1)
		a.put(10*i+3, 30)
		want = append(want, 10*i+1, 10*i+2, 10*i+3)
		read(1, 1)
		read(9, 2)
		read(9, 0)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if a.Tail != a.Head || b.Tail != b.Head {
		t.Errorf("given back %d of %d and %d of %d octets", a.Tail, a.Head, b.Tail, b.Head)
	}
}

// TestTraceRingOfNonsense goes on behind a record that is none.
func TestTraceRingOfNonsense(t *testing.T) {
	r := filledRing(1024)
	all := traceRings{rings: []traceRing{*r}}
	r = &all.rings[0]
	for _, size := range []uint32{0, 8, 60, 1 << 30} {
		r.put(1, 0)
		(*bpf.SwitchTraceHead)(unsafe.Pointer(&r.octets[(r.Head-64)&r.mask])).Size = size
		r.put(2, 0)
		if n, err := all.readTo(9, func(TraceRecord) {}); n != 1 || err == nil || !strings.Contains(err.Error(), "do not fit") {
			t.Errorf("size %d: read %d, %v; want an error", size, n, err)
		}
		r.put(3, 4)
		n, err := all.readTo(9, func(r TraceRecord) {
			if r.Head.Time != 3 {
				t.Errorf("size %d: record %d behind it", size, r.Head.Time)
			}
		})
		if n != 1 || err != nil {
			t.Errorf("size %d: read %d behind it, %v", size, n, err)
		}
	}
}

func TestTraceRingOctets(t *testing.T) {
	for cpus, want := range map[int]int{1: 8 << 20, 8: 8 << 20, 9: 4 << 20, 64: 1 << 20, 512: 1 << 20} {
		if got := ringOctets(cpus); got != want {
			t.Errorf("%d CPUs: %d octets, want %d", cpus, got, want)
		}
	}
}

// TestTraceCaptures sends frames of many lengths, several rings full of them, and
// compares each captured octet.
func TestTraceCaptures(t *testing.T) {
	b := plainBed(t, 2)
	for _, snap := range []int{1, 60, 64, 65, 128, 200, 256, 257, 2000} {
		t.Run(fmt.Sprint(snap), func(t *testing.T) {
			b := b.with(t)
			tr, err := b.o.NewTracer()
			b.ok(err)
			defer tr.Close()
			b.ok(tr.Set(places(&TraceSession{Snap: uint32(snap)})))
			lengths := []int{46, 47, 50, 51, 114, 115, 186, 242, 243, 300, 1500}
			frames := 200
			if snap == 2000 {
				lengths, frames = []int{1500, 1800}, 12000 // 20 MB
			}
			var sent [][]byte
			check := func() {
				_, err := tr.Read(1<<30, func(r TraceRecord) {
					want := sent[0]
					if sent = sent[1:]; !slices.Equal(r.Frame(), want[:min(snap, len(want))]) {
						t.Fatalf("frame of %d octets: captured % x, want % x", len(want), r.Frame(), want)
					}
				})
				b.ok(err)
			}
			for i := range frames {
				f := frame(host(2), host(1), untagged, lengths[i%len(lengths)])
				for at := 14; at+4 <= len(f); at += 4 {
					binary.BigEndian.PutUint32(f[at:], uint32(i*1000+at))
				}
				sent = append(sent, f)
				b.run(1, f)
				if i%1000 == 999 {
					check()
				}
			}
			check()
			if c, err := tr.Counts(0); err != nil || c != (TraceCount{Matched: uint64(frames)}) || len(sent) > 0 {
				t.Errorf("counted %+v, %v; %d frames are missing", c, err, len(sent))
			}
		})
	}
}
