package netdev_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
)

const defaultClass = netdev.DefaultClass

// tc runs iproute2's in the namespace, which knows the kernel without us.
func tc(t testing.TB, ns *lab.NS, arguments string) string {
	t.Helper()
	var out []byte
	ns.Do(t, func() {
		var err error
		if out, err = exec.Command("tc", strings.Fields(arguments)...).CombinedOutput(); err != nil {
			t.Errorf("tc %s: %v: %s", arguments, err, out)
		}
	})
	return string(out)
}

// shaped makes an interface with a scheduler, one class for all of it, and
// leaves below that with their queues.
func shaped(t testing.TB, ns, there *lab.NS, c *netdev.Conn, name string, rate uint64, leaves ...uint16) uint32 {
	t.Helper()
	ns.Veth(t, name, there, "far-"+name)
	ns.SetUp(t, name, true)
	ns.WaitUp(t, name)
	index := uint32(ns.Link(t, name).Attrs().Index)
	put(t, c.Schedulers(), index, netdev.Scheduler{Default: defaultClass})
	put(t, c.Classes(), netdev.ClassKey{IfIndex: index, Minor: 0xffff}, netdev.Class{Rate: rate, Ceil: rate}.Normal(0xffff))
	for _, minor := range leaves {
		k := netdev.ClassKey{IfIndex: index, Minor: minor}
		put(t, c.Leaves(), k, leaf(rate/uint64(len(leaves)), rate))
		put(t, c.Queues(), k, netdev.Queue{Octets: 1 << 20})
	}
	return index
}

func leaf(rate, ceil uint64) netdev.Class {
	return netdev.Class{Parent: 0xffff, Rate: rate, Ceil: ceil}.Normal(1)
}

func put[K comparable, V any](t testing.TB, table reconcile.Table[K, V], k K, v V) {
	t.Helper()
	if err := table.Put(k, v); err != nil {
		t.Fatal(err)
	}
}

// testTable puts each value twice, and reads it back; then it deletes twice.
func testTable[K, V comparable](t *testing.T, table reconcile.Table[K, V], k K, values ...V) {
	t.Helper()
	before := list(t, table)
	for _, v := range values {
		for range 2 {
			put(t, table, k, v)
			if all := list(t, table); all[k] != v {
				t.Errorf("%v: read back\n%+v, want\n%+v", k, all[k], v)
			}
		}
	}
	for range 2 {
		if err := table.Delete(k); err != nil {
			t.Errorf("delete %v: %v", k, err)
		}
	}
	if after := list(t, table); !maps.Equal(after, before) {
		t.Errorf("deleted, there is\n%+v, want\n%+v", after, before)
	}
}

func list[K comparable, V any](t testing.TB, table reconcile.Table[K, V]) map[K]V {
	t.Helper()
	all, err := table.List()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSchedulers(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", there, "eth0")
	index := link(t, c, "v0").Index
	for _, up := range []bool{false, true} {
		here.SetUp(t, "v0", up)
		testTable(t, c.Schedulers(), index, netdev.Scheduler{Default: defaultClass})
	}
	put(t, c.Schedulers(), index, netdev.Scheduler{Default: defaultClass})
	if kind, handle, err := c.RootQdisc(index); kind != "htb" || handle != netdev.Handle<<16 || err != nil {
		t.Errorf("root qdisc %s %x, %v", kind, handle, err)
	}
	if err := c.Schedulers().Put(index, netdev.Scheduler{Default: 1}); err == nil || !strings.Contains(err.Error(), "v0") {
		t.Errorf("another default class: %v", err)
	}
	if got := list(t, c.Schedulers())[index]; got.Default != defaultClass {
		t.Errorf("then the default is %x", got.Default)
	}
	if err := c.Schedulers().Put(9999, netdev.Scheduler{}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("interface that is not there: %v, want ENODEV", err)
	}
	if err := c.Schedulers().Delete(9999); err != nil {
		t.Errorf("delete at an interface that is not there: %v", err)
	}
}

// TestForeignQdisc keeps what others made at the root, whichever it is.
func TestForeignQdisc(t *testing.T) {
	tests := []struct{ name, qdisc, kind string }{
		{"with a handle", "handle 7: tbf rate 1mbit burst 10k limit 10k", "tbf"},
		{"without", "pfifo limit 7", "pfifo"},
		{"htb of another handle", "handle 1: htb", "htb"},
		{"another kind with our handle", "handle 5b0b: pfifo limit 7", "pfifo"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			here, there := lab.New(t), lab.New(t)
			c := dial(t, here)
			here.Veth(t, "v0", there, "eth0")
			index := link(t, c, "v0").Index
			tc(t, here, "qdisc add dev v0 root "+tt.qdisc)
			before := tc(t, here, "-s -d qdisc show dev v0")
			err := c.Schedulers().Put(index, netdev.Scheduler{Default: defaultClass})
			var foreign *netdev.ForeignQdiscError
			if !errors.Is(err, netdev.ErrForeignQdisc) || !errors.As(err, &foreign) || foreign.Kind != tt.kind {
				t.Fatalf("put: %v", err)
			}
			if !strings.Contains(err.Error(), "tc qdisc del dev v0 root") {
				t.Errorf("no remedy in: %v", err)
			}
			if err := c.Schedulers().Delete(index); err != nil {
				t.Errorf("delete: %v", err)
			}
			if after := tc(t, here, "-s -d qdisc show dev v0"); after != before {
				t.Errorf("there was\n%sand is now\n%s", before, after)
			}
			if all := list(t, c.Schedulers()); len(all) != 0 {
				t.Errorf("listed as ours: %v", all)
			}
			roots, err := c.RootQdiscs()
			if err != nil || !roots[index].Foreign() || roots[index].Kind != tt.kind {
				t.Errorf("root qdiscs %v, %v", roots, err)
			}
		})
	}
}

