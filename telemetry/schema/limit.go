package schema

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// Rule permits or denies what a pattern stands for, and all below it.
type Rule struct {
	Pattern Pattern
	Permit  bool
}

// Limit says which paths somebody may see, or change: of its rules the first
// one that fits a path decides, and where none fits the path is not permitted.
// It is immutable.
type Limit struct {
	id      string // the same for limits with the same rules
	rules   []limitRule
	nodes   []*ruled // by node; nil where no rule applies
	permits []int    // the rules that permit, by their nodes
	denies  []int    // the rules that deny, by their nodes
}

// limitRule is a rule for one node and all below it.
type limitRule struct {
	node   ocpath.ID
	conds  []condition
	permit bool
}

// ruled are the rules that apply to a node, as indexes of Limit.rules: a lower
// one is looked at first.
type ruled struct {
	all   []int
	keys  int // how many keys the conditions look at
	open  int // the first rule without conditions; the number of rules for none
	keyed []keyed
}

// keyed are the rules whose first condition is about one key, by its value.
type keyed struct {
	at    int
	rules map[string][]int
}

// NewLimit builds a limit of rules in the order in which they are looked at.
func NewLimit(rules []Rule) *Limit {
	l := &Limit{nodes: make([]*ruled, ocpath.Len())}
	var id strings.Builder
	for _, r := range rules {
		for _, a := range r.Pattern.alts {
			conds := slices.SortedFunc(slices.Values(a.conds), func(x, y condition) int { return x.at - y.at })
			for _, end := range a.ends {
				l.rules = append(l.rules, limitRule{end, conds, r.Permit})
				fmt.Fprintf(&id, "%d[%s]%t|", end, conditionsID(conds), r.Permit)
			}
		}
	}
	l.id = fmt.Sprintf("within %x ", sha256.Sum256([]byte(id.String())))
	at := map[ocpath.ID][]int{}
	for i, r := range l.rules {
		at[r.node] = append(at[r.node], i)
		if r.permit {
			l.permits = append(l.permits, i)
		} else {
			l.denies = append(l.denies, i)
		}
	}
	byNode := func(a, b int) int { return int(l.rules[a].node) - int(l.rules[b].node) }
	slices.SortStableFunc(l.permits, byNode)
	slices.SortStableFunc(l.denies, byNode)
	l.spread(ocpath.Root, nil, at)
	return l
}

// spread gives a node, and those below it, the rules that apply: what applies
// above, and its own.
func (l *Limit) spread(node ocpath.ID, above *ruled, at map[ocpath.ID][]int) {
	if own := at[node]; len(own) > 0 {
		var outer []int
		if above != nil {
			outer = above.all
		}
		above = l.ruled(outer, own)
	}
	l.nodes[node] = above
	for child := range children(node) {
		l.spread(child, above, at)
	}
}

func (l *Limit) ruled(outer, own []int) *ruled {
	r := &ruled{all: slices.Concat(outer, own), open: len(l.rules)}
	slices.Sort(r.all)
	for _, i := range r.all {
		conds := l.rules[i].conds
		if len(conds) == 0 {
			r.open = min(r.open, i)
			continue
		}
		r.keys = max(r.keys, conds[len(conds)-1].at+1)
		k := slices.IndexFunc(r.keyed, func(k keyed) bool { return k.at == conds[0].at })
		if k < 0 {
			k = len(r.keyed)
			r.keyed = append(r.keyed, keyed{conds[0].at, map[string][]int{}})
		}
		r.keyed[k].rules[conds[0].value] = append(r.keyed[k].rules[conds[0].value], i)
	}
	return r
}

// Permits reports whether a path is permitted. Where keys are left away, it
// reports whether it may be permitted in some entry.
func (l *Limit) Permits(p Path) bool { return l.allows(p.Node, p.Keys) }

func (l *Limit) allows(node ocpath.ID, keys []string) bool {
	r := l.nodes[node]
	if r == nil {
		return false
	}
	if len(keys) < r.keys {
		return l.mayAllow(r, keys, nil)
	}
	first := r.open
	for _, k := range r.keyed {
		for _, i := range k.rules[keys[k.at]] {
			if i >= first {
				break
			}
			if l.rules[i].fits(keys, nil) == yes {
				first = i
				break
			}
		}
	}
	return first < len(l.rules) && l.rules[first].permit
}

