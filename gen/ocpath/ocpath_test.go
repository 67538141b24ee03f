package ocpath_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// all yields every node, Root first.
func all(yield func(*ocpath.Node) bool) {
	for id := range ocpath.Len() {
		if !yield(ocpath.Get(ocpath.ID(id))) {
			return
		}
	}
}

func TestNodesAreDepthFirst(t *testing.T) {
	for n := range all {
		if ocpath.Get(n.ID) != n {
			t.Errorf("node %d says it is %d", n.ID, ocpath.Get(n.ID).ID)
		}
		parent := ocpath.Get(n.Parent)
		if n.ID != ocpath.Root && (n.Parent >= n.ID || n.End > parent.End) {
			t.Errorf("%s is [%d, %d), not within its parent's [%d, %d)", ocpath.Path(n.ID), n.ID, n.End, parent.ID, parent.End)
		}
		if n.IsLeaf() && n.End != n.ID+1 {
			t.Errorf("%s is a leaf, but has the nodes to %d below it", ocpath.Path(n.ID), n.End)
		}
	}
	if end := int(ocpath.Get(ocpath.Root).End); end != ocpath.Len() {
		t.Errorf("Root ends at %d, want %d", end, ocpath.Len())
	}
}

// The subtree of a node is what its children reach, and their names ascend.
func TestChildren(t *testing.T) {
	for n := range all {
		next, last := n.ID+1, ""
		for next < n.End {
			child := ocpath.Get(next)
			if child.Parent != n.ID {
				t.Fatalf("%s is at the place of a child of %s", ocpath.Path(child.ID), ocpath.Path(n.ID))
			}
			if child.Name <= last {
				t.Errorf("%s: child %s stands after %s", ocpath.Path(n.ID), child.Name, last)
			}
			if id, ok := ocpath.Child(n.ID, child.Name); !ok || id != child.ID {
				t.Errorf("Child(%s, %s) = %d, %t, want %d", ocpath.Path(n.ID), child.Name, id, ok, child.ID)
			}
			next, last = child.End, child.Name
		}
		if next != n.End {
			t.Errorf("the children of %s reach to %d, want %d", ocpath.Path(n.ID), next, n.End)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		path string
		want ocpath.ID
		ok   bool
	}{
		{"/", ocpath.Root, true},
		{"/interfaces/interface/state/counters/in-octets", ocpath.InterfacesInterfaceStateCountersInOctets, true},
		{"/interfaces/interface/switch-port/discards/discard/state/pkts", ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts, true},
		{"/network-instances/network-instance/config/enabled", ocpath.NetworkInstancesNetworkInstanceConfigEnabled, true},
		{"/interfaces/interface/subinterfaces", 0, false},
		{"/interfaces/interface/name/name", 0, false},
		{"/nothing", 0, false},
	} {
		names := strings.FieldsFunc(test.path, func(r rune) bool { return r == '/' })
		if id, ok := ocpath.Lookup(names...); id != test.want || ok != test.ok {
			t.Errorf("Lookup(%s) = %d, %t, want %d, %t", test.path, id, ok, test.want, test.ok)
		}
		if test.ok && ocpath.Path(test.want) != test.path {
			t.Errorf("Path(%d) = %s, want %s", test.want, ocpath.Path(test.want), test.path)
		}
	}
}

// A path put together from suffixes and the elements of the lists is the wire
// form of that gnmi.Path.
func TestSuffixIsWireForm(t *testing.T) {
	for n := range all {
		var wire []byte
		for _, m := range wayTo(n) {
			if m.Kind == ocpath.List {
				wire = append(wire, m.Suffix...)
				elem := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), m.Name)
				wire = protowire.AppendBytes(protowire.AppendTag(wire, 3, protowire.BytesType), elem)
			}
		}
		if n.Kind != ocpath.List {
			wire = append(wire, n.Suffix...)
		}
		var path gnmi.Path
		if err := proto.Unmarshal(wire, &path); err != nil {
			t.Fatalf("%s: %v", ocpath.Path(n.ID), err)
		}
		got := ""
		for _, e := range path.Elem {
			got += "/" + e.Name
		}
		if want := strings.TrimSuffix(ocpath.Path(n.ID), "/"); got != want {
			t.Errorf("%s: the wire form is of %s", want, got)
		}
	}
}

// wayTo lists the nodes from below Root down to n.
func wayTo(n *ocpath.Node) []*ocpath.Node {
	var way []*ocpath.Node
	for ; n.ID != ocpath.Root; n = ocpath.Get(n.Parent) {
		way = append(way, n)
	}
	slices.Reverse(way)
	return way
}

