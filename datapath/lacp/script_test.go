package lacp

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

var update = flag.Bool("update", false, "write the scripts anew with what happened")

// TestScripts plays the scripts of testdata. A line that begins in the first
// column is a command: the time, and what happens then. Before it, the group
// does all that is due. What follows indented is what the group did; -update
// writes it. Lines with a # are comments.
//
//	0s configure [priority=N] [key=N] [max=N] [min=N] [fast] [passive] [fallback=TIME] [system=X]
//	0s port NAME number=N [priority=N] [speed=N] [up] [standby] [drained]
//	0s remove NAME
//	0s hear NAME state=BITS port=N [portpriority=N] [system=X] [priority=N] [key=N] [stale]
//	0s octets NAME HEX                  any octets at all
//	0s restart [after=TIME] [lost=NAME] a new group goes on with what this one saved
//	0s wait                             do what is due until then
//
// A system X is the last octet of 02:00:00:00:00:XX; the group's is 0a unless it
// is said otherwise, the partner's 0b. What the partner says of the group is
// what the group is, unless it is stale. Bits are those of bitNames.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, now: epoch(), shown: map[string]string{}}
			got := p.play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

const bitNames = "AFGSCDde" // activity, fast, aggregation, synchronization, collecting, distributing, defaulted, expired

func bits(state uint8) string {
	b := []byte("--------")
	for i := range bitNames {
		if state>>i&1 != 0 {
			b[i] = bitNames[i]
		}
	}
	return string(b)
}

func (s receiveState) String() string {
	return [...]string{"PORT_DISABLED", "EXPIRED", "DEFAULTED", "CURRENT"}[s]
}

func (s muxState) String() string {
	return [...]string{"DETACHED", "WAITING", "ATTACHED", "COLLECTING", "DISTRIBUTING"}[s]
}

func (s selection) String() string {
	return [...]string{"UNSELECTED", "STANDBY", "SELECTED"}[s]
}

// player plays one script.
type player struct {
	t     *testing.T
	group *Group
	now   time.Time
	shown map[string]string // what was last said of each port
	out   strings.Builder
	sent  *[][]byte // all PDUs, nil for who doesn't want them
}

// epoch is when each script begins.
func epoch() time.Time { return time.Unix(1e9, 0).UTC() }

// play returns the script with what happened.
func (p *player) play(script string) string {
	p.group = New(p.config(words{}))
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, " ") {
			continue
		}
		if command := strings.Fields(line); len(command) > 0 && !strings.HasPrefix(line, "#") {
			p.command(command)
			continue
		}
		p.out.WriteString(line)
	}
	return p.out.String()
}

func (p *player) command(words []string) {
	at, err := time.ParseDuration(words[0])
	if err != nil {
		p.t.Fatalf("%v: %v", words, err)
	}
	p.until(epoch().Add(at))
	fmt.Fprintln(&p.out, strings.Join(words, " "))
	p.do(words[1], words[2:])
	p.show()
}

// until does what is due up to a time, and leaves the group alone then.
func (p *player) until(end time.Time) {
	for {
		next := p.group.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(p.now) {
			p.now = next
		}
		p.group.Advance(p.now)
		p.show()
		if next := p.group.Next(); !next.IsZero() && !next.After(p.now) {
			p.t.Fatalf("at %v: Next is %v, which is not behind Advance", p.now.Sub(epoch()), next.Sub(epoch()))
		}
	}
	p.now = end
}

// words are the options of a command: key=value, or key alone.
type words map[string]string

func (w words) has(key string) bool { _, ok := w[key]; return ok }

func (w words) number(t *testing.T, key string, otherwise uint64) uint64 {
	v, ok := w[key]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 0, 32)
	if err != nil {
		t.Fatalf("%s=%s: %v", key, v, err)
	}
	return n
}

func (w words) duration(t *testing.T, key string) time.Duration {
	if !w.has(key) {
		return 0
	}
	d, err := time.ParseDuration(w[key])
	if err != nil {
		t.Fatalf("%s=%s: %v", key, w[key], err)
	}
	return d
}

func (w words) system(t *testing.T, otherwise byte) spec.MAC {
	if !w.has("system") {
		return spec.MAC{2, 0, 0, 0, 0, otherwise}
	}
	n, err := strconv.ParseUint(w["system"], 16, 8)
	if err != nil {
		t.Fatalf("system=%s: %v", w["system"], err)
	}
	return spec.MAC{2, 0, 0, 0, 0, byte(n)}
}

