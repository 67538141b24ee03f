package fastpath

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/signalbox/signalbox/datapath/spec"
)

// bed is a switch with ports on veth pairs, in a namespace of its own. Port
// number n is interface "p<n>", and "h<n>" is its other end.
type bed struct {
	testing.TB
	o       *Objects
	ns      netns.NsHandle
	ifindex map[uint16]uint32
}

// verdicts of the program (enum tcx_action_base).
const (
	tcxNext     = 0xffffffff
	tcxDrop     = 2
	tcxRedirect = 7
)

// newBed makes a bed with n veth pairs; nothing is configured.
func newBed(t testing.TB, n int) *bed {
	t.Helper()
	ns := newNetNS(t)
	b := &bed{t, open(t, pinDir(t)), ns, map[uint16]uint32{}}
	t.Cleanup(func() {
		if err := b.o.Remove(); err != nil {
			t.Error(err)
		}
	})
	for i := 1; i <= n; i++ {
		b.addPair(uint16(i))
	}
	return b
}

// sub is the same bed for a subtest, which has its own goroutine, with an
// empty filtering database.
func (b *bed) sub(t testing.TB) *bed {
	t.Helper()
	s := b.with(t)
	_, err := b.o.FDB().Delete(func(Entry) bool { return true })
	s.ok(err)
	return s
}

// with is the same bed for a subtest, which has its own goroutine.
func (b *bed) with(t testing.TB) *bed {
	t.Helper()
	s := &bed{t, b.o, b.ns, b.ifindex}
	runtime.LockOSThread() // the thread ends with the subtest
	s.ok(netns.Set(b.ns))
	return s
}

func (b *bed) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// addPair makes p<n> and h<n> and brings both up.
func (b *bed) addPair(n uint16) {
	b.Helper()
	name, peer := fmt.Sprintf("p%d", n), hostName(n)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	b.ok(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}))
	for _, name := range []string{name, peer} {
		l, err := netlink.LinkByName(name)
		b.ok(err)
		b.ok(netlink.LinkSetUp(l))
	}
	l, err := netlink.LinkByName(name)
	b.ok(err)
	b.ifindex[n] = uint32(l.Attrs().Index)
}

// vlans makes VLANs exist on switch 1, with the FID of the same number.
func (b *bed) vlans(ids ...uint16) {
	b.Helper()
	b.ok(b.o.Switches().Put(1, Switch{Enabled: true, Learning: true, AgeingSeconds: 300}))
	for _, id := range ids {
		b.ok(b.o.FIDs().Put(VLAN{1, id}, FID{ID: id}))
	}
}

// port configures port n as given; interface and MTU 1500 are filled in.
func (b *bed) port(n uint16, p Port) {
	b.Helper()
	p.IfIndex, p.MTU = b.ifindex[n], 1500
	if p.Switch == 0 {
		p.Switch = 1
	}
	b.ok(b.o.Ports().Put(n, p))
	b.ok(b.o.PortNumbers().Put(p.IfIndex, n))
}

func access(vlan uint16) Port { return Port{PVID: vlan, Forwarding: true} }

func trunk(native uint16, tagged ...uint16) Port {
	p := Port{PVID: native, Trunk: true, Forwarding: true}
	for _, v := range tagged {
		p.Tagged.Add(v)
	}
	return p
}

// members floods a VLAN's frames to ports.
func (b *bed) members(vlan uint16, ports ...uint16) {
	b.Helper()
	var s PortSet
	for _, p := range ports {
		s.Add(p)
	}
	b.ok(b.o.Flood().Put(vlan, s))
}

// static puts an address of a VLAN behind a port.
func (b *bed) static(vlan uint16, mac spec.MAC, port uint16) {
	b.Helper()
	b.ok(b.o.Statics().Put(Address{vlan, mac}, port))
}

// host is the address of host n.
func host(n uint16) spec.MAC { return spec.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)} }

var broadcast = spec.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// tags of a test frame.
const (
	untagged = -1
	vidMask  = 0xfff
)

// frame is an Ethernet frame with size octets of payload; tag is a TCI, or
// untagged.
func frame(dst, src spec.MAC, tag, size int) []byte {
	b := append(append([]byte{}, dst[:]...), src[:]...)
	if tag != untagged {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, uint16(tag))
	}
	b = binary.BigEndian.AppendUint16(b, 0x88b5) // local experimental
	return append(b, make([]byte, size)...)
}

// run hands a frame to the program as if it had come in at port n; the result
// is the verdict and the frame as it leaves.
func (b *bed) run(n uint16, data []byte) (uint32, []byte) {
	b.Helper()
	return b.runAt(b.ifindex[n], 0, data)
}

func (b *bed) runAt(ifindex, gsoSize uint32, data []byte) (uint32, []byte) {
	b.Helper()
	opts := &ebpf.RunOptions{
		Data: data, DataOut: make([]byte, len(data)+64),
		Context: skBuff{Ifindex: ifindex, IngressIfindex: ifindex, GSOSize: gsoSize},
	}
	verdict, err := b.o.program.Run(opts)
	if err != nil {
		b.Fatalf("run program: %v", err)
	}
	return verdict, opts.DataOut
}

// feed is run for frames whose fate does not matter.
func (b *bed) feed(ifindex uint32, data []byte) {
	if _, err := b.o.program.Run(&ebpf.RunOptions{Data: data, Context: &skBuff{Ifindex: ifindex}}); err != nil {
		b.Fatalf("run program: %v", err)
	}
}

// counters of ports 0..n.
func (b *bed) counters(n uint16) []spec.Counters {
	b.Helper()
	c := make([]spec.Counters, n+1)
	b.ok(b.o.ReadCounters(c))
	return c
}
