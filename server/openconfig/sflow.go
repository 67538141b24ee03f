package openconfig

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// Short names of the structs that are decoded.
type (
	sflowConfig    = oc.OpenconfigSampling_Sampling_Sflow_Config
	sflowCollector = oc.OpenconfigSampling_Sampling_Sflow_Collectors_Collector
)

// SFlowSessions begins the ids of the trace sessions that sFlow takes its samples
// from; no other session may have one.
const SFlowSessions = "sflow:"

// Defaults and bounds of sFlow.
const (
	defaultSampleSize = 128
	maxSampleSize     = 512
	maxRates          = 4    // different sampling rates
	dropsPerSecond    = 1000 // dropped frames that are told
	minDatagram       = 200
	maxDatagram       = 65507
	defaultDatagram   = 1400
)

// SFlow is what is configured of sFlow; nil is nothing.
type SFlow struct {
	Enabled bool
	// Agent is the address that collectors know the element by: IPv4, or IPv6
	// where that is not configured.
	Agent, IPv4, IPv6 netip.Addr

	DSCP       uint8
	SampleSize uint16 // octets of a frame that are told
	// Rate and Polling hold for every switch port that Interfaces does not name:
	// one frame of Rate is a sample, counters are told each Polling; 0 is none.
	Rate       uint32
	Polling    time.Duration
	Interfaces map[string]SFlowInterface
	Collectors []SFlowCollector
}

// SFlowInterface is what differs at one interface.
type SFlowInterface struct {
	Enabled bool
	Rate    uint32
	Polling time.Duration
}

// SFlowCollector is where datagrams go.
type SFlowCollector struct {
	At       netip.AddrPort
	Source   netip.Addr // zero is any
	Datagram int        // octets of the longest one
}

// SFlow is what is wanted of sFlow; nil where nothing is configured. Nobody
// modifies it.
func (c *Config) SFlow() *SFlow { return c.sflow }

// Of gives what holds for an interface.
func (s *SFlow) Of(name string) SFlowInterface {
	if i, ok := s.Interfaces[name]; ok {
		return i
	}
	return SFlowInterface{Enabled: true, Rate: s.Rate, Polling: s.Polling}
}

// Polls reports that the counters of any interface are told.
func (s *SFlow) Polls() bool {
	for _, i := range s.Interfaces {
		if i.Enabled && i.Polling > 0 {
			return true
		}
	}
	return s.Polling > 0
}

// decodeSFlow decodes /sampling/sflow where anything of it was touched, or the
// interfaces that it names one by one.
func (c *Config) decodeSFlow(before *Config, touched Touched) error {
	c.sflow = before.sflow
	named := c.sflow != nil && len(c.sflow.Interfaces) > 0
	if _, ok := touched.sflow[""]; !ok && !(named && len(touched.Interfaces) > 0) {
		return nil
	}
	wanted, err := decodeSFlow(c.device.GetSampling().GetSflow())
	if err == nil {
		err = c.checkSampled(wanted)
	}
	if err != nil {
		return err
	}
	c.sflow = wanted
	return c.setSFlowSessions(before)
}

// checkSampled wants the interfaces that sFlow names to be configured.
func (c *Config) checkSampled(s *SFlow) error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Interfaces)) {
		if interfaces(c.device)[name] == nil {
			errs = append(errs, invalid(at(ocpath.SamplingSflowInterfacesInterfaceConfigName, name), "there is no such interface in /interfaces: configure it there, or take it out here"))
		}
	}
	return errors.Join(errs...)
}

func decodeSFlow(s *oc.OpenconfigSampling_Sampling_Sflow) (*SFlow, error) {
	if s == nil {
		return nil, nil
	}
	config := s.GetConfig()
	if config == nil {
		config = new(sflowConfig)
	}
	w := &SFlow{
		Enabled: value(config.Enabled, false),
		DSCP:    value(config.Dscp, 0), SampleSize: value(config.SampleSize, defaultSampleSize),
		Rate: value(config.IngressSamplingRate, 0), Polling: seconds(config.PollingInterval), Interfaces: map[string]SFlowInterface{},
	}
	errs := []error{w.decodeAgent(config), w.decodeInterfaces(s.GetInterfaces()), w.decodeCollectors(s.GetCollectors())}
	if w.SampleSize < 64 || w.SampleSize > maxSampleSize {
		errs = append(errs, invalid(at(ocpath.SamplingSflowConfigSampleSize), "%d: want 64 to %d octets", w.SampleSize, maxSampleSize))
	}
	if w.Rate > spec.MaxSample {
		errs = append(errs, invalid(at(ocpath.SamplingSflowConfigIngressSamplingRate), "%d: want at most %d", w.Rate, spec.MaxSample))
	}
	return w, errors.Join(errs...)
}

func seconds(n *uint16) time.Duration { return time.Duration(value(n, 0)) * time.Second }

// decodeAgent wants an address that collectors know the element by, where sFlow
// is enabled.
func (s *SFlow) decodeAgent(config *sflowConfig) error {
	s.IPv4, _ = netip.ParseAddr(value(config.AgentIdIpv4, "")) // the model's pattern holds
	s.IPv6, _ = netip.ParseAddr(value(config.AgentIdIpv6, ""))
	if s.Agent = s.IPv4; !s.Agent.IsValid() {
		s.Agent = s.IPv6
	}
	if s.Enabled && !s.Agent.IsValid() {
		return invalid(at(ocpath.SamplingSflowConfigEnabled), "collectors know the element by an address: set agent-id-ipv4 or agent-id-ipv6")
	}
	return nil
}

