package server

import (
	"sync"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// lldp tells what neighbors are told of the whole system. Of what the
// configuration leaves open it is the element's own: its address, the host's
// name and the version.
type lldp struct {
	publish func(telemetry.Batch)

	mu     sync.Mutex // guards what follows, and the order of publications
	system *spec.LLDP // as configured; nil until the configuration was read
	own    spec.LLDP
}

// newLLDP begins with what is the element's own, apart from the host's name.
func newLLDP(stateDir, version string, publish func(telemetry.Batch)) (*lldp, error) {
	id, err := SystemID(stateDir)
	if err != nil {
		return nil, err
	}
	return &lldp{publish: publish, own: spec.LLDP{
		Chassis:           spec.LLDPID{Subtype: spec.LLDPChassisMAC, Value: string(id[:])},
		SystemDescription: openconfig.LLDPDescription(version),
	}}, nil
}

// named takes the host's name.
func (l *lldp) named(hostname string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.own.SystemName = hostname
	l.tell()
}

// applied takes the configuration that holds from now on.
func (l *lldp) applied(system *spec.LLDP) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.system = system
	l.tell()
}

// tell publishes; what did not change is no news. l.mu is held.
func (l *lldp) tell() {
	if l.system == nil {
		return
	}
	b := telemetry.Batch{Of: telemetry.State}
	remove(&b, ocpath.LldpState)
	put(&b, openconfig.LLDPSystem(l.system, l.own))
	l.publish(b)
}

// LLDPDescription is what neighbors are told that an element of a version is.
func LLDPDescription(version string) string { return openconfig.LLDPDescription(version) }
