package top

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
)

// Screen says how a board is shown.
type Screen struct {
	Width, Height int
	Order         Order
	// Ports leaves out interfaces that are no port of a switch.
	Ports bool
	// Skip is how many interfaces are scrolled away.
	Skip int
	// Title stands at the left of the first line, Help in the last one.
	Title, Help string
	// Styles are how the parts look; the zero value is plain text.
	Styles Styles
}

// Styles are the looks of a screen.
type Styles struct {
	Title, Head, Up, Down, Drop, Spark, Help lipgloss.Style
}

// Coloured are the looks on a terminal.
func Coloured() Styles {
	colour := func(c string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(c)) }
	return Styles{
		Title: lipgloss.NewStyle().Bold(true), Head: lipgloss.NewStyle().Faint(true).Underline(true),
		Up: colour("2"), Down: colour("1"), Drop: colour("3"), Spark: colour("6"), Help: lipgloss.NewStyle().Faint(true),
	}
}

// The columns of an interface: name, status, in, out, frames in and out, drops.
const (
	nameWidth  = 15
	rateWidth  = 9
	sparkWidth = 16
	// How many reasons and flows are shown.
	maxReasons, maxBusiest = 5, 8
	flowWidth              = 60
)

// Render draws a board.
func Render(b *Board, s Screen) string {
	ports := b.sorted(s.Order, s.Ports)
	reasons := b.reasons()
	reasons = reasons[:min(len(reasons), maxReasons)]
	room := s.Height - 4 // title, head, a line before the reasons, help
	if len(reasons) > 0 {
		room -= len(reasons) + 1
	}
	busiest := b.busiest(maxBusiest)
	if len(busiest) > 0 {
		room -= len(busiest) + 2
	}
	room = max(room, 1)
	skip := min(s.Skip, max(len(ports)-room, 0))
	lines := []string{s.title(b, len(ports)), s.Styles.Head.Render(s.head())}
	for _, p := range ports[skip:min(skip+room, len(ports))] {
		lines = append(lines, s.port(p))
	}
	if hidden := len(ports) - min(skip+room, len(ports)); hidden > 0 {
		lines[len(lines)-1] = s.Styles.Help.Render(fmt.Sprintf("… and %d more", hidden+1))
	}
	if len(reasons) > 0 {
		lines = append(lines, "", s.Styles.Head.Render(fmt.Sprintf("%-24s %*s %12s  %s", "DROPS BY REASON", rateWidth, "PER S", "TOTAL", "MOST AT")))
		for _, r := range reasons {
			lines = append(lines, s.Styles.Drop.Render(fmt.Sprintf("%-24s %*s %12d  %s", r.name, rateWidth, scaled(r.rate), r.total, r.worst)))
		}
	}
	if len(busiest) > 0 {
		lines = append(lines, "", s.Styles.Head.Render(fmt.Sprintf("%-*s %-*s %*s %-*s", flowWidth, "BUSIEST FLOWS", nameWidth, "IN AT", rateWidth, "RATE", s.spark(), "")))
		for _, f := range busiest {
			lines = append(lines, fmt.Sprintf("%-*s %-*s %*s %s", flowWidth, f.name, nameWidth, clip(f.in), rateWidth, bits(f.series.rate()),
				s.Styles.Spark.Render(sparkline(f.series.rates, s.spark()))))
		}
	}
	if s.Help != "" {
		lines = append(lines, s.Styles.Help.Render(s.Help))
	}
	for i, line := range lines {
		lines[i] = lipgloss.NewStyle().MaxWidth(s.Width).Render(line)
	}
	return strings.Join(lines, "\n")
}

func (s Screen) title(b *Board, shown int) string {
	var in, out, drops float64
	for _, p := range b.ports {
		if p.sw != "" { // else what crosses the switch would count twice
			in, out = in+p.counters[inOctets].rate(), out+p.counters[outOctets].rate()
			drops += p.sum(inDiscards, outDiscards)
		}
	}
	return s.Styles.Title.Render(fmt.Sprintf("%s  %d interfaces by %s  in %s  out %s  drops %s/s",
		s.Title, shown, s.Order, bits(in), bits(out), scaled(drops)))
}

func (s Screen) head() string {
	return fmt.Sprintf("%-*s %-6s %*s %-*s %*s %-*s %*s %*s %*s", nameWidth, "INTERFACE", "STATUS",
		rateWidth, "IN", s.spark(), "", rateWidth, "OUT", s.spark(), "",
		rateWidth, "IN PPS", rateWidth, "OUT PPS", rateWidth, "DROPS/S")
}

// spark is the width of a curve: wide terminals have room for more.
func (s Screen) spark() int {
	return max(8, min(history, sparkWidth+(s.Width-118)/2))
}

func (s Screen) port(p *port) string {
	status, look := short(p.status), s.Styles.Down
	if status == "UP" {
		look = s.Styles.Up
	}
	drops := fmt.Sprintf("%*s", rateWidth, scaled(p.sum(inDiscards, outDiscards)))
	if p.sum(inDiscards, outDiscards) > 0 {
		drops = s.Styles.Drop.Render(drops)
	}
	curve := func(c counter) string { return s.Styles.Spark.Render(sparkline(p.counters[c].rates, s.spark())) }
	return fmt.Sprintf("%-*s %s %*s %s %*s %s %*s %*s %s", nameWidth, clip(p.name), look.Render(fmt.Sprintf("%-6s", status)),
		rateWidth, bits(p.counters[inOctets].rate()), curve(inOctets),
		rateWidth, bits(p.counters[outOctets].rate()), curve(outOctets),
		rateWidth, scaled(p.counters[inPkts].rate()), rateWidth, scaled(p.counters[outPkts].rate()), drops)
}

// clip bounds a name; the kernel's are no longer.
func clip(name string) string {
	if r := []rune(name); len(r) > nameWidth {
		return string(r[:nameWidth-1]) + "…"
	}
	return name
}

// short is a status in six letters.
func short(status string) string {
	switch status {
	case "":
		return "-"
	case "NOT_PRESENT":
		return "ABSENT"
	case "LOWER_LAYER_DOWN":
		return "LOWER"
	}
	return status
}

// bits is a rate of octets as bits per second.
func bits(octets float64) string { return scaled(octets*8) + "b/s" }

// scaled is a number with three digits and a prefix of a thousand each.
func scaled(n float64) string {
	const prefixes = "kMGTP"
	if n < 999.5 {
		return fmt.Sprintf("%.0f", n)
	}
	i := -1
	for n >= 999.5 && i < len(prefixes)-1 {
		n, i = n/1000, i+1
	}
	digits := 0
	switch {
	case n < 9.995:
		digits = 2
	case n < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%.*f%c", digits, n, prefixes[i])
}

// sparkline draws the newest rates in a width, scaled to the greatest of them.
func sparkline(rates []float64, width int) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	rates = rates[max(0, len(rates)-width):]
	top := 0.0
	for _, r := range rates {
		top = max(top, r)
	}
	line := []rune(strings.Repeat(" ", width-len(rates)))
	for _, r := range rates {
		level := 0
		if top > 0 {
			level = min(int(r/top*float64(len(levels))), len(levels)-1)
		}
		line = append(line, levels[level])
	}
	return string(line)
}
