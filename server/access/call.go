package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnsi/pathz"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// call is one call that was let in.
type call struct {
	caller
	method string
	began  time.Time
	rules  rules
	// read and write are what the caller may; nil is everything.
	read, write *schema.Limit
	// change is what a Set comes to, once that is known.
	change *changeSummary
}

type callKey struct{}

// errOutside is a call that did not come through the interceptors.
var errOutside = errors.New("a call that nobody let in")

func callOf(ctx context.Context) (*call, error) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil, errOutside
	}
	return c, nil
}

// admit decides whether a method may be called. The caller comes back also
// with an error.
func (a *Access) admit(ctx context.Context, method string) (*call, error) {
	c := &call{method: method, began: time.Now()}
	var err error
	if c.rules, err = a.rules(); err != nil {
		c.caller = callerOf(ctx)
		return c, err
	}
	if c.caller, err = a.authenticate(ctx, c.rules.users); err != nil {
		return c, err
	}
	return c, c.authorize()
}

// authorize takes what the policies say of the caller.
func (c *call) authorize() error {
	if c.rules.authz != nil {
		if ok, rule := c.rules.authz.permits(c.Name, c.method); !ok {
			if rule != "" {
				return fmt.Errorf("%s: %w by rule %q of the authz policy", c.method, ErrForbidden, rule)
			}
			return fmt.Errorf("%s: %w: no rule of the authz policy allows it", c.method, ErrForbidden)
		}
	}
	if c.rules.pathz != nil {
		c.read = c.rules.pathz.limit(c.Name, pathz.Mode_MODE_READ)
		c.write = c.rules.pathz.limit(c.Name, pathz.Mode_MODE_WRITE)
	}
	return nil
}

// Readable gives what the caller of a call may read; nil is everything. A
// context that is not of a call which was let in is an error.
func Readable(ctx context.Context) (*schema.Limit, error) {
	c, err := callOf(ctx)
	if err != nil {
		return nil, err
	}
	return c.read, nil
}

// Name is that of who is behind a call, "" for nobody in particular.
func Name(ctx context.Context) string {
	c, err := callOf(ctx)
	if err != nil {
		return ""
	}
	return c.Name
}

// Change is what a Set would alter of the configuration.
type Change struct {
	// Updates are leaves, Created and Deletes list entries and, of Deletes,
	// leaves.
	Updates, Created, Deletes []schema.Path
	// Below gives the leaves that are set below a list entry that goes. It is
	// asked only where a policy tells between them.
	Below func(schema.Path) []schema.Path
}

// Writable refuses a change that the caller of a call may not make, with
// ErrForbidden and the first path at fault. A context that is not of a call
// which was let in is an error.
func Writable(ctx context.Context, change Change) error {
	c, err := callOf(ctx)
	if err != nil {
		return err
	}
	c.change = summarize(change)
	if c.write == nil {
		return nil
	}
	for _, p := range change.Deletes {
		if !c.deletable(p, change.Below) {
			return c.unwritable(p)
		}
	}
	for _, p := range slices.Concat(change.Created, change.Updates) {
		if !c.write.Permits(p) {
			return c.unwritable(p)
		}
	}
	return nil
}

// deletable reports whether a path, and of a list entry everything in it, may
// go.
func (c *call) deletable(p schema.Path, below func(schema.Path) []schema.Path) bool {
	if !p.IsEntry() {
		return c.write.Permits(p)
	}
	if c.write.Whole(p) {
		return true
	}
	leaves := below(p)
	for _, leaf := range leaves {
		if !c.write.Permits(leaf) {
			return false
		}
	}
	return len(leaves) > 0 || c.write.Permits(p)
}

// unwritable is the refusal of a change; a path that the caller may not read
// stays unnamed.
func (c *call) unwritable(p schema.Path) error {
	if c.read != nil && !c.read.Touches(p) {
		return fmt.Errorf("a change that the request comes to: %w by the pathz policy", ErrForbidden)
	}
	return fmt.Errorf("%s: %w by the pathz policy to write it", p, ErrForbidden)
}

// checkPaths refuses a Set that names a path of which the caller may change
// nothing, whether or not it would alter anything: an answer would tell what
// is there.
func (c *call) checkPaths(req *gpb.SetRequest) error {
	if c.write == nil {
		return nil
	}
	if !c.write.Touches(schema.Path{}) { // also one that changes nothing has effects: arbitration, confirmations
		return fmt.Errorf("%w by the pathz policy to write anything", ErrForbidden)
	}
	for _, path := range setPaths(req) {
		p, err := schema.Compile(req.GetPrefix(), path)
		if err != nil {
			continue // which the Set will say
		}
		if !c.write.Reaches(p) {
			text, err := schema.FormatProto(req.GetPrefix(), path)
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: %w by the pathz policy to write it", text, ErrForbidden)
		}
	}
	return nil
}

// setPaths are the paths that a Set names, in the order of execution.
func setPaths(req *gpb.SetRequest) []*gpb.Path {
	paths := append([]*gpb.Path(nil), req.GetDelete()...)
	for _, updates := range [][]*gpb.Update{req.GetReplace(), req.GetUpdate(), req.GetUnionReplace()} {
		for _, u := range updates {
			paths = append(paths, u.GetPath())
		}
	}
	return paths
}
