package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

func TestPrintQoS(t *testing.T) {
	rows := []qosRow{{
		Name: "vm1", ID: "vm1", Directions: []qosDirectionRow{{Interface: "vm1", Direction: "output", Policy: "gold", Maximum: 10e6, Rate: 5e6, Queues: []queueRow{
			{Interface: "vm1", Direction: "output", Queue: "voice", Rate: 2e6, Ceiling: 4e6, Guaranteed: 1e6, Priority: 1, Pkts: 3, Dropped: 4, Marked: 5, Waiting: 1514},
		}}},
		Policers: []policerRow{{Interface: "vm1", Sequence: "7", Committed: 1e9, Conform: 1, Exceed: 2}},
		Terms:    []termRow{{Interface: "vm1", Type: "IPV4", ID: "10", Pkts: 6, Octets: 384}},
	}}
	tests := []struct {
		name string
		rows []qosRow
		want string
	}{
		{"a direction", rows, "vm1 | output | gold | 5.00 Mbit/s | █████····· | 10.0 Mbit/s"},
		{"a queue", rows, "vm1 | output | voice | 2.00 Mbit/s | █████····· | 4.00 Mbit/s | 1.00 Mbit/s | 1 | 1514 | 3 | 4 | 5"},
		{"a policer", rows, "vm1 | 7 | 1.00 Gbit/s | - | 1 | 2 | 0"},
		{"a term", rows, "vm1 | IPV4 | 10 | 6 | 384"},
		{"nobody", nil, "no interface with classes or rates"},
		{"only policers", []qosRow{{Policers: rows[0].Policers}}, "nothing is held back"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			c := versionCommand()
			c.SetOut(&out)
			if err := printQoS(c, &clientFlags{}, tt.rows); err != nil {
				t.Fatal(err)
			}
			has(t, squeezed(out.String()), tt.want)
		})
	}
}

func TestBar(t *testing.T) {
	tests := []struct {
		part, whole uint64
		want        string
	}{{0, 100, "··········"}, {100, 100, "██████████"}, {200, 100, "██████████"}, {1, 0, "··········"}, {1, 80, "▏·········"}, {15, 80, "█▉········"}, {79, 80, "█████████▉"}}
	for _, tt := range tests {
		if got := bar(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d is %s, want %s", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestBitRate(t *testing.T) {
	for rate, want := range map[uint64]string{0: "0 bit/s", 999: "999 bit/s", 8000: "8.00 kbit/s", 12345678: "12.3 Mbit/s", 123456789: "123 Mbit/s", 1e12: "1.00 Tbit/s", 1e16: "10000 Tbit/s"} {
		if got := bitRate(rate); got != want {
			t.Errorf("%d is %q, want %q", rate, got, want)
		}
	}
}

// TestSampleQueues: a rate is what was sent between two samples, by the time that
// the element gives them.
func TestSampleQueues(t *testing.T) {
	id := queueID{"vm1", "output", "voice"}
	told := func(at time.Duration, queue string, octets uint64) *gpb.Notification {
		prefix, err := element.ParsePath("/qos/interfaces/interface[interface-id=vm1]/output")
		if err != nil {
			t.Fatal(err)
		}
		path, err := element.ParsePath("/queues/queue[name=" + queue + "]/state/transmit-octets")
		if err != nil {
			t.Fatal(err)
		}
		return &gpb.Notification{Timestamp: int64(at), Prefix: prefix, Update: []*gpb.Update{{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: octets}}}}}
	}
	tests := []struct {
		name   string
		told   []*gpb.Notification
		enough bool
		rate   uint64
	}{
		{"nothing", nil, false, 0},
		{"once", []*gpb.Notification{told(time.Second, "voice", 1000)}, false, 0},
		{"twice", []*gpb.Notification{told(time.Second, "voice", 1000), told(3*time.Second, "voice", 3000)}, true, 8000},
		{"another one", []*gpb.Notification{told(time.Second, "bulk", 1000), told(3*time.Second, "bulk", 3000)}, false, 0},
		{"begun again", []*gpb.Notification{told(time.Second, "voice", 1000), told(3*time.Second, "voice", 10)}, true, 0},
		{"at one time", []*gpb.Notification{told(time.Second, "voice", 1000), told(time.Second, "voice", 3000)}, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wanted := map[queueID]*queueSamples{id: {}}
			var err error
			for _, n := range tt.told {
				err = sampleQueues(wanted, n)
			}
			if errors.Is(err, errEnough) != tt.enough || wanted[id].rate() != tt.rate {
				t.Errorf("%v, %d bit/s, want enough: %t, %d bit/s", err, wanted[id].rate(), tt.enough, tt.rate)
			}
		})
	}
	t.Run("another one is gone", func(t *testing.T) {
		wanted := map[queueID]*queueSamples{id: {}, {"vm1", "output", "gone"}: {}}
		var err error
		for n := range 3 {
			err = sampleQueues(wanted, told(time.Duration(n)*time.Second, "voice", 1))
		}
		if !errors.Is(err, errEnough) {
			t.Errorf("got %v, want an end", err)
		}
	})
}