func (p *player) do(verb string, args []string) {
	w := words{}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		w[key] = value
	}
	switch verb {
	case "wait":
	case "configure":
		p.group.Configure(p.now, p.config(w))
	case "port":
		p.group.SetPort(p.now, args[0], PortConfig{
			Number: uint16(w.number(p.t, "number", 0)), Priority: uint16(w.number(p.t, "priority", spec.DefaultPortPriority)),
			SpeedMegabits: uint32(w.number(p.t, "speed", 10000)), Up: w.has("up"), Standby: w.has("standby"), Drained: w.has("drained"),
		})
	case "remove":
		p.group.RemovePort(p.now, args[0])
	case "hear":
		p.hear(args[0], w)
	case "octets":
		b, err := hex.DecodeString(args[1])
		if err != nil {
			p.t.Fatal(err)
		}
		p.group.Receive(p.now, args[0], append(b, make([]byte, max(0, PDUOctets-len(b)))...))
	case "restart":
		p.restart(w)
	default:
		p.t.Fatalf("no command %s", verb)
	}
}

func (p *player) config(w words) Config {
	return Config{
		SystemID: w.system(p.t, 0x0a), SystemPriority: uint16(w.number(p.t, "priority", spec.DefaultSystemPriority)),
		Key: uint8(w.number(p.t, "key", 1)), Passive: w.has("passive"), Fast: w.has("fast"),
		Fallback: w.has("fallback"), FallbackTimeout: w.duration(p.t, "fallback"),
		MaxActive: int(w.number(p.t, "max", 0)), MinActive: int(w.number(p.t, "min", 0)),
	}
}

func (p *player) hear(name string, w words) {
	pdu := PDU{Actor: spec.LACPEnd{
		SystemPriority: uint16(w.number(p.t, "priority", spec.DefaultSystemPriority)), SystemID: w.system(p.t, 0x0b),
		Key: uint16(w.number(p.t, "key", 9)), Port: uint16(w.number(p.t, "port", 0)),
		PortPriority: uint16(w.number(p.t, "portpriority", spec.DefaultPortPriority)),
	}}
	for i, c := range bitNames {
		if strings.ContainsRune(w["state"], c) {
			pdu.Actor.State |= 1 << i
		}
	}
	if !w.has("stale") {
		member, _ := p.group.Member(name)
		pdu.Partner = member.Actor
	}
	p.group.Receive(p.now, name, pdu.Append(nil))
}

// restart makes a new group of what the old one saved, with the same ports.
func (p *player) restart(w words) {
	old, saved := p.group, p.group.Save(p.now)
	p.until(p.now) // nothing
	p.now = p.now.Add(w.duration(p.t, "after"))
	p.group = New(old.config)
	p.group.Restore(p.now, saved)
	for _, o := range old.ports {
		if o.name == w["lost"] {
			continue
		}
		p.group.SetPort(p.now, o.name, o.config)
	}
}

// show says what the group did since the last time.
func (p *player) show() {
	at := p.now.Sub(epoch())
	for _, f := range p.group.Outbox() {
		if p.sent != nil {
			*p.sent = append(*p.sent, f.PDU)
		}
		if m, err := ParseMarker(f.PDU); err == nil {
			fmt.Fprintf(&p.out, "  %v %s sends %+v\n", at, f.Port, m)
			continue
		}
		pdu, err := ParsePDU(f.PDU)
		if err != nil {
			p.t.Fatal(err)
		}
		fmt.Fprintf(&p.out, "  %v %s sends %s | %s\n", at, f.Port, endText(pdu.Actor), endText(pdu.Partner))
	}
	for _, port := range p.group.ports {
		if now := p.port(port); now != p.shown[port.name] {
			p.shown[port.name] = now
			fmt.Fprintf(&p.out, "  %v %s is %s\n", at, port.name, now)
		}
	}
}

func endText(e spec.LACPEnd) string {
	return fmt.Sprintf("%d.%02x key %#x port %d.%d %s", e.SystemPriority, e.SystemID[5], e.Key, e.PortPriority, e.Port, bits(e.State))
}

func (p *player) port(port *port) string {
	m, v := p.group.Member(port.name)
	text := fmt.Sprintf("%v %v %v", port.rx, port.selected, port.mux)
	if v.Reason != spec.MemberFine {
		text += ", " + v.Reason.String()
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{m.ActorChurn, "actor churn"}, {m.PartnerChurn, "partner churn"}, {m.BothPassive, "both passive"}, {port.fallback, "fallback"}} {
		if flag.on {
			text += ", " + flag.name
		}
	}
	c := m.Counters
	for _, counter := range []struct {
		n    uint64
		name string
	}{
		{c.InErrors, "in errors"}, {c.UnknownErrors, "unknown"}, {c.IllegalErrors, "illegal"}, {c.Timeouts, "timeouts"},
		{c.PartnerChanges, "partner changes"}, {c.MarkersIn, "markers"}, {c.MarkerResponses, "responses"},
	} {
		if counter.n > 0 {
			text += fmt.Sprintf(", %d %s", counter.n, counter.name)
		}
	}
	return text
}
