package filter

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// expressions are one of each kind.
var expressions = []string{
	"ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp",
	"host 10.0.0.1", "src host 10.0.0.1", "dst 10.0.0.2", "src and dst host 10.0.0.1", "ip host 10.0.0.1", "arp host 10.0.0.1",
	"host 2001:db8::1", "ip6 dst host 2001:db8::2", "net 10.0.0.0/24", "src net 10.0.0.0 mask 255.255.255.0", "net 2001:db8::/32", "dst net 0.0.0.0/0",
	"ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:01", "ether dst 02:00:00:00:00:02", "ether proto 0x806", `ether proto \ip`,
	"broadcast", "multicast", "ether multicast", "ip multicast", "ip6 multicast",
	"port 80", "tcp port 80", "udp dst port 53", "src port 1024", "portrange 80-90", "tcp src portrange 1000-2000", "port domain", "src and dst port 80",
	"ip proto 17", `ip proto \tcp`, "ip6 proto 58", "proto 6",
	"less 100", "greater 120", "len = 118", "len != 118", "len > 120", "len <= 130",
	"tcp[13] & 2 != 0", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "ip[8] < 64", "ether[0] & 1 = 1", "icmp[icmptype] == icmp-echo", "ip6[6] = 58",
	"udp[4:2] > 100", "ip[12:4] = 0x0a000001", "arp[6:2] = 1", "icmp6[0] = 128",
	"host 10.0.0.1 and tcp port 80", "tcp or udp and host 10.0.0.1", "not tcp", "not (tcp or udp)", "! arp && ! icmp", "port 80 or 443", "tcp dst port (80 or 443)", "host 10.0.0.1 or 10.0.0.2",
	"not host 10.0.0.1 and not port 53", "(ip6 and tcp) or port 53",
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		expression string
		at         int // from 1 on
		word       string
	}{
		{"tcp prot 80", 5, "not expected"},
		{"garbage", 1, "no condition"},
		{"host", 5, "ends"},
		{"host a.example", 6, "not looked up"},
		{"port 65536", 6, "no port"},
		{"portrange 90-80", 11, "range"},
		{"icmp port 80", 11, "no ports"},
		{"tcp host 10.0.0.1", 10, "no address"},
		{"(tcp", 5, "missing"},
		{"tcp)", 4, "not expected"},
		{"tcp and", 8, "condition is missing"},
		{"tcp and #", 9, "not of the language"},
		{"vlan 4096", 6, "0 to 4095"},
		{"less 100000", 6, "0 to 65535"},
		{"tcp[13", 7, "missing"},
		{"tcp[13:3] = 1", 5, "want 1, 2 or 4"},
		{"tcp[13]", 8, "comparison"},
		{"net 10.0.0.1/24", 5, "bits outside"},
		{"net 10.0.0.0 mask 255.0.255.0", 19, "no mask"},
		{"ether host 10.0.0.1", 12, "no MAC"},
		{"ip broadcast", 4, "not served"},
		{"80", 1, "no condition"},
		{"src proto 6", 11, "no direction"},
		{"ip6 host 10.0.0.1", 10, "no address"},
		{"ether", 6, "after ether"},
		{strings.Repeat("(", 40) + "tcp", 33, "levels"},
		{strings.Repeat("x", 2000), MaxLength + 1, "longer"},
		{"port 1" + strings.Repeat(" or 1", 100), 1, "more than"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.expression)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset+1 != tt.at || !strings.Contains(syntax.Reason, tt.word) {
			t.Errorf("%.40q: %v, want an error at %d with %q", tt.expression, err, tt.at, tt.word)
		}
	}
}

