package schema

import (
	"cmp"
	"slices"
)

// fewAlternatives are looked at one after the other.
const fewAlternatives = 16

// index finds, among many alternatives, those that a first key may fit: a list
// of thousands of subscriptions to one entry each is matched like one.
type index struct {
	open  int             // the first alternatives, which ask nothing of the first key
	keyed map[string]span // the others, by what they ask of it
}

type span struct{ from, to int }

// first is what an alternative asks of the first key.
func (a *alternative) first() (value string, asks bool) {
	for _, c := range a.conds {
		if c.at == 0 {
			return c.value, true
		}
	}
	return "", false
}

// indexed is the pattern with an index, where that is worth it.
func (p Pattern) indexed() Pattern {
	if len(p.alts) <= fewAlternatives {
		return Pattern{alts: p.alts}
	}
	alts := slices.Clone(p.alts)
	slices.SortStableFunc(alts, func(a, b alternative) int {
		x, asked := a.first()
		y, asks := b.first()
		if asked != asks {
			if asked {
				return 1
			}
			return -1
		}
		return cmp.Compare(x, y)
	})
	ix := &index{keyed: map[string]span{}}
	for i := range alts {
		value, asks := alts[i].first()
		if !asks {
			ix.open = i + 1
			continue
		}
		s, known := ix.keyed[value]
		if !known {
			s.from = i
		}
		s.to = i + 1
		ix.keyed[value] = s
	}
	return Pattern{alts, ix}
}

// split gives the alternatives that keys may fit.
func (p Pattern) split(keys []string) (open, keyed []alternative) {
	open, keyed = p.alts[:p.index.open], p.alts[p.index.open:]
	if len(keys) > 0 {
		s := p.index.keyed[keys[0]]
		keyed = p.alts[s.from:s.to]
	}
	return open, keyed
}
