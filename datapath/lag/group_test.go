package lag

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

var start = time.Unix(1_000_000, 0)

// good is a member with everything that it takes.
func good(speed uint32) Observation {
	return Observation{Present: true, Enabled: true, Carrier: true, SpeedMegabits: speed,
		LACP: Verdict{Collecting: true, Distributing: true}}
}

func with(o Observation, change func(*Observation)) Observation {
	change(&o)
	return o
}

func dead(o Observation) Observation {
	return with(o, func(o *Observation) { o.Carrier, o.LACP = false, Verdict{Reason: spec.MemberNoPartner} })
}

// config is an aggregate with members "a", "b"…
func config(mode spec.AggregateMode, members int, change func(*Config)) Config {
	c := Config{Aggregate: *spec.NewAggregate(mode), Enabled: true, Members: make(map[string]spec.Member)}
	for i := range members {
		c.Members[name(i)] = spec.Member{Aggregate: "lag"}
	}
	if change != nil {
		change(&c)
	}
	return c
}

func name(i int) string { return fmt.Sprintf("%c", 'a'+i) }

func (c *Config) set(name string, change func(*spec.Member)) {
	m := c.Members[name]
	change(&m)
	c.Members[name] = m
}

// made is a group whose members are all good, but for those in seen.
func made(c Config, seen map[string]Observation) *Group {
	g := &Group{}
	g.Configure(c)
	for name := range c.Members {
		o, ok := seen[name]
		if !ok {
			o = good(10000)
		}
		g.Observe(name, o)
	}
	g.Advance(start)
	return g
}

// text is a group in a few words: for each member its role, reason, c for
// collecting, d for distributing, * for the designated one, and its buckets.
func (g *Group) text() string {
	words := []string{}
	for _, name := range g.names {
		m := g.members[name]
		w := name + "=" + m.Role.String()
		if m.Reason != spec.MemberFine {
			w += "/" + m.Reason.String()
		}
		w += " "
		if m.Collecting {
			w += "c"
		}
		if m.Distributing {
			w += "d"
		}
		if name == g.designated {
			w += "*"
		}
		words = append(words, fmt.Sprintf("%s%d", w, m.Buckets))
	}
	if !g.up {
		words = append(words, "down")
	}
	return strings.Join(words, ", ")
}

