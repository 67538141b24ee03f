package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/gnmi"
	"github.com/signalbox/signalbox/server/gnoi"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/server/sflow"
	"github.com/signalbox/signalbox/server/trace"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// tracesFile, in the state folder, remembers when trace sessions were started.
const tracesFile = "traces.json"

// Traced looks at packets on their way.
type Traced interface {
	trace.Tracer
	trace.Prober
}

// newTraces makes the trace sessions and the packet tests of a device, and what
// sends samples of them.
func (s *Server) newTraces(e *element, device Device) {
	e.sflow = sflow.New(sflow.Options{Device: device, Publish: e.engine.Publish, Log: s.options.Log})
	e.sessions = trace.New(trace.Options{
		Device: device, Told: e.engine, Sampled: e.sflow.Sampled,
		File: filepath.Join(s.options.StateDir, tracesFile), Log: s.options.Log,
	})
	e.tests = trace.NewTests(device, e.sessions)
	e.capture = gnoi.New(gnoi.Options{
		Device: device, Admit: mayCapture, Log: s.options.Log, Status: func(err error) error { return gnmi.Status(err).Err() },
	})
	for _, source := range []telemetry.Source{
		openconfig.NewSessionCounters(e.sessions),
		openconfig.NewPacketTests(e.tests),
		openconfig.NewPacketTestSteps(e.tests),
		openconfig.NewPacketTestOutputs(e.tests),
		openconfig.NewSFlowSent(e.sflow),
		openconfig.NewSFlowSampled(e.sflow),
	} {
		e.sources = append(e.sources, guarded{source, s.options.Log})
	}
}

// configOptions are those of the configuration of a device.
func (s *Server) configOptions(e *element, device Device) config.Options {
	return config.Options{
		Dir: s.options.StateDir, Device: device, Log: s.options.Log,
		Sessions: e.sessions, Applied: e.applied,
		Committed: e.observer.committed, Status: e.observer.status, Unlock: s.unlock,
		By: access.Name, Authorize: authorize,
	}
}

// applied takes the configuration that the device has from now on.
func (e *element) applied(c *openconfig.Config) {
	e.sessions.Applied(c)
	e.sflow.Applied(c.SFlow())
	e.lldp.applied(c.LLDP())
	e.observer.qosApplied(c)
}

// mayCapture refuses a caller who may not read the packets that a session sees.
func mayCapture(ctx context.Context) error {
	limit, err := access.Readable(ctx)
	if err != nil || limit == nil {
		return err
	}
	packet := schema.Path{Node: ocpath.TracesSessionsSessionEventsEventStatePacket, Keys: []string{openconfig.CaptureSessions, "0"}}
	if !limit.Permits(packet) {
		return fmt.Errorf("%s: %w: a capture reads it", packet, access.ErrForbidden)
	}
	return nil
}

// eventsAreTold says of a Get of events, which finds nothing, how they are had.
func eventsAreTold(err error, req *gpb.GetRequest) error {
	if !errors.Is(err, telemetry.ErrNotFound) {
		return err
	}
	for _, path := range req.GetPath() {
		p, failed := schema.Compile(req.GetPrefix(), path)
		if failed != nil {
			continue
		}
		for _, end := range p.Ends() {
			if end >= ocpath.TracesSessionsSessionEvents && end < ocpath.Get(ocpath.TracesSessionsSessionEvents).End {
				return fmt.Errorf("%w: events of a trace session are told to those who subscribe to them, and not kept", err)
			}
		}
	}
	return err
}

// once is the context of a read: its sources share the answer to a packet test.
func once(ctx context.Context) context.Context { return trace.Once(ctx) }