func TestClasses(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1, 2)
	const gigabit = 1_000_000_000
	values := []netdev.Class{
		{Parent: 0xffff, Rate: 8000, Ceil: 8000},
		{Parent: 0xffff, Rate: 10 * gigabit / 3, Ceil: 10 * gigabit, Priority: 3, Quantum: 123456},
		{Parent: 0xffff, Rate: 33_333_333_333, Ceil: 100 * gigabit, Burst: 77_777, CeilBurst: 1 << 30, Priority: 7},
		{Parent: 0xffff, Rate: 1000 * gigabit, Ceil: 1000 * gigabit},
		{Rate: 7_777_777, Ceil: 9_999_999, Burst: 1518, CeilBurst: 1519},
	}
	for i := range values {
		values[i] = values[i].Normal(3)
	}
	testTable(t, c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 3}, values...)
	testTable(t, c.Classes(), netdev.ClassKey{IfIndex: index, Minor: 0xff01}, netdev.Class{Parent: 0xffff, Rate: 1e6}.Normal(0xff01))
	if inner, leaves := list(t, c.Classes()), list(t, c.Leaves()); len(inner) != 1 || len(leaves) != 2 {
		t.Errorf("listed %v and %v", inner, leaves)
	}
}

// TestClassesRefused leaves what was there when a value is impossible.
func TestClassesRefused(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1)
	before := tc(t, here, "class show dev v0")
	tests := []struct {
		name  string
		table reconcile.Table[netdev.ClassKey, netdev.Class]
		key   netdev.ClassKey
		value netdev.Class
		is    error
	}{
		{"no rate", c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 2}, netdev.Class{Parent: 0xffff}, unix.EINVAL},
		{"priority", c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 2}, netdev.Class{Rate: 1e6, Priority: 8}, unix.EINVAL},
		{"leaf with an inner number", c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 0xff00}, netdev.Class{Rate: 1e6}, unix.EINVAL},
		{"inner with a leaf's number", c.Classes(), netdev.ClassKey{IfIndex: index, Minor: 2}, netdev.Class{Rate: 1e6}, unix.EINVAL},
		{"number 0", c.Leaves(), netdev.ClassKey{IfIndex: index}, netdev.Class{Rate: 1e6}, unix.EINVAL},
		{"no interface", c.Leaves(), netdev.ClassKey{IfIndex: 9999, Minor: 2}, netdev.Class{Rate: 1e6}, unix.ENODEV},
		{"no parent", c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 2}, netdev.Class{Parent: 0xff77, Rate: 1e6}, unix.ENOENT},
		{"no scheduler", c.Leaves(), netdev.ClassKey{IfIndex: 1, Minor: 2}, netdev.Class{Rate: 1e6}, unix.ENOENT},
	}
	for _, tt := range tests {
		err := tt.table.Put(tt.key, tt.value)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), fmt.Sprintf("class 5b0b:%x", tt.key.Minor)) {
			t.Errorf("%s: %v, want %v with the class", tt.name, err, tt.is)
		}
	}
	if after := tc(t, here, "class show dev v0"); after != before {
		t.Errorf("there was\n%sand is now\n%s", before, after)
	}
	for _, k := range []netdev.ClassKey{{IfIndex: 9999, Minor: 1}, {IfIndex: 1, Minor: 1}, {IfIndex: index, Minor: 9}} {
		if err := c.Leaves().Delete(k); err != nil {
			t.Errorf("delete of what is not there, %v: %v", k, err)
		}
	}
	if err := c.Classes().Delete(netdev.ClassKey{IfIndex: index, Minor: 0xffff}); !errors.Is(err, unix.EBUSY) {
		t.Errorf("delete of a class with classes below it: %v, want EBUSY", err)
	}
}