func (s *SFlow) decodeInterfaces(list *oc.OpenconfigSampling_Sampling_Sflow_Interfaces) error {
	if list == nil {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(list.Interface)) {
		config := list.Interface[name].GetConfig()
		if config == nil {
			continue
		}
		i := SFlowInterface{Enabled: value(config.Enabled, true), Rate: value(config.IngressSamplingRate, s.Rate), Polling: s.Polling}
		if config.PollingInterval != nil {
			i.Polling = seconds(config.PollingInterval)
		}
		if i.Rate > spec.MaxSample {
			errs = append(errs, invalid(at(ocpath.SamplingSflowInterfacesInterfaceConfigIngressSamplingRate, name), "%d: want at most %d", i.Rate, spec.MaxSample))
		}
		s.Interfaces[name] = i
	}
	return errors.Join(errs...)
}

func (s *SFlow) decodeCollectors(list *oc.OpenconfigSampling_Sampling_Sflow_Collectors) error {
	if list == nil {
		return nil
	}
	var errs []error
	for key, entry := range list.Collector {
		c, err := decodeCollector(key.Address, key.Port, entry)
		errs = append(errs, err)
		s.Collectors = append(s.Collectors, c)
	}
	slices.SortFunc(s.Collectors, func(a, b SFlowCollector) int { return a.At.Compare(b.At) })
	return errors.Join(errs...)
}

func decodeCollector(address string, port uint16, entry *sflowCollector) (c SFlowCollector, err error) {
	keys := []string{address, strconv.Itoa(int(port))}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return c, invalid(at(ocpath.SamplingSflowCollectorsCollectorConfigAddress, keys...), "%q is no address", address)
	}
	c = SFlowCollector{At: netip.AddrPortFrom(a, port), Datagram: defaultDatagram}
	config := entry.GetConfig()
	if config == nil {
		return c, nil
	}
	c.Datagram = int(value(config.MaxDatagramSize, defaultDatagram))
	if c.Datagram < minDatagram || c.Datagram > maxDatagram {
		return c, invalid(at(ocpath.SamplingSflowCollectorsCollectorConfigMaxDatagramSize, keys...), "%d: want %d to %d octets", c.Datagram, minDatagram, maxDatagram)
	}
	if config.SourceAddress != nil {
		if c.Source, err = netip.ParseAddr(*config.SourceAddress); err != nil || c.Source.Is4() != a.Is4() {
			return c, invalid(at(ocpath.SamplingSflowCollectorsCollectorConfigSourceAddress, keys...), "%q is no address of the collector's kind", *config.SourceAddress)
		}
	}
	return c, nil
}

// setSFlowSessions makes the trace sessions that samples come from: one for each
// rate, and one for what is dropped. One that stays as it is goes on.
func (c *Config) setSFlowSessions(before *Config) error {
	all := maps.Clone(c.sessions)
	maps.DeleteFunc(all, func(id string, _ *Session) bool { return strings.HasPrefix(id, SFlowSessions) })
	wanted, err := c.sflowSessions()
	if err != nil {
		return err
	}
	for _, s := range wanted {
		if was := before.sessions[s.ID]; was != nil && reflect.DeepEqual(was, s) {
			s = was
		}
		all[s.ID] = s
	}
	c.sessions = all
	return nil
}

func (c *Config) sflowSessions() ([]*Session, error) {
	if c.sflow == nil || !c.sflow.Enabled || len(c.sflow.Collectors) == 0 {
		return nil, nil
	}
	ports := map[uint32][]string{} // by rate; nil is every port
	if len(c.sflow.Interfaces) == 0 {
		ports[c.sflow.Rate] = nil
	} else {
		for name, entry := range interfaces(c.device) {
			if i := c.sflow.Of(name); i.Enabled && aggregateOf(entry) == "" && switchedVLANOf(entry) != nil {
				ports[i.Rate] = append(ports[i.Rate], name)
			}
		}
	}
	delete(ports, 0)
	if len(ports) > maxRates {
		return nil, &Error{Kind: Exhausted, Path: at(ocpath.SamplingSflowInterfaces).String(), Reason: fmt.Sprintf("%d different sampling rates: at most %d can be had", len(ports), maxRates)}
	}
	sessions := []*Session{c.sflowSession("drops", spec.TraceSession{DropsOnly: true, EventsPerSecond: dropsPerSecond})}
	for rate, names := range ports {
		slices.Sort(names)
		sessions = append(sessions, c.sflowSession(strconv.Itoa(int(rate)), spec.TraceSession{Ports: names, Direction: spec.TraceIn, SampleOneIn: rate}))
	}
	return sessions, nil
}

func (c *Config) sflowSession(name string, s spec.TraceSession) *Session {
	s.ID, s.Level, s.SnapLength = SFlowSessions+name, spec.TracePackets, uint32(c.sflow.SampleSize)
	return &Session{Enabled: true, TraceSession: s}
}
