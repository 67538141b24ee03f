package top

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
)

// notification is one of leaves with their values, numbers or text.
func notification(t *testing.T, second int, leaves map[string]any) *gpb.Notification {
	t.Helper()
	n := &gpb.Notification{Timestamp: time.Unix(1000+int64(second), 0).UnixNano()}
	for path, value := range leaves {
		p, err := element.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		v := &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: fmt.Sprint(value)}}
		if n, ok := value.(int); ok {
			v = &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: uint64(n)}}
		}
		n.Update = append(n.Update, &gpb.Update{Path: p, Val: v})
	}
	return n
}

func samples(name string, octets, pkts, discards int) map[string]any {
	at := "/interfaces/interface[name=" + name + "]/state/"
	return map[string]any{
		at + "oper-status": "UP", at + "counters/in-octets": octets, at + "counters/in-pkts": pkts, at + "counters/in-discards": discards,
		"/interfaces/interface[name=" + name + "]/switch-port/state/switch":                                                           "default",
		"/interfaces/interface[name=" + name + "]/switch-port/discards/discard[direction=INGRESS][reason=TAG_MISMATCH]/state/pkts":    discards,
		"/interfaces/interface[name=" + name + "]/switch-port/discards/discard[direction=INGRESS][reason=EMPTY_PORT_LIST]/state/pkts": 0,
	}
}

// board is one after three seconds: eth2 has 1, then 2 Mb/s, eth10 4 Mb/s and drops.
func board(t *testing.T) *Board {
	b := NewBoard()
	for second, octets := range []int{0, 125_000, 375_000} {
		b.Apply(notification(t, second, samples("eth2", octets, second*100, 0)))
		b.Apply(notification(t, second, samples("eth10", 500_000*second, second*1000, second*7)))
		b.Apply(notification(t, second, map[string]any{"/interfaces/interface[name=lo]/state/oper-status": "UP"}))
	}
	return b
}

func TestRender(t *testing.T) {
	got := Render(board(t), Screen{Width: 118, Height: 24, Title: "sw1", Help: "help", Ports: true})
	want := `
sw1  2 interfaces by traffic  in 6.00Mb/s  out 0b/s  drops 7/s
INTERFACE       STATUS        IN                        OUT                     IN PPS   OUT PPS   DROPS/S
eth10           UP      4.00Mb/s               ██      0b/s                      1.00k         0         7
eth2            UP      2.00Mb/s               ▅█      0b/s                        100         0         0

DROPS BY REASON              PER S        TOTAL  MOST AT
TAG_MISMATCH                     7           14  eth10
help`
	if trimmed(got) != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestRenderFits(t *testing.T) {
	b := NewBoard()
	for i := range 100 {
		b.Apply(notification(t, 0, samples(fmt.Sprint("eth", i), 0, 0, 1)))
	}
	for _, size := range [][2]int{{20, 5}, {80, 24}, {200, 50}} {
		lines := strings.Split(Render(b, Screen{Width: size[0], Height: size[1], Help: help}), "\n")
		if len(lines) > size[1]+2 {
			t.Errorf("%d lines on a screen of %d", len(lines), size[1])
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > size[0] {
				t.Errorf("a line of %d on a screen of %d: %q", n, size[0], line)
			}
		}
	}
}

func TestOrders(t *testing.T) {
	tests := []struct {
		order Order
		ports bool
		want  string
	}{
		{ByTraffic, true, "eth10 eth2"},
		{ByDrops, true, "eth10 eth2"},
		{ByName, true, "eth2 eth10"},
		{ByName, false, "eth2 eth10 lo"},
	}
	for _, tt := range tests {
		var names []string
		for _, p := range board(t).sorted(tt.order, tt.ports) {
			names = append(names, p.name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("by %s: %s, want %s", tt.order, got, tt.want)
		}
	}
}

func TestDeletes(t *testing.T) {
	tests := []struct {
		name, path, want string
		reasons          int
	}{
		{"an interface", "/interfaces/interface[name=eth10]", "eth2", 0},
		{"a port", "/interfaces/interface[name=eth10]/switch-port", "eth2", 0},
		{"something else", "/interfaces/interface[name=eth10]/ethernet", "eth10 eth2", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := board(t)
			p, err := element.ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			b.Apply(&gpb.Notification{Delete: []*gpb.Path{p}})
			var names []string
			for _, p := range b.sorted(ByTraffic, true) {
				names = append(names, p.name)
			}
			if got := strings.Join(names, " "); got != tt.want || len(b.reasons()) != tt.reasons {
				t.Errorf("ports %s, %d reasons; want %s, %d", got, len(b.reasons()), tt.want, tt.reasons)
			}
		})
	}
}

// TestCounterBeginsAnew: a counter that goes back is no negative rate.
func TestCounterBeginsAnew(t *testing.T) {
	var s series
	for i, v := range []uint64{100, 300, 50} {
		s.add(v, time.Unix(int64(i), 0))
	}
	if got := fmt.Sprint(s.rates); got != "[200 0]" {
		t.Errorf("rates %s, want [200 0]", got)
	}
}

func TestScaled(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999: "999", 999.7: "1.00k", 12_345: "12.3k", 100_000: "100k", 1e6: "1.00M", 9.996e9: "10.0G", 1e18: "1000P"} {
		if got := scaled(n); got != want {
			t.Errorf("scaled(%g) = %s, want %s", n, got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	tests := []struct {
		rates []float64
		want  string
	}{
		{nil, "    "},
		{[]float64{0, 0}, "  ▁▁"},
		{[]float64{9, 0, 1, 2, 4}, "▁▃▅█"},
	}
	for _, tt := range tests {
		if got := sparkline(tt.rates, 4); got != tt.want {
			t.Errorf("sparkline(%v) = %q, want %q", tt.rates, got, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	m := tea.Model(screenModel{board: board(t), screen: Screen{Width: 118, Height: 24, Ports: true}})
	press := func(key string) tea.Cmd {
		var cmd tea.Cmd
		msg := tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		m, cmd = m.Update(msg)
		return cmd
	}
	press("p")
	if !strings.Contains(m.View().Content, "\nlo ") {
		t.Errorf("no lo after p:\n%s", m.View().Content)
	}
	press("o")
	press("o")
	if !strings.Contains(m.View().Content, "by name") {
		t.Errorf("not by name after o, o:\n%s", m.View().Content)
	}
	if cmd := press("q"); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not end it")
	}
}

// TestFlows: the busiest come first, those that end go.
func TestFlows(t *testing.T) {
	b := NewBoard()
	at := time.Unix(1000, 0)
	b.Sample("a > b tcp", "p1", 0)
	b.Sample("c > d udp", "p2", 0)
	b.Round(at)
	b.Sample("a > b tcp", "p1", 125_000)
	b.Sample("c > d udp", "p2", 250_000)
	b.Round(at.Add(time.Second))
	got := trimmed(Render(b, Screen{Width: 118, Height: 24}))
	for _, line := range []string{"2.00Mb/s", "1.00Mb/s"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
	if i, j := strings.Index(got, "c > d udp"), strings.Index(got, "a > b tcp"); i < 0 || j < i {
		t.Errorf("not in the order of their rates:\n%s", got)
	}
	for round := range quietFlows + 1 {
		b.Round(at.Add(time.Duration(round+2) * time.Second))
	}
	if n := len(b.flows); n != 0 {
		t.Errorf("%d flows are kept, want none", n)
	}
}
