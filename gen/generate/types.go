package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
)

// typeInfo is the type of a leaf with its references resolved.
type typeInfo struct {
	name     string   // constant of ocpath.Type
	members  []string // of a union, in the order of the model
	values   []value  // of an enumeration or identityref, or of a union's members
	fraction int      // digits of a decimal64
}

// value is an enumeration's or identity's name; module is empty for the former.
type value struct{ name, module string }

// scalarTypes names the constant of each built-in type that needs no more.
var scalarTypes = map[yang.TypeKind]string{
	yang.Ystring: "String", yang.Ybool: "Bool", yang.Ybinary: "Binary", yang.Yempty: "Empty", yang.Ybits: "Bits",
	yang.Yint8: "Int8", yang.Yint16: "Int16", yang.Yint32: "Int32", yang.Yint64: "Int64",
	yang.Yuint8: "Uint8", yang.Yuint16: "Uint16", yang.Yuint32: "Uint32", yang.Yuint64: "Uint64",
}

// typeOf resolves the type of a leaf.
func (t *tree) typeOf(n *node) (typeInfo, error) { return t.resolve(n, n.entry.Type) }

// resolve follows references and flattens unions.
func (t *tree) resolve(n *node, y *yang.YangType) (typeInfo, error) {
	switch y.Kind {
	case yang.Yleafref:
		target, err := t.follow(n, y.Path)
		if err != nil {
			return typeInfo{}, err
		}
		return t.typeOf(target)
	case yang.Yenum:
		return typeInfo{name: "Enum", values: enumValues(y)}, nil
	case yang.Yidentityref:
		return typeInfo{name: "Identity", values: identityValues(y)}, nil
	case yang.Ydecimal64:
		return typeInfo{name: "Decimal64", fraction: y.FractionDigits}, nil
	case yang.Yunion:
		return t.resolveUnion(n, y)
	}
	name, ok := scalarTypes[y.Kind]
	if !ok {
		return typeInfo{}, fmt.Errorf("%s: type %s is not known", n.path(), y.Kind)
	}
	return typeInfo{name: name}, nil
}

// resolveUnion joins the members; each type stands once.
func (t *tree) resolveUnion(n *node, y *yang.YangType) (typeInfo, error) {
	union := typeInfo{name: "Union"}
	for _, member := range y.Type {
		m, err := t.resolve(n, member)
		if err != nil {
			return typeInfo{}, err
		}
		names := m.members
		if len(names) == 0 {
			names = []string{m.name}
		}
		for _, name := range names {
			if !slices.Contains(union.members, name) {
				union.members = append(union.members, name)
			}
		}
		union.values = append(union.values, m.values...)
		union.fraction = max(union.fraction, m.fraction)
	}
	if len(union.members) == 1 {
		union.name, union.members = union.members[0], nil
	}
	return union, nil
}

// enumValues lists an enumeration's names in the order of their values.
func enumValues(y *yang.YangType) []value {
	var values []value
	for _, v := range y.Enum.Values() {
		values = append(values, value{name: y.Enum.Name(v)})
	}
	return values
}

// identityValues lists the identities derived from the base, by name.
func identityValues(y *yang.YangType) []value {
	var values []value
	for _, id := range y.IdentityBase.Values {
		values = append(values, value{id.Name, yang.RootNode(id).Name})
	}
	slices.SortFunc(values, func(a, b value) int { return strings.Compare(a.name, b.name) })
	return values
}

// events lists counters that count what happens rarely, and that are told when
// it does. A prefix that ends in "/" stands for all below.
var events = []string{
	"/interfaces/interface/aggregation/teaming/state/",
}

// sampled lists, beside the counters, the leaves that change by themselves:
// gauges and clocks. A prefix that ends in "/" stands for all below.
var sampled = []string{
	"/components/component/cpu/utilization/state/",
	"/interfaces/interface/rates/state/in-",
	"/interfaces/interface/rates/state/out-",
	"/lldp/interfaces/interface/neighbors/neighbor/state/age",
	"/lldp/interfaces/interface/neighbors/neighbor/state/last-update",
	"/lldp/interfaces/interface/state/last-",
	"/network-instances/network-instance/fdb/mac-table/entries/entry/state/age",
	"/network-instances/network-instance/fdb/state/dynamic-entries",
	"/qos/interfaces/interface/input/queues/queue/state/waiting-",
	"/qos/interfaces/interface/output/queues/queue/state/waiting-",
	"/system/cpus/cpu/state/",
	"/system/grpc-servers/grpc-server/subscriptions/state/",
	"/system/grpc-servers/grpc-server/subscriptions/subscription/state/counters/",
	"/system/grpc-servers/grpc-server/subscriptions/subscription/state/queue/",
	"/system/memory/state/",
	"/system/processes/process/state/cpu-",
	"/system/processes/process/state/memory-",
	"/system/state/current-datetime",
	"/system/state/up-time",
}

// classOf decides how TARGET_DEFINED subscribes to a leaf.
func classOf(n *node) string {
	if !n.leaf() || !n.entry.ReadOnly() || n.key() || n.index() {
		return "Event"
	}
	path := n.path()
	hasPrefix := func(prefix string) bool { return strings.HasPrefix(path, prefix) }
	if n.inAtomic() || slices.ContainsFunc(events, hasPrefix) {
		return "Event"
	}
	if strings.HasPrefix(n.entry.Type.Name, "counter") || strings.Contains(n.entry.Type.Name, ":counter") {
		return "Sample"
	}
	if slices.ContainsFunc(sampled, hasPrefix) {
		return "Sample"
	}
	return "Event"
}

// atomic reports a node whose leaves are updated together
// (openconfig-extensions:telemetry-atomic).
func (n *node) atomic() bool {
	return n.entry != nil && slices.ContainsFunc(n.entry.Exts, func(e *yang.Statement) bool {
		return strings.HasSuffix(e.Keyword, ":telemetry-atomic")
	})
}

// inAtomic reports a node that is atomic or below one that is. What is updated
// together is told together, so none of it is sampled by itself.
func (n *node) inAtomic() bool {
	return n != nil && (n.atomic() || n.parent.inAtomic())
}

// key reports the key leaf of a list.
func (n *node) key() bool {
	return n.parent.list() && slices.Contains(strings.Fields(n.parent.entry.Key), n.name)
}

// index reports the leaf in a list's state that has the value of a key.
func (n *node) index() bool {
	list := n.parent.parent
	return list != nil && list.list() && slices.Contains(strings.Fields(list.entry.Key), n.name)
}