func TestTag(t *testing.T) {
	tests := []struct {
		expression string
		tag        uint32
		want       bool
	}{
		{"vlan", 0, false},
		{"vlan", 1<<16 | 10, true},
		{"vlan", 1 << 16, true}, // a tag of a priority alone
		{"vlan 10", 1<<16 | 10, true},
		{"vlan 10", 1<<16 | 0xe00a, true},
		{"vlan 10", 1<<16 | 11, false},
		{"vlan 0", 0, false},
		{"vlan 10 or vlan 11", 1<<16 | 11, true},
		{"not vlan", 0, true},
		{"vlan 10 and tcp", 1<<16 | 10, true},
		{"tcp and vlan 10", 1<<16 | 10, true},
		{"vlan 10 and udp", 1<<16 | 10, false},
	}
	tcp := packet{kind: typeIP, proto: protoTCP, source: 80, destination: 80}.octets()
	for _, tt := range tests {
		f, err := Parse(tt.expression)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
		} else if got := f.Match(tcp, tt.tag); got != tt.want {
			t.Errorf("%s, tag %#x: %t, want %t", tt.expression, tt.tag, got, tt.want)
		}
	}
}

// packet is a frame to be made.
type packet struct {
	kind, proto, source, destination uint32
	host                             [2]byte // last octets of source and destination
	options, fragment, flags, size   int
	group                            bool // to a group in layer 2 and 3
}

func random(r *rand.Rand) packet {
	pick := func(values ...uint32) uint32 { return values[r.IntN(len(values))] }
	return packet{
		kind:   pick(typeIP, typeIP, typeIP, typeIP6, typeIP6, typeARP, typeRARP, 0x88cc),
		proto:  pick(protoTCP, protoUDP, protoICMP, protoICMP6, protoSCTP, protoIGMP, 44, 89),
		source: pick(80, 443, 53, 1024, 85, 1500), destination: pick(80, 443, 53, 1024, 85),
		host: [2]byte{byte(pick(1, 2, 3)), byte(pick(1, 2))}, options: int(pick(0, 0, 0, 2, 10)),
		fragment: int(pick(0, 0, 0, 0x2000, 100)), flags: int(pick(2, 16, 18, 1)), size: int(pick(0, 4, 30, 60)), group: r.IntN(5) == 0,
	}
}

