package server

import (
	"time"

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

	touched := map[string]bool{} // interfaces
	o.configGone(c.Deletes, touched)
	o.configSet(c.Updates, touched)
	state := telemetry.Batch{Time: c.Time, Of: telemetry.State}
	if !c.Time.IsZero() { // of a configuration that was never changed
		put(&state, openconfig.ConfigurationTime(c.Time))
	}
	for name := range touched {
		o.configured(&state, name)
	}
	publish(o.telemetry.Publish, state)
}

// configGone forgets what is deleted of the configuration.
func (o *observer) configGone(deletes []schema.Path, touched map[string]bool) {
	for _, gone := range deletes {
		for name := range o.intervals {
			if intervalPath(name).Within(gone) {
				delete(o.intervals, name)
				touched[name] = true
			}
		}
		for at := range o.listed {
			if listingPath(at.instance, at.id).Within(gone) {
				o.list(at, "", touched)
			}
		}
	}
}

func intervalPath(iface string) schema.Path {
	return schema.Path{Node: ocpath.InterfacesInterfaceRatesConfigLoadInterval, Keys: []string{iface}}
}

func listingPath(instance, id string) schema.Path {
	return schema.Path{Node: ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, Keys: []string{instance, id}}
}

// configSet remembers what is set of the configuration.
func (o *observer) configSet(updates []telemetry.Update, touched map[string]bool) {
	for _, u := range updates {
		switch u.Path.Node {
		case ocpath.InterfacesInterfaceRatesConfigLoadInterval:
			o.intervals[u.Path.Keys[0]] = time.Duration(u.Value.Uint()) * time.Second
			touched[u.Path.Keys[0]] = true
		case ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface:
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
