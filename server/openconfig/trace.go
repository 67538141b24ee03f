package openconfig

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// MaxSessions bounds the trace sessions that are configured, those that have
// expired included: spec.MaxTraces can run at the same time.
const MaxSessions = 64

// CaptureSessions begins the ids of the sessions of gNOI's captures.
const CaptureSessions = "gnoi:"

// The defaults of signalbox-trace.
const (
	defaultEvents   = 1000
	defaultSnap     = 128
	defaultDuration = 60 * time.Second
)

// Session is a trace session as it is configured, or one that sFlow takes its
// samples from.
type Session struct {
	spec.TraceSession
	Enabled bool
}

// Samples reports that the session is sFlow's: nobody but it is told of it.
func (s *Session) Samples() bool { return strings.HasPrefix(s.ID, SFlowSessions) }

// Sessions are what a transaction alters of the trace sessions: for each id the
// new one, or nil where it is no longer configured.
type Sessions map[string]*Session

type sessionEntry = oc.SignalboxTrace_Traces_Sessions_Session

// sessions gives the list of trace sessions; it may be nil.
func sessions(d *oc.Device) map[string]*sessionEntry {
	if s := d.GetTraces().GetSessions(); s != nil {
		return s.Session
	}
	return nil
}

// Sessions are those that differ from those of an earlier configuration. Nobody
// modifies them.
func (c *Config) Sessions(before *Config) Sessions {
	changed := Sessions{}
	for id, s := range c.sessions {
		if before.sessions[id] != s {
			changed[id] = s
		}
	}
	for id := range before.sessions {
		if c.sessions[id] == nil {
			changed[id] = nil
		}
	}
	return changed
}

// CheckSessions refuses sessions that name an interface which is not
// configured. What was loaded, or is rolled back to, is not asked: an interface
// may have gone since the session was configured.
func (c *Config) CheckSessions(changed Sessions) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		if changed[id] == nil {
			continue
		}
		for _, name := range changed[id].Ports {
			if !changed[id].Samples() && interfaces(c.device)[name] == nil {
				errs = append(errs, invalid(at(ocpath.TracesSessionsSessionConfigInterface, id), "interface %s is not configured in /interfaces", name))
			}
		}
	}
	if len(c.sessions) > MaxSessions {
		errs = append(errs, &Error{Kind: Exhausted, Path: at(ocpath.TracesSessions).String(),
			Reason: "more than 64 sessions are configured: delete those that have expired"})
	}
	return errors.Join(errs...)
}

// decodeSessions decodes the trace sessions that were touched.
func (c *Config) decodeSessions(before *Config, touched Touched) error {
	if len(touched.sessions) == 0 {
		return nil
	}
	c.sessions = maps.Clone(before.sessions)
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(touched.sessions)) {
		entry := sessions(c.device)[id]
		if entry == nil {
			delete(c.sessions, id)
			continue
		}
		for _, own := range []string{SFlowSessions, CaptureSessions} {
			if strings.HasPrefix(id, own) {
				errs = append(errs, invalid(at(ocpath.TracesSessionsSession, id), "ids that begin with %s are the element's own", own))
			}
		}
		s := decodeSession(id, entry)
		var refused *spec.InvalidTrace
		if err := s.Check(); errors.As(err, &refused) {
			errs = append(errs, FromTrace(id, refused))
		}
		c.sessions[id] = s
	}
	return errors.Join(errs...)
}

func decodeSession(id string, entry *sessionEntry) *Session {
	config := entry.GetConfig()
	if config == nil {
		config = new(oc.SignalboxTrace_Traces_Sessions_Session_Config)
	}
	s := &Session{Enabled: value(config.Enabled, true), TraceSession: spec.TraceSession{
		ID: id, Level: spec.TraceEvents, Ports: slices.Sorted(slices.Values(config.Interface)),
		Filter: value(config.Filter, ""), DropsOnly: value(config.DropsOnly, false),
		SampleOneIn:     value(config.SampleOneIn, 1),
		EventsPerSecond: value(config.MaxEventsPerSecond, defaultEvents),
		SnapLength:      value(config.SnapLength, defaultSnap),
		Duration:        defaultDuration,
		KernelDrops:     value(config.KernelDrops, false),
	}}
	if config.Level == oc.SignalboxTrace_TraceLevel_PACKETS {
		s.Level = spec.TracePackets
	}
	switch config.Direction {
	case oc.SignalboxTrace_TraceDirection_IN:
		s.Direction = spec.TraceIn
	case oc.SignalboxTrace_TraceDirection_OUT:
		s.Direction = spec.TraceOut
	}
	if config.Duration != nil {
		s.Duration = time.Duration(*config.Duration) * time.Second
	}
	for _, vlan := range config.Vlan {
		s.VLANs.Add(vlan)
	}
	for _, reason := range config.DropReason {
		s.Reasons = append(s.Reasons, spec.DropReason(reason-1)) // ygot counts from its UNSET on
	}
	return s
}

// FromTrace gives what the datapath refuses of a session the path of what was
// configured.
func FromTrace(id string, refused *spec.InvalidTrace) *Error {
	kind := Invalid
	if refused.Full {
		kind = Exhausted
	}
	path := at(ocpath.TracesSessionsSession, id)
	if config, ok := ocpath.Child(ocpath.TracesSessionsSession, "config"); ok && refused.Field != "" {
		if leaf, ok := ocpath.Child(config, refused.Field); ok {
			path = schema.Path{Node: leaf, Keys: path.Keys}
		}
	}
	return &Error{Kind: kind, Path: path.String(), Reason: refused.Reason, Err: refused}
}