func TestRoles(t *testing.T) {
	standby := func(names ...string) func(*Config) {
		return func(c *Config) {
			for _, n := range names {
				c.set(n, func(m *spec.Member) { m.Standby = true })
			}
		}
	}
	tests := []struct {
		name   string
		config Config
		seen   map[string]Observation
		want   string
	}{
		{"no member", config(spec.StaticLAG, 0, nil), nil, "down"},
		{"all good", config(spec.StaticLAG, 3, nil), nil, "a=ACTIVE cd*86, b=ACTIVE cd85, c=ACTIVE cd85"},
		{"disabled aggregate", config(spec.StaticLAG, 2, func(c *Config) { c.Enabled = false }), nil,
			"a=DOWN/DISABLED 0, b=DOWN/DISABLED 0, down"},
		{"no interface, disabled, no carrier", config(spec.StaticLAG, 4, nil), map[string]Observation{
			"a": {}, "b": with(good(0), func(o *Observation) { o.Enabled = false }), "c": dead(good(0)),
		}, "a=DOWN/NOT_PRESENT 0, b=DOWN/DISABLED 0, c=DOWN/NO_CARRIER 0, d=ACTIVE cd*256"},
		{"min-links", config(spec.StaticLAG, 2, func(c *Config) { c.MinLinks = 2 }), map[string]Observation{"a": dead(good(0))},
			"a=DOWN/NO_CARRIER 0, b=DOWN/TOO_FEW_LINKS 0, down"},
		{"drained", config(spec.StaticLAG, 2, func(c *Config) { c.set("a", func(m *spec.Member) { m.Drained = true }) }), nil,
			"a=STANDBY/DRAINED c0, b=ACTIVE cd*256"},
		{"a standby waits", config(spec.StaticLAG, 3, standby("b")), nil,
			"a=ACTIVE cd*128, b=STANDBY/STANDBY c0, c=ACTIVE cd128"},
		{"a standby stands in", config(spec.StaticLAG, 3, standby("b")), map[string]Observation{"a": dead(good(0))},
			"a=DOWN/NO_CARRIER 0, b=ACTIVE cd*128, c=ACTIVE cd128"},
		{"a standby for a drained one", config(spec.StaticLAG, 2, func(c *Config) {
			standby("b")(c)
			c.set("a", func(m *spec.Member) { m.Drained = true })
		}), nil, "a=STANDBY/DRAINED c0, b=ACTIVE cd*256"},
		{"only standbys", config(spec.StaticLAG, 2, standby("a", "b")), nil, "a=ACTIVE cd*256, b=STANDBY/STANDBY c0"},
		{"standbys for min-links", config(spec.StaticLAG, 3, func(c *Config) { standby("b", "c")(c); c.MinLinks = 2 }), nil,
			"a=ACTIVE cd*128, b=ACTIVE cd128, c=STANDBY/STANDBY c0"},
		{"active-backup", config(spec.SwitchIndependent, 3, func(c *Config) { c.Distribution = spec.ActiveBackup }), nil,
			"a=ACTIVE cd*256, b=STANDBY/STANDBY c0, c=STANDBY/STANDBY c0"},
		{"active-backup prefers the primary", config(spec.SwitchIndependent, 3, func(c *Config) {
			c.Distribution, c.Primary = spec.ActiveBackup, "c"
		}), nil, "a=STANDBY/STANDBY c0, b=STANDBY/STANDBY c0, c=ACTIVE cd*256"},
		{"active-backup takes a standby last", config(spec.SwitchIndependent, 3, func(c *Config) {
			c.Distribution = spec.ActiveBackup
			standby("a")(c)
		}), nil, "a=STANDBY/STANDBY c0, b=ACTIVE cd*256, c=STANDBY/STANDBY c0"},
		{"active-backup counts who could carry traffic", config(spec.SwitchIndependent, 2, func(c *Config) {
			c.Distribution, c.MinLinks = spec.ActiveBackup, 2
		}), nil, "a=ACTIVE cd*256, b=STANDBY/STANDBY c0"},
		{"the primary takes broadcasts", config(spec.SwitchIndependent, 2, func(c *Config) { c.Primary = "b" }), nil,
			"a=ACTIVE cd128, b=ACTIVE cd*128"},
		{"LACP", config(spec.LACPManaged, 4, nil), map[string]Observation{
			"a": with(good(0), func(o *Observation) { o.LACP = Verdict{Reason: spec.MemberWrongPartner} }),
			"b": with(good(0), func(o *Observation) {
				o.LACP = Verdict{Collecting: true, Reason: spec.MemberNotInSync}
			}),
			"c": with(good(0), func(o *Observation) { o.LACP = Verdict{} }),
		}, "a=DOWN/WRONG_PARTNER 0, b=DOWN/NOT_IN_SYNC c0, c=DOWN/NOT_IN_SYNC 0, d=ACTIVE cd*256"},
		{"LACP chose others", config(spec.LACPManaged, 3, nil), map[string]Observation{
			"a": with(good(0), func(o *Observation) { o.LACP = Verdict{Reason: spec.MemberUnselected} }),
			"b": with(good(0), func(o *Observation) { o.LACP = Verdict{Reason: spec.MemberStandbyWaits} }),
		}, "a=STANDBY/UNSELECTED 0, b=STANDBY/STANDBY 0, c=ACTIVE cd*256"},
		{"static takes all speeds", config(spec.StaticLAG, 2, nil), map[string]Observation{"a": good(1000)},
			"a=ACTIVE cd*128, b=ACTIVE cd128"},
		{"weighted by speed", config(spec.StaticLAG, 3, func(c *Config) { c.SpeedWeighted = true }),
			map[string]Observation{"b": good(25000), "c": good(5000)},
			"a=ACTIVE cd*64, b=ACTIVE cd160, c=ACTIVE cd32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, made(tt.config, tt.seen).text()); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

// step is something that happens, and what is then.
type step struct {
	at   time.Duration
	name string
	seen Observation
	want string
	due  time.Duration // of Next; 0: none
}

func (s step) run(t *testing.T, g *Group) {
	t.Helper()
	if s.name != "" {
		g.Observe(s.name, s.seen)
	}
	g.Advance(start.Add(s.at))
	if diff := cmp.Diff(s.want, g.text()); diff != "" {
		t.Errorf("at %v (-want +got):\n%s", s.at, diff)
	}
	want := time.Time{}
	if s.due != 0 {
		want = start.Add(s.due)
	}
	if !g.Next().Equal(want) {
		t.Errorf("at %v: next is %v, want %v", s.at, g.Next(), want)
	}
}

func TestDelays(t *testing.T) {
	const up, down = 300 * time.Millisecond, 200 * time.Millisecond
	on, off := good(10000), dead(good(10000))
	g := made(config(spec.StaticLAG, 2, func(c *Config) { c.UpDelay, c.DownDelay = up, down }), nil)
	both, one := "a=ACTIVE cd*128, b=ACTIVE cd128", "a=ACTIVE cd*256, b=DOWN/NO_CARRIER 0"
	wait := "a=ACTIVE cd*256, b=DOWN/UP_DELAY c0"
	for _, s := range []step{
		{0, "", on, both, 0},
		{10, "b", off, both, 10 + down},
		{20, "b", on, both, 0}, // it did not last
		{30, "b", off, both, 30 + down},
		{30 + down, "", off, one, 0},
		{1 * time.Second, "b", on, wait, 1*time.Second + up},
		{1*time.Second + 10, "b", off, one, 0},
		{2 * time.Second, "b", on, wait, 2*time.Second + up},
		{2*time.Second + up - 1, "", on, wait, 2*time.Second + up},
		{2*time.Second + up, "", on, both, 0},
		{3 * time.Second, "b", with(off, func(o *Observation) { o.Enabled = false }), "a=ACTIVE cd*256, b=DOWN/DISABLED 0", 0},
		{4 * time.Second, "b", on, wait, 4*time.Second + up},
	} {
		s.run(t, g)
	}
}

// TestLinger takes in for a while what a partner sends that is told to stop.
func TestLinger(t *testing.T) {
	g := made(config(spec.LACPManaged, 2, nil), nil)
	off := with(good(10000), func(o *Observation) { o.LACP = Verdict{Reason: spec.MemberUnselected} })
	one := "a=ACTIVE cd*256, b=STANDBY/UNSELECTED "
	for _, s := range []step{
		{10, "b", off, one + "c0", 10 + lingers},
		{20, "", off, one + "c0", 10 + lingers},
		{10 + lingers, "", off, one + "0", 0},
		{time.Second, "b", good(10000), "a=ACTIVE cd*128, b=ACTIVE cd128", 0},
		{2 * time.Second, "b", off, one + "c0", 2*time.Second + lingers},
		{2*time.Second + 1, "b", dead(off), "a=ACTIVE cd*256, b=DOWN/NO_CARRIER 0", 0},
	} {
		s.run(t, g)
	}
}

func TestActiveBackup(t *testing.T) {
	on, off := good(10000), dead(good(10000))
	a, b := "a=ACTIVE cd*256, b=STANDBY/STANDBY c0", "a=STANDBY/STANDBY c0, b=ACTIVE cd*256"
	bOnly := "a=DOWN/NO_CARRIER 0, b=ACTIVE cd*256"
	tests := []struct {
		name     string
		primary  string
		reselect spec.Reselect
		speed    uint32 // of a
		back     string // what is when a is back
	}{
		{"nobody is preferred", "", spec.ReselectAlways, 10000, b},
		{"the primary always", "a", spec.ReselectAlways, 10000, a},
		{"the primary after a failure", "a", spec.ReselectFailure, 10000, b},
		{"the primary if better, and it is", "a", spec.ReselectBetter, 25000, a},
		{"the primary if better, and it is not", "a", spec.ReselectBetter, 10000, b},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on := good(tt.speed)
			g := made(config(spec.SwitchIndependent, 2, func(c *Config) {
				c.Distribution, c.Primary, c.Reselect = spec.ActiveBackup, tt.primary, tt.reselect
			}), map[string]Observation{"a": on})
			for _, s := range []step{
				{0, "", on, a, 0},
				{1, "a", off, bOnly, 0},
				{2, "a", on, tt.back, 0},
				{3, "b", off, "a=ACTIVE cd*256, b=DOWN/NO_CARRIER 0", 0},
			} {
				s.run(t, g)
			}
		})
	}
	t.Run("the standby hands back", func(t *testing.T) {
		g := made(config(spec.SwitchIndependent, 2, func(c *Config) {
			c.Distribution = spec.ActiveBackup
			c.set("b", func(m *spec.Member) { m.Standby = true })
		}), nil)
		step{1, "a", off, bOnly, 0}.run(t, g)
		step{2, "a", on, a, 0}.run(t, g)
	})
}

func TestLost(t *testing.T) {
	g := made(config(spec.LACPManaged, 3, func(c *Config) { c.MinLinks = 2 }), nil)
	lost := func(what string, want ...Loss) {
		t.Helper()
		g.Advance(start)
		if diff := cmp.Diff(want, g.Lost()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	lost("nothing happened")
	g.Observe("a", with(good(10000), func(o *Observation) { o.LACP = Verdict{Reason: spec.MemberNoPartner} }))
	lost("the partner is mute", Loss{"a", spec.MemberNoPartner})
	lost("told once")
	g.Observe("b", Observation{})
	lost("too few links for c, which is not lost", Loss{"b", spec.MemberNotPresent})
	g = made(config(spec.StaticLAG, 2, nil), nil)
	g.Configure(config(spec.StaticLAG, 2, func(c *Config) { c.set("a", func(m *spec.Member) { m.Drained = true }) }))
	lost("drained on purpose")
	g.Configure(config(spec.StaticLAG, 1, nil))
	lost("taken out on purpose")
}

func TestMixed(t *testing.T) {
	for name, tt := range map[string]struct {
		speeds []uint32
		want   bool
	}{"same": {[]uint32{10, 10}, false}, "one is not known": {[]uint32{10, 0}, false}, "different": {[]uint32{10, 0, 40}, true}} {
		seen := make(map[string]Observation)
		for i, s := range tt.speeds {
			seen[string(rune('a'+i))] = good(s)
		}
		if got := made(config(spec.StaticLAG, len(tt.speeds), nil), seen).Mixed(); got != tt.want {
			t.Errorf("%s: mixed %t, want %t", name, got, tt.want)
		}
	}
}

func TestTransitions(t *testing.T) {
	g := made(config(spec.StaticLAG, 2, nil), nil)
	at := start.Add(time.Minute)
	g.Observe("b", dead(good(0)))
	g.Advance(at)
	g.Advance(at.Add(time.Minute))
	m, _ := g.Member("b")
	if m.Transitions != 2 || !m.Since.Equal(at) {
		t.Errorf("b changed %d times, last %v; want 2, %v", m.Transitions, m.Since, at)
	}
	if _, ok := g.Member("x"); ok {
		t.Error("x is a member")
	}
	if got := g.SpeedMegabits(); got != 10000 {
		t.Errorf("speed %d, want that of a alone", got)
	}
}
