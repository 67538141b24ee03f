package telemetry

import (
	"errors"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// ErrForbidden is a request for a path that its reader's limit does not admit.
var ErrForbidden = errors.New("not permitted")

// admit refuses a request that a reader may not make.
func admit(limit *schema.Limit, p schema.Pattern, prefix, path *gpb.Path) error {
	if limit == nil || limit.Admits(p) {
		return nil
	}
	text, err := schema.FormatProto(prefix, path)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", text, ErrForbidden)
}
