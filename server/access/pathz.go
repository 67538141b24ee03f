package access

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnsi/pathz"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxLimits bounds how many readers' and writers' limits are kept.
const maxLimits = 4096

// pathzPolicy says which paths may be read and written: the policy of gNSI
// pathz (gnsi.pathz.v1.AuthorizationPolicy). Of the rules that fit a path the
// best one decides (authorization-README.md, "Best Match"); a path that none
// fits is denied.
type pathzPolicy struct {
	rules  []pathRule
	groups map[string][]string

	mu     sync.Mutex // guards limits
	limits map[limitKey]*schema.Limit
}

// pathRule is one rule, ready to be looked at.
type pathRule struct {
	pathz.Mode
	schema.Rule
	user, group    string // one of them
	elems, defined int    // elements, and keys that are no wildcards
}

type limitKey struct {
	user string
	mode pathz.Mode
}

// parsePathz reads the policy in the JSON form of its protobuf message. A rule
// for a path that the models do not have is an error: a mistyped denial would
// deny nothing. One for a path that the models have and the element does not
// serve says nothing.
func parsePathz(content []byte) (*pathzPolicy, error) {
	m := &pathz.AuthorizationPolicy{}
	if err := protojson.Unmarshal(content, m); err != nil {
		return nil, fmt.Errorf("pathz policy: %w", err)
	}
	p := &pathzPolicy{groups: map[string][]string{}, limits: map[limitKey]*schema.Limit{}}
	for _, g := range m.GetGroups() {
		if _, twice := p.groups[g.GetName()]; twice || g.GetName() == "" {
			return nil, fmt.Errorf("pathz policy: group %q has no name of its own", g.GetName())
		}
		names := []string{}
		for _, u := range g.GetUsers() {
			if u.GetName() == "" {
				return nil, fmt.Errorf("pathz policy: group %s: a user without a name", g.GetName())
			}
			names = append(names, u.GetName())
		}
		p.groups[g.GetName()] = names
	}
	ids := map[string]bool{}
	for i, r := range m.GetRules() {
		if r.GetId() == "" || ids[r.GetId()] {
			return nil, fmt.Errorf("pathz policy: rule %d has no id of its own", i+1)
		}
		ids[r.GetId()] = true
		if err := p.add(r); err != nil {
			return nil, fmt.Errorf("pathz policy: rule %s: %w", r.GetId(), err)
		}
	}
	return p, nil
}

func (p *pathzPolicy) add(r *pathz.AuthorizationRule) error {
	rule := pathRule{Mode: r.GetMode(), user: r.GetUser(), group: r.GetGroup()}
	_, known := p.groups[rule.group]
	switch {
	case rule.user == "" && rule.group == "":
		return errors.New("neither a user nor a group")
	case rule.group != "" && !known:
		return fmt.Errorf("no group %q", rule.group)
	case rule.Mode != pathz.Mode_MODE_READ && rule.Mode != pathz.Mode_MODE_WRITE:
		return fmt.Errorf("mode %v: want MODE_READ or MODE_WRITE", r.GetMode())
	case r.GetAction() != pathz.Action_ACTION_PERMIT && r.GetAction() != pathz.Action_ACTION_DENY:
		return fmt.Errorf("action %v: want ACTION_PERMIT or ACTION_DENY", r.GetAction())
	case r.GetPath() == nil:
		return errors.New("no path; one without elements is all")
	}
	rule.Permit = r.GetAction() == pathz.Action_ACTION_PERMIT
	var err error
	if rule.elems, rule.defined, err = specificity(r.GetPath()); err != nil {
		return err
	}
	rule.Pattern, err = schema.Compile(nil, r.GetPath())
	if errors.Is(err, schema.ErrUnimplemented) {
		return nil
	}
	if err != nil {
		return err
	}
	p.rules = append(p.rules, rule)
	return nil
}

// specificity counts the elements of a rule's path, and the keys with a value.
// Wildcards stand for whole values of keys only.
func specificity(path *gpb.Path) (elems, defined int, err error) {
	for _, e := range path.GetElem() {
		if strings.Contains(e.GetName(), "*") || e.GetName() == "..." {
			return 0, 0, fmt.Errorf("element %q: a wildcard may be the value of a key, and nothing else", e.GetName())
		}
		for key, value := range e.GetKey() {
			switch {
			case value == "*":
			case strings.Contains(value, "*"):
				return 0, 0, fmt.Errorf("key %s of %s: %q: a wildcard stands for the whole value", key, e.GetName(), value)
			default:
				defined++
			}
		}
	}
	return len(path.GetElem()), defined, nil
}

// limit gives what somebody may read, or write.
func (p *pathzPolicy) limit(user string, mode pathz.Mode) *schema.Limit {
	key := limitKey{user, mode}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.limits[key]; l != nil {
		return l
	}
	var own []pathRule
	for _, r := range p.rules {
		if r.Mode == mode && user != "" && (r.user == user || slices.Contains(p.groups[r.group], user)) {
			own = append(own, r)
		}
	}
	slices.SortStableFunc(own, better)
	rules := make([]schema.Rule, len(own))
	for i := range own {
		rules[i] = own[i].Rule
	}
	l := schema.NewLimit(rules)
	if len(p.limits) >= maxLimits {
		clear(p.limits)
	}
	p.limits[key] = l
	return l
}

// better orders rules by gNSI's best match: the longer path, more keys with a
// value, a user before a group, a denial before a permit.
func better(a, b pathRule) int {
	return cmp.Or(
		cmp.Compare(b.elems, a.elems),
		cmp.Compare(b.defined, a.defined),
		compareBool(a.user != "", b.user != ""),
		compareBool(!a.Permit, !b.Permit),
	)
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
