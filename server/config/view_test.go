package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (c Commit) text() string {
	var b strings.Builder
	for _, p := range c.Deletes {
		b.WriteString("- " + p.String() + "\n")
	}
	for _, u := range c.Updates {
		b.WriteString("+ " + u.Path.String() + " = " + u.Value.String() + "\n")
	}
	return b.String()
}

func TestCommitTellsWhatAClientSees(t *testing.T) {
	tests := []struct {
		name  string
		start []string
		set   []string
		want  []string
	}{
		{
			name: "a new entry comes with its defaults",
			set:  []string{port("p1"), "update " + p1 + "/hold-time/config/up 5"},
			want: []string{
				"+ " + p1 + "/config/name = p1", "+ " + p1 + "/config/type = ethernetCsmacd", "+ " + p1 + "/hold-time/config/up = 5",
				"+ " + p1 + "/config/enabled = true", "+ " + p1 + "/config/forwarding-viable = true",
				"+ " + p1 + "/hold-time/config/down = 0", "+ " + p1 + "/rates/config/load-interval = 300",
			},
		},
		{
			name:  "a leaf that is removed returns to its default",
			start: []string{port("p1"), "update " + p1 + `/config {"enabled":false,"mtu":1400}`},
			set:   []string{"delete " + p1 + "/config/enabled", "delete " + p1 + "/config/mtu"},
			want:  []string{"- " + p1 + "/config/mtu", "+ " + p1 + "/config/enabled = true"},
		},
		{
			name:  "an entry goes as one",
			start: []string{port("p1"), "update " + p1 + `/config {"enabled":false,"mtu":1400}`},
			set:   []string{"delete " + p1},
			want:  []string{"- " + p1},
		},
		{
			name:  "entries go one by one, with what is in them",
			start: []string{port("p1"), l2, "update " + blue + `/vlans/vlan[vlan-id=10]/config {"name":"x"}`},
			set:   []string{"delete /"},
			want:  []string{"- " + p1, "- " + blue},
		},
		{
			name:  "what is set to what it was is not told",
			start: []string{port("p1"), "update " + p1 + `/config {"mtu":1400}`},
			set:   []string{"replace " + p1 + `/config {"type":"ethernetCsmacd","mtu":1400,"description":"d"}`},
			want:  []string{"+ " + p1 + "/config/description = d"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			e.set(t, tt.start...)
			e.set(t, tt.set...)
			want := strings.Join(tt.want, "\n") + "\n"
			if got := e.commits[len(e.commits)-1].text(); got != want {
				t.Errorf("commit: %s", cmp.Diff(want, got))
			}
		})
	}
}

func TestNothingIsToldOfASetThatChangesNothing(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p1"))
	before, applied := len(e.commits), e.device.applied
	e.set(t, port("p1"), "delete /network-instances")
	if len(e.commits) != before || e.device.applied != applied || e.journal.Seq() != 2 {
		t.Errorf("%d commits, %d applications, change %d", len(e.commits)-before, e.device.applied-applied, e.journal.Seq())
	}
}

func TestOpenTellsEverything(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p1"))
	told := e.commits[len(e.commits)-1].text()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, e.dir)
	if got := again.commits[0].text(); got != told || len(again.commits) != 1 {
		t.Errorf("told at the start: %s", cmp.Diff(told, got))
	}
	if got, want := again.commits[0].Time, e.commits[len(e.commits)-1].Time; !got.Equal(want) {
		t.Errorf("changed last at %s, want %s", got, want)
	}
}

// TestNeverConfigured: an element that was never configured knows of no last
// change, however often it is started.
func TestNeverConfigured(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		e := open(t, dir)
		if c := e.commits[0]; !c.Time.IsZero() {
			t.Errorf("it was changed last at %s, want never", c.Time)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, dir)
	e.set(t, port("p1"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir); again.commits[0].Time.IsZero() {
		t.Error("after a change the element knows of none")
	}
}
