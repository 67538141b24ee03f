package netdev_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestManagement chooses among the addresses of a host.
func TestManagement(t *testing.T) {
	here, _ := pair(t)
	here.TAP(t, "t0")
	c := dial(t, here)
	add := func(name, address string, adjust ...func(*netlink.Addr)) {
		t.Helper()
		a, err := netlink.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		a.Flags = 0x02 // IFA_F_NODAD
		for _, f := range adjust {
			f(a)
		}
		if err := here.AddrAdd(here.Link(t, name), a); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(what, wanted, name string, addresses ...string) {
		t.Helper()
		got, all, err := c.Management(wanted)
		var want []spec.LLDPManagement
		for _, a := range addresses {
			want = append(want, spec.LLDPManagement{
				Address: netip.MustParseAddr(a), InterfaceSubtype: 2, Interface: uint32(here.Link(t, name).Attrs().Index),
			})
		}
		if err != nil || got != name || !slices.Equal(all, want) {
			t.Errorf("%s: %q has %v, %v; want %q with %v", what, got, all, err, name, want)
		}
	}
	here.SetUp(t, "lo", true)
	wants("only 127.0.0.1, ::1 and fe80::/10", "", "")
	add("t0", "198.51.100.1/24")
	wants("its interface is down", "", "")
	here.SetUp(t, "t0", true)
	wants("the first address", "", "t0", "198.51.100.1")
	wants("none at the named interface", "m0", "")
	wants("no such interface", "m9", "")
	add("m0", "169.254.7.7/16", func(a *netlink.Addr) { a.Scope = int(netlink.SCOPE_LINK) })
	wants("one of the link only", "m0", "")
	add("m0", "2001:db8::1/64")
	add("m0", "2001:db8::2/64")
	add("m0", "192.0.2.1/24")
	add("m0", "192.0.2.2/24")
	first := "m0"
	if here.Link(t, "t0").Attrs().Index < here.Link(t, "m0").Attrs().Index {
		first = "t0"
	}
	_, all, err := c.Management("m0")
	if err != nil || len(all) != 2 || !all[0].Address.Is4() || !all[1].Address.Is6() {
		t.Fatalf("m0 has %v, %v; want one of each family", all, err)
	}
	if got, _, err := c.Management(""); err != nil || got != first {
		t.Errorf("the lowest number is %q, %v; want %q", got, err, first)
	}
	wants("the named one", "t0", "t0", "198.51.100.1")
	add("m0", "2001:db8:1::1/64", func(a *netlink.Addr) { a.PreferedLft, a.ValidLft = 0, 1000 })
	if _, again, err := c.Management("m0"); err != nil || !slices.Equal(again, all) {
		t.Errorf("with an address that is to go: %v, %v; want %v", again, err, all)
	}
}
