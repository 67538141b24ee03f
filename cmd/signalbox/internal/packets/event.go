package packets

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/openconfig/gnmi/proto/gnmi"
)

// Step is what one stage did with a packet.
type Step struct {
	Stage      string `json:"stage"`
	Verdict    string `json:"verdict"`
	Reason     string `json:"drop-reason,omitempty"`
	Kernel     string `json:"kernel-reason,omitempty"`
	Interface  string `json:"interface,omitempty"`
	VLAN       uint16 `json:"vlan-id,omitempty"`
	Tagged     bool   `json:"tagged,omitempty"`
	Detail     string `json:"detail,omitempty"`
	ConfigPath string `json:"config-path,omitempty"`
}

// Packet is one packet's way through the switch.
type Packet struct {
	Time      time.Time `json:"time"`
	ID        uint64    `json:"packet-id"`
	In        string    `json:"in-interface,omitempty"`
	Aggregate string    `json:"in-aggregate,omitempty"`
	Out       string    `json:"out-interface,omitempty"`
	VLAN      uint16    `json:"vlan-id,omitempty"`
	Tag       uint32    `json:"tag,omitempty"` // TPID << 16 | control information
	Length    int       `json:"packet-length"`
	Verdict   string    `json:"packet-verdict"`
	Reason    string    `json:"packet-drop-reason,omitempty"`
	Cut       bool      `json:"cut,omitempty"`
	Steps     []Step    `json:"steps"`
	// Missing counts the steps that were lost on the way here.
	Missing int `json:"missing-steps,omitempty"`
	// Octets are the beginning of the packet as it came in; nil where the
	// session does not tell them.
	Octets []byte `json:"packet,omitempty"`
}

// ConfigPath is that of the step which dropped the packet, or the first copy
// that was; "" for none.
func (p *Packet) ConfigPath() string {
	if s := p.dropped(); s != nil {
		return s.ConfigPath
	}
	return ""
}

// dropped is the step that dropped the packet, nil for none.
func (p *Packet) dropped() *Step {
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Verdict == "DROP" && (s.Reason == p.Reason || p.Reason == "") {
			return s
		}
	}
	return nil
}

// maxOpen is how many packets may be incomplete at once: one of which a step was
// lost is not waited for any longer.
const maxOpen = 256

// Assembler puts packets together from events.
type Assembler struct {
	open  map[uint64]*assembled
	order []uint64
	last  uint64 // sequence
	// Lost counts events whose sequence numbers are missing.
	Lost uint64
}

type assembled struct {
	packet Packet
	want   int
}

// NewAssembler has seen nothing.
func NewAssembler() *Assembler { return &Assembler{open: map[uint64]*assembled{}} }

// Add takes an event, and gives the packets that are complete with it or are not
// waited for any longer. What is no event gives none.
func (a *Assembler) Add(n *gnmi.Notification) []Packet {
	e := parse(n)
	if e.sequence == 0 {
		return nil
	}
	if a.last != 0 && e.sequence > a.last+1 {
		a.Lost += e.sequence - a.last - 1
	}
	a.last = e.sequence
	o := a.open[e.packet.ID]
	if o == nil {
		o = &assembled{packet: e.packet, want: e.steps}
		a.open[e.packet.ID] = o
		a.order = append(a.order, e.packet.ID)
	}
	p := &o.packet
	p.Steps = append(p.Steps, e.step)
	if e.packet.VLAN != 0 {
		p.VLAN = e.packet.VLAN
	}
	if e.packet.Octets != nil {
		p.Octets = e.packet.Octets
	}
	var done []Packet
	for len(a.order) > 0 {
		first := a.open[a.order[0]]
		complete := len(first.packet.Steps) >= first.want || a.order[0] == e.packet.ID && e.number >= e.steps
		if !complete && len(a.order) <= maxOpen {
			break
		}
		first.packet.Missing = max(first.want-len(first.packet.Steps), 0)
		done = append(done, first.packet)
		delete(a.open, a.order[0])
		a.order = a.order[1:]
	}
	return done
}

// Rest gives the packets that are not complete.
func (a *Assembler) Rest() []Packet {
	var all []Packet
	for _, id := range a.order {
		o := a.open[id]
		o.packet.Missing = o.want - len(o.packet.Steps)
		all = append(all, o.packet)
	}
	*a = *NewAssembler()
	return all
}

// event is one event of signalbox-trace.
type event struct {
	sequence      uint64
	packet        Packet // without steps
	step          Step
	number, steps int
}

// parse reads the leaves of an event; the sequence of what is none is 0.
func parse(n *gnmi.Notification) event {
	var e event
	for _, u := range n.GetUpdate() {
		elems := u.GetPath().GetElem()
		if len(elems) == 0 {
			continue
		}
		e.leaf(elems[len(elems)-1].GetName(), u.GetVal())
	}
	return e
}

func (e *event) leaf(name string, v *gnmi.TypedValue) {
	text, number := printable(v.GetStringVal()), v.GetUintVal()
	p, s := &e.packet, &e.step
	switch name {
	case "sequence":
		e.sequence = number
	case "timestamp":
		p.Time = time.Unix(0, int64(number))
	case "packet-id":
		p.ID = number
	case "step":
		e.number = int(number)
	case "steps":
		e.steps = int(number)
	case "cut":
		p.Cut = v.GetBoolVal()
	case "stage":
		s.Stage = text
	case "verdict":
		s.Verdict = text
	case "drop-reason":
		s.Reason = text
	case "kernel-reason":
		s.Kernel = text
	case "interface":
		s.Interface = text
	case "in-interface":
		p.In = text
	case "in-aggregate":
		p.Aggregate = text
	case "out-interface":
		p.Out = text
	case "packet-verdict":
		p.Verdict = text
	case "packet-drop-reason":
		p.Reason = text
	case "vlan-id":
		p.VLAN, s.VLAN = uint16(number), uint16(number)
	case "tagged":
		s.Tagged = v.GetBoolVal()
	case "tag":
		p.Tag = uint32(number)
	case "config-path":
		s.ConfigPath = text
	case "detail":
		s.Detail = text
	case "packet-length":
		p.Length = int(number)
	case "packet":
		p.Octets = v.GetBytesVal()
	}
}

// printable replaces what would control a terminal: names may come from anybody.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}

// tagText is a tag as people read it, "" for none.
func tagText(tag uint32) string {
	if tag == 0 {
		return ""
	}
	text := "tag " + strconv.Itoa(int(tag&0xfff))
	if priority := tag >> 13 & 7; priority != 0 {
		text += " prio " + strconv.Itoa(int(priority))
	}
	return text
}
