package packets

import (
	"fmt"
	"strconv"
	"strings"
)

// Answer is what would become of a frame.
type Answer struct {
	Interface  string   `json:"interface"`
	Frame      string   `json:"frame"` // in hexadecimal
	Against    string   `json:"against"`
	Verdict    string   `json:"verdict"`
	Reason     string   `json:"drop-reason,omitempty"`
	VLAN       uint16   `json:"vlan-id,omitempty"`
	ConfigPath string   `json:"config-path,omitempty"`
	Detail     string   `json:"detail,omitempty"`
	Steps      []Step   `json:"steps"`
	Outputs    []Output `json:"outputs"`
}

// Output is an interface that the frame, or a copy of it, would leave through.
type Output struct {
	Interface string `json:"interface"`
	Member    string `json:"member,omitempty"`
	VLAN      uint16 `json:"vlan-id,omitempty"`
	Tagged    bool   `json:"tagged"`
	Reason    string `json:"drop-reason,omitempty"`
}

// Picture draws the way of a frame:
//
//	port1 ──▶ 02:… > broadcast arp who has 10.0.0.2, tell 10.0.0.1
//	  │
//	  ├─ INGRESS  port port1
//	  ├─ VLAN     VLAN 10
//	  ├─ LOOKUP   destination is a group
//	  ├─ FLOOD    2 copies
//	  │    ├─▶ port2, untagged
//	  │    └─▶ port3, tagged 10
//	  ▼
//	FLOOD to 2 ports
func Picture(a *Answer, octets []byte, s Styles) string {
	lines := []string{s.Bold.Render(a.Interface) + " ──▶ " + Summary(octets) + fmt.Sprintf("  %d B", len(octets)), "  │"}
	for i := range a.Steps {
		step := &a.Steps[i]
		if step.Stage == "OUTPUT" { // drawn below, with the outputs
			continue
		}
		lines = append(lines, "  ├─ "+stage(step, s))
	}
	for i, out := range a.Outputs {
		turn := "├"
		if i == len(a.Outputs)-1 {
			turn = "└"
		}
		lines = append(lines, "  │    "+turn+"─"+output(&out, s))
	}
	end := "  ▼"
	if a.Verdict == "DROP" {
		end = "  ✗"
	}
	lines = append(lines, end, s.verdict(a.Verdict, ending(a)))
	if a.ConfigPath != "" {
		lines = append(lines, "  because of "+s.Path.Render(a.ConfigPath))
	}
	if a.ConfigPath == "" && a.Detail != "" {
		lines = append(lines, "  "+a.Detail)
	}
	return strings.Join(lines, "\n")
}

// stage is a step of the picture.
func stage(step *Step, s Styles) string {
	text := fmt.Sprintf("%-8s ", step.Stage)
	if step.Verdict == "DROP" {
		return text + s.verdict(step.Verdict, "✗ "+step.Reason) + "  " + step.Detail
	}
	return strings.TrimRight(text+step.Detail, " ")
}

func output(out *Output, s Styles) string {
	text := out.Interface
	if out.Member != "" {
		text += " by member " + out.Member
	}
	if out.Reason != "" {
		return s.verdict("DROP", "✗ "+text+"  "+out.Reason)
	}
	tag := ", untagged"
	if out.Tagged {
		tag = ", tagged " + strconv.Itoa(int(out.VLAN))
	}
	return s.verdict("FORWARD", "▶ "+text+tag)
}

// ending says what becomes of the frame.
func ending(a *Answer) string {
	leaves := 0
	for _, out := range a.Outputs {
		if out.Reason == "" {
			leaves++
		}
	}
	switch a.Verdict {
	case "DROP":
		return "DROP " + a.Reason
	case "FLOOD":
		ports := "ports"
		if leaves == 1 {
			ports = "port"
		}
		return fmt.Sprintf("FLOOD to %d %s", leaves, ports)
	case "FORWARD":
		if len(a.Outputs) == 1 {
			return "FORWARD to " + a.Outputs[0].Interface
		}
	case "PUNT":
		return "PUNT to the host's protocols"
	}
	return a.Verdict
}
