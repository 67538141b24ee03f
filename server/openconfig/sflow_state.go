package openconfig

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SFlowState is what sFlow goes by; nothing for nil.
func SFlowState(s *SFlow) []*Row {
	if s == nil {
		return nil
	}
	r := row(ocpath.Root)
	r.bool(ocpath.SamplingSflowStateEnabled, s.Enabled)
	if s.IPv4.IsValid() {
		r.text(ocpath.SamplingSflowStateAgentIdIpv4, s.IPv4.String())
	}
	if s.IPv6.IsValid() {
		r.text(ocpath.SamplingSflowStateAgentIdIpv6, s.IPv6.String())
	}
	r.uint(ocpath.SamplingSflowStateDscp, uint64(s.DSCP))
	r.uint(ocpath.SamplingSflowStateSampleSize, uint64(s.SampleSize))
	r.uint(ocpath.SamplingSflowStateIngressSamplingRate, uint64(s.Rate))
	r.uint(ocpath.SamplingSflowStatePollingInterval, uint64(s.Polling/time.Second))
	rows := []*Row{r}
	for _, name := range slices.Sorted(maps.Keys(s.Interfaces)) {
		i := s.Interfaces[name]
		r := row(ocpath.SamplingSflowInterfacesInterface, name)
		r.text(ocpath.SamplingSflowInterfacesInterfaceStateName, name)
		r.bool(ocpath.SamplingSflowInterfacesInterfaceStateEnabled, i.Enabled)
		r.uint(ocpath.SamplingSflowInterfacesInterfaceStateIngressSamplingRate, uint64(i.Rate))
		r.uint(ocpath.SamplingSflowInterfacesInterfaceStatePollingInterval, uint64(i.Polling/time.Second))
		rows = append(rows, r)
	}
	for i := range s.Collectors {
		rows = append(rows, collectorState(&s.Collectors[i]))
	}
	return rows
}

func collectorKeys(c *SFlowCollector) []string {
	return []string{c.At.Addr().String(), strconv.Itoa(int(c.At.Port()))}
}

func collectorState(c *SFlowCollector) *Row {
	r := row(ocpath.SamplingSflowCollectorsCollector, collectorKeys(c)...)
	r.text(ocpath.SamplingSflowCollectorsCollectorStateAddress, c.At.Addr().String())
	r.uint(ocpath.SamplingSflowCollectorsCollectorStatePort, uint64(c.At.Port()))
	r.uint(ocpath.SamplingSflowCollectorsCollectorStateMaxDatagramSize, uint64(c.Datagram))
	if c.Source.IsValid() {
		r.text(ocpath.SamplingSflowCollectorsCollectorStateSourceAddress, c.Source.String())
	}
	return r
}

// SFlowReader tells what sFlow sent.
type SFlowReader interface {
	// Sent gives the datagrams that each collector was sent.
	Sent() map[SFlowCollector]uint64
	// SampledBy gives the samples taken at each interface that is configured by
	// itself.
	SampledBy() map[string]uint64
}

// SFlowSent is the telemetry source of what collectors were sent.
type SFlowSent struct{ reader SFlowReader }

// NewSFlowSent builds the source.
func NewSFlowSent(reader SFlowReader) *SFlowSent { return &SFlowSent{reader} }

// Leaves is the count of datagrams.
func (*SFlowSent) Leaves() []ocpath.ID {
	return []ocpath.ID{ocpath.SamplingSflowCollectorsCollectorStatePacketsSent}
}

// Events reports none: counts are sampled.
func (*SFlowSent) Events() bool { return false }

// Read gives the count of a collector, or of any.
func (s *SFlowSent) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for c, n := range s.reader.Sent() {
		row := collectorKeys(&c)
		if !matches(keys, row...) {
			continue
		}
		if err := emit(row, []schema.Value{schema.UintValue(n)}); err != nil {
			return at, err
		}
	}
	return at, nil
}

// SFlowSampled is the telemetry source of the samples that were taken.
type SFlowSampled struct{ reader SFlowReader }

// NewSFlowSampled builds the source.
func NewSFlowSampled(reader SFlowReader) *SFlowSampled { return &SFlowSampled{reader} }

// Leaves is the count of samples.
func (*SFlowSampled) Leaves() []ocpath.ID {
	return []ocpath.ID{ocpath.SamplingSflowInterfacesInterfaceStatePacketsSampled}
}

// Events reports none: counts are sampled.
func (*SFlowSampled) Events() bool { return false }

// Read gives the count of an interface, or of any.
func (s *SFlowSampled) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for name, n := range s.reader.SampledBy() {
		if !matches(keys, name) {
			continue
		}
		if err := emit([]string{name}, []schema.Value{schema.UintValue(n)}); err != nil {
			return at, err
		}
	}
	return at, nil
}
