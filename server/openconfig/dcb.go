package openconfig

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Short names of signalbox-dcb's structs.
type (
	dcbEntry       = oc.OpenconfigInterfaces_Interfaces_Interface_Dcb
	etsEntry       = oc.OpenconfigInterfaces_Interfaces_Interface_Dcb_Ets
	applicationKey = oc.OpenconfigInterfaces_Interfaces_Interface_Dcb_Applications_Application_Key
)

// decodeDCB translates signalbox-dcb's part of an interface; nil where nothing
// of it is configured. What a device must have for it, the datapath finds out.
func decodeDCB(name string, entry *interfaceEntry) (*spec.DCB, error) {
	config := entry.GetDcb()
	d := spec.DCB{DCBX: decodeDCBX(config.GetConfig())}
	var err error
	d.ETS, d.Classes = decodeETS(config.GetEts())
	d.PFC = decodePFC(config.GetPfc())
	d.Applications, err = decodeApplications(name, config)
	switch {
	case err != nil:
		return nil, err
	case d.DCBX == 0 && d.ETS == nil && d.PFC == nil && d.Applications == "":
		return nil, nil
	case isAggregate(entry):
		return nil, invalid(at(ocpath.InterfacesInterfaceDcb, name), "an aggregate has no DCB: configure its members")
	}
	if err := errors.Join(checkShares(name, config.GetEts()), checkDCB(name, &d)); err != nil {
		return nil, err
	}
	return &d, nil
}

// checkDCB has the datapath's vocabulary judge what the models cannot.
func checkDCB(name string, d *spec.DCB) error {
	if checkName(name) != nil {
		return nil // told elsewhere
	}
	return FromDevice((&spec.Port{Name: name, DCB: d}).Check())
}

func decodeDCBX(config *oc.OpenconfigInterfaces_Interfaces_Interface_Dcb_Config) (mode spec.DCBXMode) {
	if config == nil {
		return 0
	}
	for _, m := range config.DcbxMode {
		mode |= 1 << (m - oc.SignalboxDcb_DcbxMode_HOST) // the bits are in the enumeration's order; a test compares
	}
	return mode
}

// algorithms are those of the enumeration, from its first on.
var algorithms = [...]spec.Algorithm{spec.StrictPriority, spec.CreditBased, spec.EnhancedTS, spec.VendorSpecific}

// decodeETS gives also which traffic classes are named.
func decodeETS(entry *etsEntry) (*spec.ETS, uint8) {
	var ets spec.ETS
	configured, named := false, uint8(0)
	if config := entry.GetConfig(); config != nil && config.Willing != nil {
		configured, ets.Willing = true, *config.Willing
	}
	if classes := entry.GetTrafficClasses(); classes != nil {
		for id, class := range classes.TrafficClass {
			configured, named = true, named|1<<id
			config := class.GetConfig()
			if config == nil {
				continue
			}
			if config.Algorithm != oc.SignalboxDcb_TransmissionAlgorithm_UNSET {
				ets.Algorithm[id] = algorithms[config.Algorithm-oc.SignalboxDcb_TransmissionAlgorithm_STRICT]
			}
			ets.Bandwidth[id] = value(config.Bandwidth, 0)
		}
	}
	if priorities := entry.GetPriorities(); priorities != nil {
		for id, priority := range priorities.Priority {
			configured = true
			if config := priority.GetConfig(); config != nil {
				ets.Class[id] = value(config.TrafficClass, 0)
			}
		}
	}
	if !configured {
		return nil, 0
	}
	return &ets, named
}

// checkShares wants a bandwidth of each class that shares, and of no other.
func checkShares(name string, entry *etsEntry) error {
	classes := entry.GetTrafficClasses()
	if classes == nil {
		return nil
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(classes.TrafficClass)) {
		config := classes.TrafficClass[id].GetConfig()
		if config == nil {
			continue
		}
		path := at(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassConfigBandwidth, name, strconv.Itoa(int(id)))
		shares := config.Algorithm == oc.SignalboxDcb_TransmissionAlgorithm_ETS
		if shares && config.Bandwidth == nil {
			errs = append(errs, invalid(path, "is missing: a traffic class with the algorithm ETS has a share"))
		}
		if !shares && config.Bandwidth != nil {
			errs = append(errs, invalid(path, "%d: only a traffic class with the algorithm ETS has a share", *config.Bandwidth))
		}
	}
	return errors.Join(errs...)
}

func decodePFC(entry *oc.OpenconfigInterfaces_Interfaces_Interface_Dcb_Pfc) *spec.WantedPFC {
	config := entry.GetConfig()
	if config == nil || len(config.EnabledPriority) == 0 && config.MacsecBypass == nil && config.Delay == nil {
		return nil
	}
	pfc := &spec.WantedPFC{MACsecBypass: config.MacsecBypass, Delay: config.Delay}
	for _, priority := range config.EnabledPriority {
		pfc.Enabled |= 1 << priority
	}
	return pfc
}

func decodeApplications(name string, config *dcbEntry) (spec.DCBApplications, error) {
	entries := config.GetApplications()
	if entries == nil {
		return "", nil
	}
	var list []spec.DCBApplication
	var errs []error
	for _, key := range slices.SortedFunc(maps.Keys(entries.Application), compareApplications) {
		application := spec.DCBApplication{Selector: spec.DCBSelector(key.Selector), Protocol: key.Protocol} // numbered as in the standard; a test compares
		keys := []string{name, application.Selector.String(), strconv.Itoa(int(key.Protocol))}
		config := entries.Application[key].GetConfig()
		if config == nil || len(config.Priority) == 0 {
			errs = append(errs, invalid(at(ocpath.InterfacesInterfaceDcbApplicationsApplicationConfigPriority, keys...), "is missing: an application has at least one priority"))
			continue
		}
		for _, application.Priority = range config.Priority {
			list = append(list, application)
		}
		errs = append(errs, checkApplication(at(ocpath.InterfacesInterfaceDcbApplicationsApplicationConfigProtocol, keys...), application))
	}
	return spec.NewDCBApplications(list), errors.Join(errs...)
}

func compareApplications(a, b applicationKey) int {
	return cmp.Or(cmp.Compare(a.Selector, b.Selector), cmp.Compare(a.Protocol, b.Protocol))
}

func checkApplication(path schema.Path, a spec.DCBApplication) error {
	if err := a.Check(); err != nil {
		return invalid(path, "%s", err)
	}
	return nil
}

// dcbPath is the path of a part of an interface's DCB.
func dcbPath(name string, place spec.DCBPlace) schema.Path {
	number := strconv.Itoa(int(place.Number))
	switch place.Part {
	case spec.DCBNegotiation:
		return at(ocpath.InterfacesInterfaceDcbConfigDcbxMode, name)
	case spec.DCBETS:
		return at(ocpath.InterfacesInterfaceDcbEts, name)
	case spec.DCBTrafficClass:
		return at(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClass, name, number)
	case spec.DCBPriority:
		return at(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriority, name, number)
	case spec.DCBPFC:
		return at(ocpath.InterfacesInterfaceDcbPfc, name)
	case spec.DCBApplicationTable:
		return at(ocpath.InterfacesInterfaceDcbApplications, name)
	}
	return at(ocpath.InterfacesInterfaceDcb, name)
}