func TestDeviated(t *testing.T) {
	for _, test := range []struct {
		path string
		want bool
	}{
		{"interfaces/interface/subinterfaces", true},
		{"interfaces/interface/subinterfaces/subinterface/config/index", true},
		{"interfaces/interface/config/tpid", true},
		{"acl", true},
		{"network-instances/network-instance/protocols/protocol/bgp", true},
		{"system/config/hostname", true},
		{"components/component/config/name", true},
		{"interfaces/interface/config/mtu", false},
		{"interfaces/interface/config/nothing", false},
		{"interfaces", false},
		{"nothing", false},
		{"", false},
	} {
		if got := ocpath.Deviated(strings.Split(test.path, "/")); got != test.want {
			t.Errorf("Deviated(%s) = %t, want %t", test.path, got, test.want)
		}
	}
}

// No path is both served and deviated, and none is deviated twice.
func TestDeviatedPathsAreTopmost(t *testing.T) {
	paths := ocpath.DeviatedPaths()
	if !slices.IsSorted(paths) {
		t.Error("the paths do not ascend")
	}
	for _, path := range paths {
		names := strings.Split(path[1:], "/")
		if _, ok := ocpath.Lookup(names...); ok {
			t.Errorf("%s is served", path)
		}
		parent := names[:len(names)-1]
		if _, ok := ocpath.Lookup(parent...); !ok {
			t.Errorf("what is above %s is not served", path)
		}
		if ocpath.Deviated(parent) {
			t.Errorf("what is above %s is deviated", path)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, test := range []struct {
		name  string
		id    ocpath.ID
		typ   ocpath.Type
		union []ocpath.Type
		value string // a value it must have, with its module
	}{
		{"string", ocpath.SystemStateHostname, ocpath.String, nil, ""},
		{"leafref to a key", ocpath.InterfacesInterfaceName, ocpath.String, nil, ""},
		{"leafref in a typedef", ocpath.NetworkInstancesNetworkInstanceVlansVlanStateMember, ocpath.String, nil, ""},
		{"leafref to a number", ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryVlan, ocpath.Uint16, nil, ""},
		{"counter", ocpath.InterfacesInterfaceStateCountersInOctets, ocpath.Uint64, nil, ""},
		{"enumeration", ocpath.InterfacesInterfaceStateOperStatus, ocpath.Enum, nil, "NOT_PRESENT"},
		{"identity", ocpath.InterfacesInterfaceConfigType, ocpath.Identity, nil, "iana-if-type:ethernetCsmacd"},
		{"union of numbers and ranges", ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigTrunkVlans, ocpath.Union, []ocpath.Type{ocpath.Uint16, ocpath.String}, ""},
		{"union of an enumeration and a number", ocpath.SystemCpusCpuIndex, ocpath.Union, []ocpath.Type{ocpath.Enum, ocpath.Uint32}, "ALL"},
		{"union of identities", ocpath.ComponentsComponentStateType, ocpath.Identity, nil, "openconfig-platform-types:CHASSIS"},
		{"identities of several modules", ocpath.SystemGrpcServersGrpcServerStateServices, ocpath.Identity, nil, "openconfig-system-grpc:GNMI"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := ocpath.Get(test.id)
			if n.Type != test.typ || !slices.Equal(n.Union, test.union) {
				t.Errorf("type %d of %d, want %d of %d", n.Type, n.Union, test.typ, test.union)
			}
			if test.value == "" {
				return
			}
			module, name, ok := strings.Cut(test.value, ":")
			if !ok {
				module, name = "", test.value
			}
			if v, ok := n.Value(name); !ok || v.Module != module {
				t.Errorf("Value(%s) = %q, %t, want module %q", name, v, ok, module)
			}
		})
	}
}

// Every leaf has a type, every type with names has them, every list has keys.
func TestNodesAreComplete(t *testing.T) {
	for n := range all {
		path := ocpath.Path(n.ID)
		named := n.Type == ocpath.Enum || n.Type == ocpath.Identity ||
			slices.Contains(n.Union, ocpath.Enum) || slices.Contains(n.Union, ocpath.Identity)
		switch {
		case n.IsLeaf() != (n.Type != ocpath.None):
			t.Errorf("%s: kind %d with type %d", path, n.Kind, n.Type)
		case named != (len(n.Values) > 0):
			t.Errorf("%s: type %d with %d values", path, n.Type, len(n.Values))
		case (n.Type == ocpath.Union) != (len(n.Union) > 1):
			t.Errorf("%s: type %d with %d members", path, n.Type, len(n.Union))
		case (n.Type == ocpath.Decimal64) != (n.FractionDigits > 0):
			t.Errorf("%s: type %d with %d fraction digits", path, n.Type, n.FractionDigits)
		case (n.Kind == ocpath.List) != (len(n.Keys) > 0):
			t.Errorf("%s: kind %d with %d keys; a list without keys has no place in a gNMI path", path, n.Kind, len(n.Keys))
		case n.ID != ocpath.Root && n.Module == "":
			t.Errorf("%s: no module", path)
		case n.Config && n.Class == ocpath.Sample:
			t.Errorf("%s: configuration is sampled", path)
		}
		for _, key := range n.Keys {
			if k := ocpath.Get(key); k.Parent != n.ID || k.Kind != ocpath.Leaf {
				t.Errorf("%s: key %s is no leaf of it", path, ocpath.Path(key))
			}
		}
	}
}

func TestClass(t *testing.T) {
	for _, test := range []struct {
		id   ocpath.ID
		want ocpath.Class
	}{
		{ocpath.InterfacesInterfaceStateCountersInOctets, ocpath.Sample},
		{ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts, ocpath.Sample},
		{ocpath.InterfacesInterfaceRatesStateInBitsRate, ocpath.Sample},
		{ocpath.ComponentsComponentCpuUtilizationStateInstant, ocpath.Sample},
		{ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateAge, ocpath.Sample},
		{ocpath.NetworkInstancesNetworkInstanceFdbStateDynamicEntries, ocpath.Sample},
		{ocpath.SystemCpusCpuStateTotalInstant, ocpath.Sample},
		{ocpath.SystemMemoryStateFree, ocpath.Sample},
		{ocpath.SystemProcessesProcessStateCpuUtilization, ocpath.Sample},
		{ocpath.SystemStateCurrentDatetime, ocpath.Sample},
		{ocpath.InterfacesInterfaceStateOperStatus, ocpath.Event},
		{ocpath.InterfacesInterfaceRatesStateLoadInterval, ocpath.Event},
		{ocpath.InterfacesInterfaceConfigMtu, ocpath.Event},
		{ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateEntryType, ocpath.Event},
		{ocpath.SystemCpusCpuStateIndex, ocpath.Event},
		{ocpath.SystemProcessesProcessStateStartTime, ocpath.Event},
		{ocpath.SystemStateBootTime, ocpath.Event},
	} {
		if got := ocpath.Get(test.id).Class; got != test.want {
			t.Errorf("%s: class %d, want %d", ocpath.Path(test.id), got, test.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		id   ocpath.ID
		want string
		has  bool
	}{
		{ocpath.InterfacesInterfaceConfigEnabled, "true", true},
		{ocpath.InterfacesInterfaceRatesConfigLoadInterval, "300", true},
		{ocpath.NetworkInstancesNetworkInstanceConfigEnabled, "true", true},
		{ocpath.NetworkInstancesNetworkInstanceVlansVlanConfigStatus, "ACTIVE", true},
		{ocpath.InterfacesInterfaceConfigMtu, "", false},
	} {
		if n := ocpath.Get(test.id); n.Default != test.want || n.HasDefault != test.has {
			t.Errorf("%s: default %q, %t, want %q, %t", ocpath.Path(test.id), n.Default, n.HasDefault, test.want, test.has)
		}
	}
}

// The model's drop reasons are the datapath's, one to one and in its order.
func TestDropReasons(t *testing.T) {
	var want []ocpath.Value
	for r := spec.DropPortDown; r < spec.NumDropReasons; r++ {
		want = append(want, ocpath.Value{Name: r.String()})
	}
	for _, id := range []ocpath.ID{
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateReason,
	} {
		if got := ocpath.Get(id).Values; !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", ocpath.Path(id), got, want)
		}
	}
}

// The model's port kinds are the datapath's, in its order.
func TestPortKinds(t *testing.T) {
	var want []ocpath.Value
	for k := spec.KindUnknown; k <= spec.KindLAG; k++ {
		want = append(want, ocpath.Value{Name: k.String()})
	}
	if got := ocpath.Get(ocpath.InterfacesInterfaceSwitchPortStateKind).Values; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestModels(t *testing.T) {
	models := ocpath.Models()
	for _, m := range models {
		if m.Organization == "" || m.Version == "" {
			t.Errorf("%s: organization %q, version %q", m.Name, m.Organization, m.Version)
		}
	}
	for n := range all {
		if n.ID != ocpath.Root && !slices.ContainsFunc(models, func(m ocpath.Model) bool { return m.Name == n.Module }) {
			t.Errorf("%s: module %s is not among the models", ocpath.Path(n.ID), n.Module)
		}
	}
}
