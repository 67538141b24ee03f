package openconfig

import (
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// DCBState is what signalbox-dcb says of an interface; none where its DCB is not
// told.
func DCBState(i *spec.Interface) []*Row {
	if i.DCB == nil {
		return nil
	}
	d := i.DCB
	r := row(ocpath.InterfacesInterface, i.Name)
	r.bool(ocpath.InterfacesInterfaceDcbStateSupported, d.Reason == "")
	r.text(ocpath.InterfacesInterfaceDcbStateUnsupportedReason, d.Reason)
	if d.HasDCBX {
		r.names(ocpath.InterfacesInterfaceDcbStateDcbxMode, d.DCBX.Names())
	}
	if d.Capabilities.Known {
		capabilitiesState(r, &d.Capabilities)
	}
	rows := []*Row{r}
	if d.HasETS {
		rows = append(rows, etsState(r, i.Name, d)...)
	}
	if d.HasPFC {
		rows = append(rows, pfcState(r, i.Name, d)...)
	}
	if d.HasBuffers {
		rows = append(rows, buffersState(r, i.Name, &d.Buffers)...)
	}
	return append(rows, applicationsState(i.Name, d.Applications)...)
}

// names puts a leaf-list of an enumeration, but not an empty one.
func (r *Row) names(leaf ocpath.ID, names []string) {
	var elems []schema.Value
	for _, name := range names {
		elems = append(elems, schema.EnumValue(name))
	}
	if elems != nil {
		r.put(leaf, schema.ListValue(elems))
	}
}

// set puts the numbers of the bits that are set, counted from first, but not an
// empty list.
func (r *Row) set(leaf ocpath.ID, bits uint8, first uint64) {
	var elems []schema.Value
	for bit := range uint64(8) {
		if bits>>bit&1 != 0 {
			elems = append(elems, schema.UintValue(bit+first))
		}
	}
	if elems != nil {
		r.put(leaf, schema.ListValue(elems))
	}
}

func capabilitiesState(r *Row, c *spec.DCBCapabilities) {
	r.bool(ocpath.InterfacesInterfaceDcbCapabilitiesStatePriorityGroups, c.PriorityGroups)
	r.bool(ocpath.InterfacesInterfaceDcbCapabilitiesStatePriorityFlowControl, c.PriorityFlowControl)
	r.bool(ocpath.InterfacesInterfaceDcbCapabilitiesStatePriorityMapping, c.PriorityMapping)
	r.bool(ocpath.InterfacesInterfaceDcbCapabilitiesStateGroupStrictPriority, c.GroupStrict)
	r.bool(ocpath.InterfacesInterfaceDcbCapabilitiesStateCongestionNotification, c.CongestionNotification)
	r.set(ocpath.InterfacesInterfaceDcbCapabilitiesStateEtsTrafficClasses, c.ETSNumbers, 1)
	r.set(ocpath.InterfacesInterfaceDcbCapabilitiesStatePfcTrafficClasses, c.PFCNumbers, 1)
	r.names(ocpath.InterfacesInterfaceDcbCapabilitiesStateDcbxMode, c.DCBX.Names())
}

func etsState(r *Row, name string, d *spec.DCBState) (rows []*Row) {
	r.bool(ocpath.InterfacesInterfaceDcbEtsStateWilling, d.ETS.Willing)
	r.uint(ocpath.InterfacesInterfaceDcbEtsStateMaxTrafficClasses, uint64(d.ETSClasses))
	r.positive(ocpath.InterfacesInterfaceDcbEtsStateUsedTrafficClasses, uint64(d.Capabilities.ETSClassesNow))
	r.bool(ocpath.InterfacesInterfaceDcbEtsStateCreditBasedShaper, d.CreditBased)
	for class := range d.ETSClasses {
		id := strconv.Itoa(int(class))
		c := row(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClass, name, id)
		c.uint(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassId, uint64(class))
		c.uint(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassStateId, uint64(class))
		c.name(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassStateAlgorithm, algorithmName(d.ETS.Algorithm[class]))
		if d.ETS.Algorithm[class] == spec.EnhancedTS {
			c.uint(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassStateBandwidth, uint64(d.ETS.Bandwidth[class]))
		}
		c.positive(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassStateMaxRate, d.RateKilobits[class])
		rows = append(rows, c)
	}
	for priority, class := range d.ETS.Class {
		p := row(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriority, name, strconv.Itoa(priority))
		p.uint(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriorityPriority, uint64(priority))
		p.uint(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriorityStatePriority, uint64(priority))
		if class < spec.TrafficClasses {
			p.uint(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriorityStateTrafficClass, uint64(class))
		}
		rows = append(rows, p)
	}
	return rows
}

// algorithmName is "" for a number that is none of the standard's.
func algorithmName(a spec.Algorithm) string {
	for _, known := range algorithms {
		if a == known {
			return a.String()
		}
	}
	return ""
}

func pfcState(r *Row, name string, d *spec.DCBState) (rows []*Row) {
	r.set(ocpath.InterfacesInterfaceDcbPfcStateEnabledPriority, d.PFC.Enabled, 0)
	r.bool(ocpath.InterfacesInterfaceDcbPfcStateMacsecBypass, d.PFC.MACsecBypass)
	r.uint(ocpath.InterfacesInterfaceDcbPfcStateDelay, uint64(d.PFC.Delay))
	r.uint(ocpath.InterfacesInterfaceDcbPfcStateMaxTrafficClasses, uint64(d.PFCClasses))
	r.positive(ocpath.InterfacesInterfaceDcbPfcStateUsedTrafficClasses, uint64(d.Capabilities.PFCClassesNow))
	for priority := range spec.Priorities {
		p := row(ocpath.InterfacesInterfaceDcbPfcPrioritiesPriority, name, strconv.Itoa(priority))
		p.uint(ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityPriority, uint64(priority))
		p.uint(ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityStatePriority, uint64(priority))
		p.bool(ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityStateEnabled, d.PFC.Enabled>>priority&1 != 0)
		if d.HasBuffers {
			p.uint(ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityStateBuffer, uint64(d.Buffers.Buffer[priority]))
		}
		rows = append(rows, p)
	}
	return rows
}

func buffersState(r *Row, name string, b *spec.DCBBuffers) (rows []*Row) {
	r.uint(ocpath.InterfacesInterfaceDcbPfcBuffersStateTotalSize, uint64(b.AllOctets))
	for id, size := range b.Octets {
		one := row(ocpath.InterfacesInterfaceDcbPfcBuffersBuffer, name, strconv.Itoa(id))
		one.uint(ocpath.InterfacesInterfaceDcbPfcBuffersBufferId, uint64(id))
		one.uint(ocpath.InterfacesInterfaceDcbPfcBuffersBufferStateId, uint64(id))
		one.uint(ocpath.InterfacesInterfaceDcbPfcBuffersBufferStateSize, uint64(size))
		rows = append(rows, one)
	}
	return rows
}

// applicationsState has a row for each application, with all its priorities.
// One that the model has no selector for is passed over.
func applicationsState(name string, all spec.DCBApplications) (rows []*Row) {
	var last spec.DCBApplication
	var priorities uint8
	flush := func() {
		if priorities == 0 || last.Selector < spec.SelectEtherType || last.Selector > spec.SelectDSCP {
			return
		}
		protocol := strconv.Itoa(int(last.Protocol))
		r := row(ocpath.InterfacesInterfaceDcbApplicationsApplication, name, last.Selector.String(), protocol)
		r.name(ocpath.InterfacesInterfaceDcbApplicationsApplicationSelector, last.Selector.String())
		r.uint(ocpath.InterfacesInterfaceDcbApplicationsApplicationProtocol, uint64(last.Protocol))
		r.name(ocpath.InterfacesInterfaceDcbApplicationsApplicationStateSelector, last.Selector.String())
		r.uint(ocpath.InterfacesInterfaceDcbApplicationsApplicationStateProtocol, uint64(last.Protocol))
		r.set(ocpath.InterfacesInterfaceDcbApplicationsApplicationStatePriority, priorities, 0)
		rows = append(rows, r)
	}
	for a := range all.All() {
		if a.Selector != last.Selector || a.Protocol != last.Protocol {
			flush()
			last, priorities = a, 0
		}
		priorities |= 1 << (a.Priority & (spec.Priorities - 1))
	}
	flush()
	return rows
}
