package openconfig

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// VFReader tells what virtual functions received and sent, by interface and
// number.
type VFReader interface {
	VFCounters(context.Context) (map[string]map[uint16]spec.VFCounters, time.Time, error)
}

// VFCounters is the telemetry source of what is counted of virtual functions.
type VFCounters struct{ reader VFReader }

// NewVFCounters builds the source.
func NewVFCounters(reader VFReader) *VFCounters { return &VFCounters{reader} }

// Leaves are in the order of Read.
func (*VFCounters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersInPkts,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersInOctets,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersInMulticastPkts,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersInDiscards,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersOutPkts,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersOutOctets,
		ocpath.InterfacesInterfaceSriovVfsVfStateCountersOutDiscards,
	}
}

// Events reports none: counters are sampled.
func (*VFCounters) Events() bool { return false }

// Read gives the counters of a virtual function of an interface, or of any.
func (c *VFCounters) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	all, at, err := c.reader.VFCounters(ctx)
	if err != nil {
		return at, err
	}
	for name, vfs := range all {
		for id, n := range vfs {
			if !matches(keys, name, VFKey(id)) {
				continue
			}
			var values []schema.Value
			for _, v := range [...]uint64{n.InFrames, n.InOctets, n.InMulticast, n.InDiscards, n.OutFrames, n.OutOctets, n.OutDiscards} {
				values = append(values, schema.UintValue(v))
			}
			if err := emit([]string{name, VFKey(id)}, values); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}
