package server

import (
	"strconv"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// committed publishes a commit, and the state that follows from it alone. It
// is what the configuration store calls after each commit, and once with the
// whole tree when it is opened.
func (o *observer) committed(c config.Commit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	publish(o.telemetry.Publish, telemetry.Batch{Time: c.Time, Of: telemetry.Config, Deletes: c.Deletes, Updates: c.Updates})
	o.telemetry.Committed(telemetry.Commit{ID: strconv.FormatUint(c.ID, 10), ConfirmID: c.ConfirmID})

	touched := map[string]bool{} // interfaces
	o.configGone(c.Deletes, touched)
	o.configSet(c.Updates, touched)
	state := telemetry.Batch{Time: c.Time, Of: telemetry.State}
	if !c.Time.IsZero() { // of a configuration that was never changed
		put(&state, openconfig.ConfigurationTime(c.Time))
	}
	put(&state, openconfig.LACPSystem(o.priority))
	for name := range touched {
		o.configured(&state, name)
	}
	publish(o.telemetry.Publish, state)
}

// The leaves of the configuration that are remembered.
const (
	intervalLeaf = ocpath.InterfacesInterfaceRatesConfigLoadInterval
	listingLeaf  = ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface
	priorityLeaf = ocpath.LacpConfigSystemPriority
)

// configGone forgets what is deleted of the configuration. The many deletes
// that leave it alone, or name the one entry that they are about, cost nothing.
func (o *observer) configGone(deletes []schema.Path, touched map[string]bool) {
	for _, gone := range deletes {
		if holds(gone.Node, priorityLeaf) && len(gone.Keys) == 0 {
			o.priority = spec.DefaultSystemPriority
		}
		switch keys := gone.Keys; {
		case holds(gone.Node, intervalLeaf) && len(keys) == 1:
			o.intervalGone(gone, keys[0], touched)
		case holds(gone.Node, listingLeaf) && len(keys) == 2:
			o.listingGone(gone, member{keys[0], keys[1]}, touched)
		case holds(gone.Node, intervalLeaf) && len(keys) == 0:
			for name := range o.intervals {
				o.intervalGone(gone, name, touched)
			}
		}
		if holds(gone.Node, listingLeaf) && len(gone.Keys) < 2 {
			for at := range o.listed {
				o.listingGone(gone, at, touched)
			}
		}
	}
}

// holds reports whether a leaf is a node or below it.
func holds(node, leaf ocpath.ID) bool { return leaf >= node && leaf < ocpath.Get(node).End }

// intervalGone forgets the load-interval of an interface where a path that is
// gone holds it.
func (o *observer) intervalGone(gone schema.Path, name string, touched map[string]bool) {
	if _, ok := o.intervals[name]; ok && intervalPath(name).Within(gone) {
		delete(o.intervals, name)
		touched[name] = true
	}
}

// listingGone forgets under which id a switch lists an interface where a path
// that is gone holds it.
func (o *observer) listingGone(gone schema.Path, at member, touched map[string]bool) {
	if listingPath(at.instance, at.id).Within(gone) {
		o.list(at, "", touched)
	}
}

func intervalPath(iface string) schema.Path {
	return schema.Path{Node: intervalLeaf, Keys: []string{iface}}
}

func listingPath(instance, id string) schema.Path {
	return schema.Path{Node: listingLeaf, Keys: []string{instance, id}}
}

// configSet remembers what is set of the configuration.
func (o *observer) configSet(updates []telemetry.Update, touched map[string]bool) {
	for _, u := range updates {
		switch u.Path.Node {
		case priorityLeaf:
			o.priority = uint16(u.Value.Uint())
		case intervalLeaf:
			o.intervals[u.Path.Keys[0]] = time.Duration(u.Value.Uint()) * time.Second
			touched[u.Path.Keys[0]] = true
		case listingLeaf:
			o.list(member{u.Path.Keys[0], u.Path.Keys[1]}, u.Value.Str(), touched)
		}
	}
}

// list remembers which interface a switch lists under an id; "" is none.
func (o *observer) list(at member, iface string, touched map[string]bool) {
	if was, ok := o.listed[at]; ok {
		delete(o.ids, listing{at.instance, was})
		delete(o.listed, at)
		touched[was] = true
	}
	if iface != "" {
		o.listed[at] = iface
		o.ids[listing{at.instance, iface}] = at.id
		touched[iface] = true
	}
}

// configured tells anew what depends on an interface's configuration beside
// the datapath.
func (o *observer) configured(b *telemetry.Batch, name string) {
	i := o.interfaces[name]
	if i == nil {
		return
	}
	o.follow(name)
	put(b, o.rates.LoadInterval(name))
	o.memberChanged(b, name, i.Port)
}