// octets are the frame; it is long enough for every header.
func (p packet) octets() []byte {
	b := make([]byte, 14, 200)
	copy(b, []byte{2, 0, 0, 0, 0, p.host[1], 2, 0, 0, 0, 0, p.host[0]})
	if p.group {
		copy(b, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	binary.BigEndian.PutUint16(b[12:], uint16(p.kind))
	switch p.kind {
	case typeIP:
		b = append(b, byte(0x45+p.options), 0, 0, 100, 0, 0, byte(p.fragment>>8), byte(p.fragment), byte(32*(p.options+1)), byte(p.proto), 0, 0)
		b = append(b, 10, 0, 0, p.host[0], 10, 0, 0, p.host[1])
		if p.group {
			b[ipDestination] = 224
		}
		b = append(b, make([]byte, 4*p.options)...)
	case typeIP6:
		b = append(b, 0x60, 0, 0, 0, 0, 40, byte(p.proto), 64)
		b = append(append(b, net.ParseIP("2001:db8::")[:15]...), p.host[0])
		b = append(append(b, net.ParseIP("2001:db8::")[:15]...), p.host[1])
		if p.group {
			b[ip6Destination] = 0xff
		}
	default:
		b = append(b, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, p.host[0], 10, 0, 0, p.host[0], 0, 0, 0, 0, 0, 0, 10, 0, 0, p.host[1])
	}
	b = binary.BigEndian.AppendUint16(b, uint16(p.source))
	b = binary.BigEndian.AppendUint16(b, uint16(p.destination))
	b = append(b, 0, byte(p.size*2), 0, 0, 0, 0, 0, 0, 0x50, byte(p.flags))
	if p.proto == protoICMP || p.proto == protoICMP6 {
		b[len(b)-14] = []byte{8, 0, 128}[p.options%3] // the type
	}
	return append(b, make([]byte, 40+p.size)...)
}

// TestLikeTCPDump: each expression passes the frames that it passes in tcpdump.
func TestLikeTCPDump(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("tcpdump is missing: apt-get install tcpdump")
	}
	for _, expression := range expressions {
		t.Run(expression, func(t *testing.T) {
			f, err := Parse(expression)
			if err != nil {
				t.Fatal(err)
			}
			theirs := tcpdump(t, expression)
			r, passed := rand.New(rand.NewPCG(1, 2)), 0
			for range 3000 {
				b := random(r).octets()
				n, err := theirs.Run(b)
				if err != nil {
					t.Fatal(err)
				}
				if got := f.Match(b, 0); got != (n > 0) {
					t.Fatalf("%x: %t, tcpdump %t", b, got, n > 0)
				}
				if n > 0 {
					passed++
				}
			}
			if passed == 0 || passed == 3000 {
				t.Errorf("%d of 3000 frames pass: they prove nothing", passed)
			}
		})
	}
}

// tcpdump compiles an expression into classic BPF.
func tcpdump(t *testing.T, expression string) *bpf.VM {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "tcpdump", "-y", "EN10MB", "-ddd", expression).Output()
	if err != nil {
		t.Fatalf("tcpdump: %v", err)
	}
	var code []bpf.RawInstruction
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n")[1:] {
		var n [4]uint64
		for i, field := range strings.Fields(line) {
			if n[i], err = strconv.ParseUint(field, 10, 32); err != nil {
				t.Fatal(err)
			}
		}
		code = append(code, bpf.RawInstruction{Op: uint16(n[0]), Jt: uint8(n[1]), Jf: uint8(n[2]), K: uint32(n[3])})
	}
	instructions, ok := bpf.Disassemble(code)
	if !ok {
		t.Fatalf("tcpdump wrote what is no classic BPF: %s", out)
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// load makes a program of a filter: it gives 1 or 0 for a frame with a tag.
func load(t testing.TB, f *Filter, tag uint32) *ebpf.Program {
	t.Helper()
	entry := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 80, asm.Word).WithSymbol("entry"), // __sk_buff.data_end
		asm.LoadMem(asm.R4, asm.R1, 0, asm.Word),                      // len
		asm.LoadMem(asm.R1, asm.R1, 76, asm.Word),                     // data
		asm.Mov.Imm32(asm.R3, int32(tag)),
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: append(entry, f.Instructions("filter")...)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestInKernel: the compiled code does what Match says, also with frames that
// are too short.
func TestInKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI must run this test as root: it loads programs")
		}
		t.Skip("needs root: it loads programs")
	}
	const tag = 1<<16 | 10
	all := append([]string{"", "vlan 10", "vlan 11", "vlan and not tcp", "net 0.0.0.0/0", "not net ::/0", "tcp or not (vlan or not vlan) or net 0.0.0.0/0", strings.Repeat("(", 20) + "tcp" + strings.Repeat(")", 20)}, expressions...)
	for _, expression := range all {
		t.Run(expression, func(t *testing.T) {
			f, err := Parse(expression)
			if err != nil {
				t.Fatal(err)
			}
			p := load(t, f, tag)
			r := rand.New(rand.NewPCG(3, 4))
			for range 200 {
				b := random(r).octets()
				b = b[:15+r.IntN(len(b)-14)]
				got, err := p.Run(&ebpf.RunOptions{Data: b})
				if errors.Is(err, unix.EINVAL) && len(b) < 54 {
					continue // the kernel wants the network header whole
				}
				if err != nil {
					t.Fatal(err)
				}
				if want := f.Match(b, tag); (got == 1) != want {
					t.Fatalf("%x: %d in the kernel, want %t", b, got, want)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range expressions {
		f.Add(e)
	}
	frames := []packet{{kind: typeIP, proto: protoTCP, source: 80}, {kind: typeIP6, proto: protoUDP}, {kind: typeARP}}
	f.Fuzz(func(t *testing.T, expression string) {
		filter, err := Parse(expression)
		var syntax *SyntaxError
		if err != nil {
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(expression) {
				t.Fatalf("%q: %v has no place", expression, err)
			}
			return
		}
		for _, p := range frames {
			filter.Match(p.octets(), 0)
			filter.Match(p.octets()[:20], 1<<16)
		}
		if len(filter.Instructions("f")) == 0 {
			t.Fatalf("%q gives no code", expression)
		}
	})
}
