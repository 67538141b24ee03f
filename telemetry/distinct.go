package telemetry

import (
	"fmt"
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxAnyDepth bounds how many different paths of one list may have `...` in
// them: each is looked for in the whole schema.
const maxAnyDepth = 256

// distinct are the different paths of a list of subscriptions: the same one
// again asks for nothing more.
type distinct struct {
	prefix   *gpb.Path
	seen     map[string]struct{}
	anyDepth int
}

// again reports that a path was asked for before in the same manner. A list
// with too many different paths that are dear to resolve is ErrInvalid.
func (d *distinct) again(m manner, path *gpb.Path) (bool, error) {
	octets, err := proto.MarshalOptions{Deterministic: true}.Marshal(path)
	if err != nil {
		return false, fmt.Errorf("a path that is no UTF-8: %w", schema.ErrInvalid)
	}
	key := fmt.Sprintf("%v %s", m, octets)
	if _, seen := d.seen[key]; seen {
		return true, nil
	}
	d.seen[key] = struct{}{}
	dear := func(e *gpb.PathElem) bool { return e.GetName() == "..." }
	if slices.ContainsFunc(path.GetElem(), dear) || slices.ContainsFunc(d.prefix.GetElem(), dear) {
		if d.anyDepth++; d.anyDepth > maxAnyDepth {
			return false, fmt.Errorf("a SubscriptionList with more than %d different paths with \"...\": %w", maxAnyDepth, schema.ErrInvalid)
		}
	}
	return false, nil
}
