package server

import (
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// qosChanged replaces what is told of the classes and rates of an interface;
// nil is gone. o.mu is held.
func (o *observer) qosChanged(b *telemetry.Batch, name string, i *spec.Interface) {
	var was, is *spec.QoSState
	if before := o.interfaces[name]; before != nil {
		was = before.QoS
	}
	if i != nil {
		is = i.QoS
	}
	if spec.SameQoS(was, is) {
		return
	}
	names := o.qos.Of(name)
	if was != nil {
		remove(b, ocpath.QosInterfacesInterface, names.ID)
	}
	if is != nil {
		put(b, openconfig.QoSInterface(i, names)...)
	}
}

// qosApplied takes the names of classes and rates in the configuration that
// holds from now on, and tells anew what they are the names of.
func (o *observer) qosApplied(c *openconfig.Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := telemetry.Batch{Of: telemetry.State}
	for _, port := range c.Renamed() {
		before := o.qos.Of(port)
		if !o.qos.Set(port, c.QoSNames(port)) {
			continue
		}
		if i := o.interfaces[port]; i != nil && i.QoS != nil {
			remove(&b, ocpath.QosInterfacesInterface, before.ID)
			put(&b, openconfig.QoSInterface(i, o.qos.Of(port))...)
		}
	}
	publish(o.telemetry.Publish, b)
}
