package openconfig

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox/signalbox/gen/oc"
)

// qosUse is something of openconfig-qos that interfaces refer to.
type qosUse struct {
	kind useKind
	name string
}

type useKind uint8

const (
	useClassifier useKind = iota + 1
	usePolicy
	useProfile
	useTrust // without a name
)

// key is the use as a key of the index.
func (u qosUse) key() string { return string(rune('0'+u.kind)) + u.name }

func compareUses(a, b qosUse) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
}

// qosPort is the interface that an entry of /qos/interfaces is about: the one
// that interface-ref names, else the one that its id is the name of; "" for no
// entry.
func qosPort(d *oc.Device, id string) string {
	entry := qosInterfaces(d)[id]
	if entry == nil {
		return ""
	}
	if config := entry.GetInterfaceRef().GetConfig(); config != nil && value(config.Interface, "") != "" {
		return *config.Interface
	}
	return id
}

// qosUses is what an entry of /qos/interfaces refers to, each once and in order.
func qosUses(entry *qosEntry) []qosUse {
	if entry == nil {
		return nil
	}
	var uses []qosUse
	add := func(kind useKind, name string) {
		if name != "" || kind == useTrust {
			uses = append(uses, qosUse{kind, name})
		}
	}
	w := wishesOf(entry)
	for _, name := range w.classifiers {
		add(useClassifier, name)
	}
	if w.trusts() {
		add(useTrust, "")
	}
	for _, d := range []*direction{&w.input, &w.output} {
		add(usePolicy, d.policy)
		for _, profile := range d.profiles {
			add(useProfile, profile)
		}
	}
	slices.SortFunc(uses, compareUses)
	return slices.Compact(uses)
}

// moveQoS follows the entries of /qos/interfaces that were touched.
func (x *index) moveQoS(before, after *oc.Device, ids map[string]struct{}) {
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		move(x.qosPorts, qosPort(before, id), qosPort(after, id), id, strings.Compare)
		was, is := qosUses(qosInterfaces(before)[id]), qosUses(qosInterfaces(after)[id])
		for _, use := range was {
			if !slices.Contains(is, use) {
				move(x.qosUses, use.key(), "", id, strings.Compare)
			}
		}
		for _, use := range is {
			if !slices.Contains(was, use) {
				move(x.qosUses, "", use.key(), id, strings.Compare)
			}
		}
	}
}

// qosOf gives the entries of /qos/interfaces that are about a port, in ascending
// order.
func (x *index) qosOf(port string) []string {
	list, _ := x.qosPorts.Get(port)
	return list
}

// addQoS adds to the interfaces that are touched those of which classes or rates
// may be.
func (c *Config) addQoS(names map[string]struct{}, before *Config, touched *qosTouched, uses []qosUse) {
	add := func(port string) {
		if port != "" {
			names[port] = struct{}{}
		}
	}
	for id := range touched.interfaces {
		add(qosPort(before.device, id))
		add(qosPort(c.device, id))
	}
	for _, use := range uses {
		ids, _ := c.index.qosUses.Get(use.key())
		for _, id := range ids {
			add(qosPort(c.device, id))
		}
	}
}
