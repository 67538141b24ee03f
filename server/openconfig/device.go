package openconfig

import (
	"errors"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// FromDevice gives what the datapath refuses (spec.Invalid) the path of what
// was configured. Other errors are the kernel's, and become Unavailable.
func FromDevice(err error) error {
	var errs []error
	walkErrors(err, func(err error) {
		var refused *spec.Invalid
		if errors.As(err, &refused) {
			kind := Invalid
			switch {
			case refused.Full:
				kind = Exhausted
			case refused.Unsupported:
				kind = Unimplemented
			}
			errs = append(errs, &Error{Kind: kind, Path: objectPath(refused), Reason: refused.Reason, Err: err})
			return
		}
		var named *Error
		if !errors.As(err, &named) {
			err = &Error{Kind: Unavailable, Reason: err.Error(), Err: err}
		}
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// walkErrors calls f for each error that errors.Join put together.
func walkErrors(err error, f func(error)) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			walkErrors(e, f)
		}
		return
	}
	if err != nil {
		f(err)
	}
}

// objectPath is the path of the object that an error of the datapath names.
func objectPath(e *spec.Invalid) string {
	vlan := strconv.Itoa(int(e.VLAN))
	var path schema.Path
	switch {
	case e.Switch != "" && !e.MAC.IsZero():
		path = at(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, e.Switch, strings.ToLower(e.MAC.String()), vlan)
	case e.Switch != "" && e.VLAN != 0:
		path = at(ocpath.NetworkInstancesNetworkInstanceVlansVlan, e.Switch, vlan)
	case e.Switch != "":
		path = at(ocpath.NetworkInstancesNetworkInstance, e.Switch)
	case e.Port != "" && e.DCB != spec.DCBPlace{}:
		path = dcbPath(e.Port, e.DCB)
	case e.VF != nil:
		path = sriovPath(e.Port, e.VF)
	case e.Port != "":
		path = at(ocpath.InterfacesInterface, e.Port)
	default:
		return ""
	}
	return path.String()
}
