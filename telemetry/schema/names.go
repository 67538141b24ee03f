package schema

import (
	"strings"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// nameModule finds a name among a leaf's enumeration values, identities and
// bits; module is where an identity is defined.
func nameModule(n *ocpath.Node, name string) (module string, ok bool) {
	v, ok := n.Value(name)
	return v.Module, ok
}

func hasName(n *ocpath.Node, name string) bool {
	_, ok := nameModule(n, name)
	return ok
}

// identityModule is the module to write before a name in RFC 7951: that of an
// identity, nothing for an enumeration's value.
func identityModule(n *ocpath.Node, name string) string {
	module, _ := nameModule(n, name)
	return module
}

// names lists a leaf's enumeration values, identities and bits.
func names(n *ocpath.Node) []string {
	all := make([]string, len(n.Values))
	for i, v := range n.Values {
		all[i] = v.Name
	}
	return all
}

// near is ", did you mean …?" with the candidates that are close to a name that
// does not exist, else the whole of a short list.
func near(name string, candidates []string) string {
	var close []string
	for _, c := range candidates {
		if distance(strings.ToLower(name), strings.ToLower(c)) <= 1+len(c)/6 {
			close = append(close, c)
		}
	}
	if len(close) > 0 {
		return ", did you mean " + strings.Join(close, " or ") + "?"
	}
	if len(candidates) > 0 && len(candidates) <= 12 {
		return ": there are " + strings.Join(candidates, ", ")
	}
	return ""
}

// distance is the number of insertions, deletions and substitutions between
// two short strings; 99 where one of them is long.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