// TestClassMoves gives a leaf another parent, with its queue.
func TestClassMoves(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1, 2)
	group := netdev.ClassKey{IfIndex: index, Minor: 0xff00}
	put(t, c.Classes(), group, netdev.Class{Parent: 0xffff, Rate: 1e6, Ceil: 1e9}.Normal(group.Minor))
	k := netdev.ClassKey{IfIndex: index, Minor: 1}
	moved := leaf(1e6, 1e9)
	moved.Parent = group.Minor
	put(t, c.Leaves(), k, moved)
	if got := list(t, c.Leaves())[k]; got != moved {
		t.Errorf("moved, it is %+v, want %+v", got, moved)
	}
	if got := list(t, c.Queues())[k]; got.Octets != 1<<20 {
		t.Errorf("its queue is %+v", got)
	}
}

// TestClassesAsTC compares with what iproute2 reads.
func TestClassesAsTC(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1)
	k := netdev.ClassKey{IfIndex: index, Minor: 1}
	v := netdev.Class{Parent: 0xffff, Rate: 40_000_000_000, Ceil: 50_000_000_000, Burst: 100_000, CeilBurst: 200_000, Priority: 2, Quantum: 90_000}.Normal(1)
	put(t, c.Leaves(), k, v)
	put(t, c.Queues(), k, netdev.Queue{Packets: 33})
	text := tc(t, here, "-d class show dev v0 classid 5b0b:1")
	for _, want := range []string{"class htb 5b0b:1 parent 5b0b:ffff leaf 1:", "prio 2", "quantum 90000", "rate 40Gbit", "ceil 50Gbit"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	var qdiscs []struct {
		Kind, Handle, Parent string
		Options              struct {
			Limit   int
			Default string
		}
	}
	if err := json.Unmarshal([]byte(tc(t, here, "-j qdisc show dev v0")), &qdiscs); err != nil {
		t.Fatal(err)
	}
	if len(qdiscs) != 2 || qdiscs[0].Kind != "htb" || qdiscs[0].Handle != "5b0b:" || qdiscs[0].Options.Default != "0xfff" ||
		qdiscs[1].Kind != "pfifo" || qdiscs[1].Handle != "1:" || qdiscs[1].Parent != "5b0b:1" || qdiscs[1].Options.Limit != 33 {
		t.Errorf("tc reads %+v", qdiscs)
	}
}

func TestQueues(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1, 2)
	k := netdev.ClassKey{IfIndex: index, Minor: 2}
	if err := c.Queues().Delete(k); err != nil {
		t.Fatal(err)
	}
	values := []netdev.Queue{{Octets: 1 << 20}, {Octets: 5000}, {Packets: 100}, {Packets: 7}, {Octets: 1 << 31}}
	testTable(t, c.Queues(), k, values...)
	tc(t, here, "qdisc add dev v0 parent 5b0b:2 handle 77: pfifo limit 7")
	err := c.Queues().Put(k, values[0])
	if !errors.Is(err, netdev.ErrForeignQdisc) || !strings.Contains(err.Error(), "tc qdisc del dev v0 parent 5b0b:2") {
		t.Errorf("a foreign queue: %v", err)
	}
	if err := c.Queues().Delete(k); err != nil {
		t.Errorf("delete where a foreign queue is: %v", err)
	}
	if all := list(t, c.Queues()); len(all) != 1 || !strings.Contains(tc(t, here, "qdisc show dev v0"), "pfifo 77:") {
		t.Errorf("listed %v", all)
	}
}

func TestQueuesRefused(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1e9, 1)
	k := netdev.ClassKey{IfIndex: index, Minor: 1}
	for _, v := range []netdev.Queue{
		{}, {Octets: 1, Packets: 1}, {Octets: 1, ECN: true}, {Octets: 1, RedMin: 1},
		{Octets: 1 << 20, RedMin: 5000, RedMax: 5000}, {Octets: 1 << 20, RedMin: 5000, RedMax: 2 << 20}, {Packets: 10, RedMin: 5, RedMax: 10},
	} {
		if err := c.Queues().Put(k, v); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%+v: %v, want EINVAL", v, err)
		}
	}
	for k, want := range map[netdev.ClassKey]error{
		{IfIndex: index, Minor: 0xffff}: unix.EINVAL, {IfIndex: index}: unix.EINVAL,
		{IfIndex: index, Minor: 2}: unix.ENOENT, {IfIndex: 9999, Minor: 1}: unix.ENODEV,
	} {
		if err := c.Queues().Put(k, netdev.Queue{Octets: 1}); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", k, err, want)
		}
		if err := c.Queues().Delete(k); err != nil {
			t.Errorf("delete of what is not there, %v: %v", k, err)
		}
	}
	if got := list(t, c.Queues())[k]; got.Octets != 1<<20 {
		t.Errorf("the queue is %+v", got)
	}
}
