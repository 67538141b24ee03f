package packets

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
)

// Styles are the looks of what is shown; the zero value is plain text.
type Styles struct {
	Forward, Drop, Path, Faint, Bold lipgloss.Style
}

// Coloured are the looks on a terminal.
func Coloured() Styles {
	colour := func(c string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(c)) }
	return Styles{
		Forward: colour("2"), Drop: colour("1"), Path: colour("3"),
		Faint: lipgloss.NewStyle().Faint(true), Bold: lipgloss.NewStyle().Bold(true),
	}
}

// verdict paints a verdict by whether the packet goes on.
func (s Styles) verdict(verdict, text string) string {
	switch verdict {
	case "DROP":
		return s.Drop.Render(text)
	case "FORWARD", "FLOOD", "PUNT":
		return s.Forward.Render(text)
	}
	return text
}

// Line is a packet on one line:
//
//	12:00:00.123456  port1 → port2  vlan 10  02:… > 02:… 10.0.0.1 > 10.0.0.2 icmp echorequest  FORWARD
//	12:00:00.123457  port1 → ✗  …  DROP INGRESS_VLAN  /interfaces/…/trunk-vlans
func Line(p *Packet, s Styles) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s", s.Faint.Render(p.Time.Format("15:04:05.000000")), route(p))
	if p.VLAN != 0 {
		fmt.Fprintf(&b, "  vlan %d", p.VLAN)
	}
	if tag := tagText(p.Tag); tag != "" {
		fmt.Fprintf(&b, " (%s)", tag)
	}
	if text := Summary(p.Octets); text != "" {
		fmt.Fprintf(&b, "  %s", text)
	}
	fmt.Fprintf(&b, "  %d B", p.Length)
	verdict := p.Verdict
	if p.Reason != "" {
		verdict += " " + p.Reason
	}
	fmt.Fprintf(&b, "  %s", s.verdict(p.Verdict, verdict))
	if d := p.dropped(); d != nil {
		if d.Kernel != "" {
			fmt.Fprintf(&b, " %s", d.Kernel)
		}
		because := d.ConfigPath
		if because == "" {
			because = d.Detail
		}
		fmt.Fprintf(&b, "  %s", s.Path.Render(because))
	}
	if p.Missing > 0 {
		fmt.Fprintf(&b, "  (%d steps lost)", p.Missing)
	}
	return b.String()
}

// route is where a packet came in and where it goes.
func route(p *Packet) string {
	in := p.In
	if p.Aggregate != "" {
		in += " (" + p.Aggregate + ")"
	}
	out := p.Out
	switch {
	case p.Verdict == "DROP" && out != "":
		out = "✗ " + out
	case p.Verdict == "DROP":
		out = "✗"
	case p.Verdict == "PUNT":
		out = "host"
	case out == "":
		out = "all"
		if copies := outputs(p); len(copies) > 0 && len(copies) <= 4 {
			out = strings.Join(copies, ",")
		} else if len(copies) > 0 {
			out = fmt.Sprintf("%d ports", len(copies))
		}
	}
	if in == "" {
		in = "?"
	}
	return in + " → " + out
}

// outputs are the interfaces that copies leave by.
func outputs(p *Packet) []string {
	var names []string
	for _, s := range p.Steps {
		if s.Stage == "OUTPUT" && s.Verdict != "DROP" && s.Interface != "" {
			names = append(names, s.Interface)
		}
	}
	return names
}

// StepLines are the steps of a packet, a line for each.
func StepLines(p *Packet, s Styles) []string {
	lines := make([]string, len(p.Steps))
	for i, step := range p.Steps {
		lines[i] = "    " + stepText(&step, s)
	}
	return lines
}

func stepText(step *Step, s Styles) string {
	verdict := step.Verdict
	if step.Reason != "" {
		verdict += " " + step.Reason
	}
	if step.Kernel != "" {
		verdict += " " + step.Kernel
	}
	text := fmt.Sprintf("%-8s %s", step.Stage, s.verdict(step.Verdict, fmt.Sprintf("%-7s", verdict)))
	if step.Detail != "" {
		text += "  " + step.Detail
	}
	if step.ConfigPath != "" {
		text += "  " + s.Path.Render(step.ConfigPath)
	}
	return strings.TrimRight(text, " ")
}