// mayAllow reports whether a permit can be what decides, where only some keys
// are known: outer ones, and those that more gives.
func (l *Limit) mayAllow(r *ruled, keys []string, more []condition) bool {
	for _, i := range r.all {
		switch fits := l.rules[i].fits(keys, more); {
		case fits == no:
		case l.rules[i].permit:
			return true
		case fits == yes:
			return false
		}
	}
	return false
}

// answer is that of a question about keys of which some are not known.
type answer uint8

const (
	no answer = iota
	perhaps
	yes
)

// fits reports whether a rule's conditions hold.
func (r *limitRule) fits(keys []string, more []condition) answer {
	all := yes
	for _, c := range r.conds {
		var value string
		if c.at < len(keys) {
			value = keys[c.at]
		} else if i := slices.IndexFunc(more, func(m condition) bool { return m.at == c.at }); i >= 0 {
			value = more[i].value
		} else {
			all = perhaps
			continue
		}
		if value != c.value {
			return no
		}
	}
	return all
}

// Touches reports whether anything at or below a path may be permitted.
func (l *Limit) Touches(p Path) bool { return l.touches(p.Node, p.Keys, nil) }

// Reaches reports whether anything at or below what a pattern stands for may be
// permitted.
func (l *Limit) Reaches(p Pattern) bool {
	for i := range p.alts {
		a := &p.alts[i]
		if slices.ContainsFunc(a.ends, func(end ocpath.ID) bool { return l.touches(end, nil, a.conds) }) {
			return true
		}
	}
	return false
}

// touches looks at a node of which outer keys are known, and those that more
// gives.
func (l *Limit) touches(node ocpath.ID, keys []string, more []condition) bool {
	if r := l.nodes[node]; r != nil && (len(more) == 0 && l.allows(node, keys) || len(more) > 0 && l.mayAllow(r, keys, more)) {
		return true
	}
	for _, i := range l.below(l.permits, node) {
		r := &l.rules[i]
		if r.fits(keys, more) != no && l.mayAllow(l.nodes[r.node], keys, slices.Concat(more, r.conds)) {
			return true
		}
	}
	return false
}

// Whole reports that a path and everything that may be below it is permitted.
func (l *Limit) Whole(p Path) bool {
	if !l.allows(p.Node, p.Keys) {
		return false
	}
	return !slices.ContainsFunc(l.below(l.denies, p.Node), func(i int) bool { return l.rules[i].fits(p.Keys, nil) != no })
}

// below gives those rules whose node lies below one.
func (l *Limit) below(rules []int, node ocpath.ID) []int {
	after := func(i int, id ocpath.ID) int { return int(l.rules[i].node) - int(id) }
	from, _ := slices.BinarySearchFunc(rules, node+1, after)
	to, _ := slices.BinarySearchFunc(rules, ocpath.Get(node).End, after)
	return rules[from:max(from, to)]
}

// Admits reports whether a request for a pattern is permitted as it is written:
// a rule for single entries of a list is none for a request for all of them.
// Of a request with wildcards among the names one meaning must be permitted.
func (l *Limit) Admits(p Pattern) bool {
	for i := range p.alts {
		a := &p.alts[i]
		if slices.ContainsFunc(a.ends, func(end ocpath.ID) bool { return l.admits(end, a.conds) }) {
			return true
		}
	}
	return false
}

func (l *Limit) admits(node ocpath.ID, conds []condition) bool {
	if l.nodes[node] == nil {
		return false
	}
	for _, i := range l.nodes[node].all {
		if l.rules[i].fits(nil, conds) == yes {
			return l.rules[i].permit
		}
	}
	return false
}

// ID is a text that is the same for two limits with the same rules; it is empty
// for nil.
func (l *Limit) ID() string {
	if l == nil {
		return ""
	}
	return l.id
}

// Within is the pattern for what a limit permits of it; nil permits all.
func (p Pattern) Within(l *Limit) Pattern {
	if l == nil {
		return p
	}
	out := Pattern{alts: slices.Clone(p.alts), index: p.index}
	for i := range out.alts {
		out.alts[i].limit = l
	}
	return out
}
