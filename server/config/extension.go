package config

import (
	"cmp"
	"fmt"

	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/signalbox/signalbox/server/openconfig"
)

// extensions are those of a Set.
type extensions struct {
	commit      *gnmi_ext.Commit
	arbitration *gnmi_ext.MasterArbitration
}

// readExtensions refuses what would change the meaning of a Set and is not
// served.
func readExtensions(all []*gnmi_ext.Extension) (extensions, error) {
	var found extensions
	for _, e := range all {
		switch x := e.GetExt().(type) {
		case *gnmi_ext.Extension_Commit:
			if found.commit != nil {
				return found, unacceptable("two commit extensions in one Set")
			}
			found.commit = cmp.Or(x.Commit, &gnmi_ext.Commit{})
		case *gnmi_ext.Extension_MasterArbitration:
			if found.arbitration != nil {
				return found, unacceptable("two master arbitration extensions in one Set")
			}
			found.arbitration = cmp.Or(x.MasterArbitration, &gnmi_ext.MasterArbitration{})
		case *gnmi_ext.Extension_Depth:
			return found, unacceptable("extension depth: a Set has none")
		default:
			return found, &openconfig.Error{Kind: openconfig.Unimplemented, Reason: fmt.Sprintf("extension %T is not served", x)}
		}
	}
	return found, checkCommit(found.commit)
}

// unacceptable is an error about the request as a whole.
func unacceptable(format string, args ...any) error {
	return &openconfig.Error{Kind: openconfig.Invalid, Reason: fmt.Sprintf(format, args...)}
}
