package lag

import (
	"github.com/signalbox/signalbox/datapath/spec"
)

// None is the slot of no member.
const None = 0xff

// Table says by which member the flows leave. It is comparable.
type Table struct {
	Buckets [spec.LAGBuckets]Bucket
	// Slots are the members by slot; Name is "" where a slot is free.
	Slots [spec.MaxMembers]Slot
	// Designated is the slot of Group.Designated, or None.
	Designated uint8
}

// Bucket is a share of the flows: who carries it, and who does as soon as that
// one can't. Both are slots, or None.
type Bucket struct{ First, Second uint8 }

// Slot is a member in the table.
type Slot struct {
	Name string
	// Usable says that flows may leave by it, if need be.
	Usable bool
}

// Table is what follows from the last Advance.
func (g *Group) Table() *Table { return &g.table }

// Active reports whether any flow has a member.
func (t *Table) Active() bool { return t.Buckets[0].First != None }

// fill makes the table.
func (g *Group) fill() {
	t := Table{Designated: g.slot(g.designated)}
	for _, name := range g.names {
		m := g.members[name]
		m.Buckets = 0
		t.Slots[m.slot] = Slot{name, g.up && g.fits(name)}
	}
	g.reorder()
	next := g.successor()
	for b := range t.Buckets {
		first, second := g.choose(b)
		if !g.up {
			first, second = "", ""
		} else if next != "" {
			second = next
		}
		if m := g.members[first]; m != nil {
			m.Buckets++
		}
		t.Buckets[b] = Bucket{g.slot(first), g.slot(second)}
	}
	g.table = t
}

func (g *Group) slot(name string) uint8 {
	if m := g.members[name]; m != nil {
		return m.slot
	}
	return None
}

// choose is the member that carries a bucket and, where no standby is free,
// the one that does next.
func (g *Group) choose(b int) (first, second string) {
	serving := -1
	for i, p := range g.places {
		if p.owner == g.moved[b] && p.holder != "" {
			serving, first = i, p.holder
		}
	}
	for _, i := range g.order[b] {
		switch holder := g.places[i].holder; {
		case holder == "" || int(i) == serving:
		case serving < 0:
			serving, first = int(i), holder
		default:
			return first, holder
		}
	}
	return first, ""
}

// successor is who takes the place of whichever member is lost next: a standby
// that is free, or the next one of ActiveBackup.
func (g *Group) successor() string {
	if g.cfg.Distribution == spec.ActiveBackup {
		return g.chooseBackup(g.backup, g.backup)
	}
	owners, taken := g.owners(), make(map[string]bool, len(g.places))
	for _, p := range g.places {
		taken[p.holder] = true
	}
	if free := g.spare(owners, taken); len(free) > 0 {
		return free[0]
	}
	return ""
}

// Adopted is what an earlier instance left of an aggregate in the kernel.
type Adopted struct {
	// Slots are the members' slots by name, and whether flows left by them.
	Slots map[string]AdoptedSlot
	// Designated is the member that took in broadcasts.
	Designated string
	// First are the members that carried the buckets; "" for none.
	First [spec.LAGBuckets]string
}

// AdoptedSlot is a member that was found in the kernel.
type AdoptedSlot struct {
	Slot   uint8
	Usable bool
}

// Adopt goes on from what an earlier instance left: it is called between
// Configure and the first Advance. A member whose up-delay ran begins it anew;
// what the table tells wrongly is passed over.
func (g *Group) Adopt(a Adopted) {
	var used [spec.MaxMembers]bool
	var others []*member
	for _, name := range g.names {
		m := g.members[name]
		s, ok := a.Slots[name]
		if !ok || int(s.Slot) >= len(used) || used[s.Slot] {
			others = append(others, m)
			continue
		}
		m.slot, used[s.Slot] = s.Slot, true
		if !s.Usable && g.cfg.UpDelay > 0 {
			m.link = link{seen: true}
		}
	}
	for _, m := range others {
		m.slot = take(&used)
	}
	if g.members[a.Designated] != nil {
		g.designated = a.Designated
		if g.cfg.Distribution == spec.ActiveBackup {
			g.backup = a.Designated
		}
	}
	g.adoptPlaces(&a)
}

// adoptPlaces finds out where standbys stood in, and what Dynamic moved.
func (g *Group) adoptPlaces(a *Adopted) {
	if g.cfg.Distribution == spec.ActiveBackup {
		return
	}
	g.places = nil
	for _, name := range g.owners() {
		g.places = append(g.places, place{owner: name})
	}
	if len(g.places) == 0 {
		return
	}
	g.reorder()
	g.adoptHolders(a)
	if g.cfg.Distribution != spec.Dynamic {
		return
	}
	owner := make(map[string]string, len(g.places))
	for _, p := range g.places {
		owner[p.holder] = p.owner
	}
	for b, name := range a.First {
		if own := g.places[g.order[b][0]]; own.holder != "" && own.holder != name {
			g.moved[b] = owner[name]
		}
	}
}

// adoptHolders finds out who held the places: the owners, or the standbys that
// carried their buckets. Those of a place that nobody held are spread over all
// others, so that the standby of the greatest share is the holder.
func (g *Group) adoptHolders(a *Adopted) {
	shares := make([]map[string]int, len(g.places))
	for i, p := range g.places {
		shares[i] = make(map[string]int)
		if a.Slots[p.owner].Usable {
			g.places[i].holder = p.owner
		}
	}
	for b, name := range a.First {
		shares[g.order[b][0]][name]++
	}
	for _, name := range g.names {
		at, most := -1, 0
		for i, p := range g.places {
			if n := shares[i][name]; p.holder == "" && n > most {
				at, most = i, n
			}
		}
		if m := g.members[name]; m.cfg.Standby && at >= 0 {
			g.places[at].holder = name
		}
	}
}
