package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/signalbox/signalbox/integration/element"
)

// run runs the command line and wants it to succeed.
func (s *site) run(args ...string) string {
	s.t.Helper()
	out, err := s.cli(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// TestG18_CommandsRoundTrip shows the configuration as commands, takes it away
// and brings it back from them.
func TestG18_CommandsRoundTrip(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Trunk("p1", 10, 20, "30..40"), element.Access("p2", 10), element.Switch("red", "p1", "p2"),
		element.VLAN("red", 10), element.VLAN("red", 20), element.StaticEntry("red", "02:00:00:00:03:01", 20, "p1"),
		element.Update("/interfaces/interface[name=p1]/config", map[string]any{"description": " 47 \"eleven\"\n#", "enabled": false}))
	before, shown := s.running(), s.run("show", "config", "--format", "commands")
	for _, line := range []string{
		"set /interfaces/interface[name=p1]/ethernet/switched-vlan/config/trunk-vlans [20,\"30..40\"]\n",
		"set /interfaces/interface[name=p1]/config/description \" 47 \\\"eleven\\\"\\n#\"\n",
		"set /interfaces/interface[name=p1]/config/enabled false\n",
	} {
		if !strings.Contains(shown, line) {
			t.Errorf("commands have no line %q:\n%s", line, shown)
		}
	}
	file := filepath.Join(t.TempDir(), "commands")
	s.ok(os.WriteFile(file, []byte("# all of it\n"+shown), 0o600))
	s.run("set", "--delete", "/")
	if s.running() == before {
		t.Fatal("a delete of everything changes nothing")
	}
	if out := s.run("set", "--file", file); !strings.Contains(out, "signalbox_cli") {
		t.Errorf("set --file says %q", out)
	}
	if after := s.running(); after != before {
		t.Errorf("the configuration was\n%s\nand is\n%s", before, after)
	}
	if again := s.run("show", "config", "--format", "commands"); again != shown {
		t.Errorf("the commands were\n%s\nand are\n%s", shown, again)
	}
	if _, err := s.cli("set", "--file", "/dev/null"); err != nil {
		t.Errorf("no commands: %v", err)
	}
	s.ok(os.WriteFile(file, []byte("delete /interfaces\n  set /interfaces/interface[name=p1]/config/mtu 1\n"), 0o600))
	if _, err := s.cli("set", "--file", file); err == nil || !strings.Contains(err.Error(), "/config/mtu") {
		t.Errorf("an MTU of 1: %v, want a refusal that names the path", err)
	}
	s.ok(os.WriteFile(file, []byte("\nput /x 1\n"), 0o600))
	if _, err := s.cli("set", "--file", file); err == nil || !strings.Contains(err.Error(), "line 2, column 1") {
		t.Errorf("no command: %v, want the line and column", err)
	}
}

// TestG19_CommitSurvivesKills lets a commit run out while the element is dead,
// and another while it lives again.
func TestG19_CommitSurvivesKills(t *testing.T) {
	const mtu = "/interfaces/interface[name=p1]/config/mtu"
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10), element.Update(mtu, 1400))
	before := s.running()
	commit := func(id string, rollback time.Duration, mtuTo int) {
		t.Helper()
		_, err := s.Set(t.Context(), &gpb.SetRequest{
			Update: []*gpb.Update{element.Update(mtu, mtuTo)},
			Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Commit{Commit: &gnmi_ext.Commit{Id: id,
				Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(rollback)}}}}}},
		})
		s.ok(err)
	}
	kernel := func(want int) {
		t.Helper()
		link, err := s.sw.Link("p1")
		if err != nil || link.Attrs().MTU != want {
			t.Errorf("the kernel has an MTU of %d, %v; want %d", link.Attrs().MTU, err, want)
		}
	}
	commit("dead", 100*time.Millisecond, 1300)
	s.ok(s.Kill())
	time.Sleep(200 * time.Millisecond) // the deadline is a time, not a condition
	s.start()
	if s.running() != before {
		t.Errorf("a commit that ran out while the element was dead is\n%s\nwant\n%s", s.running(), before)
	}
	kernel(1400)

	commit("alive", time.Hour, 1200)
	s.ok(s.Kill())
	s.start()
	kernel(1200)
	if _, err := s.cli("set", mtu, "1500"); err == nil || !strings.Contains(err.Error(), "alive") {
		t.Errorf("a Set meanwhile: %v, want a refusal that names the commit", err)
	}
	s.run("commit", "extend", "alive", "50ms")
	s.leaf(mtu, "1400")
	if s.running() != before {
		t.Errorf("after the deadline\n%s\nwant\n%s", s.running(), before)
	}
	kernel(1400)

	s.run("set", mtu, "1500", "--commit", "kept", "--rollback-after", "1h")
	s.run("commit", "confirm", "kept")
	s.run("set", mtu, "1600", "--commit", "not", "--rollback-after", "1h")
	s.run("commit", "cancel", "not")
	kernel(1500)
	s.ok(s.Kill())
	s.start()
	kernel(1500)
}

// TestHistory brings an earlier version back, also after a kill.
func TestHistory(t *testing.T) {
	const mtu = "/interfaces/interface[name=p1]/config/mtu"
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10), element.Update(mtu, 1400))
	versions := func() []string {
		t.Helper()
		var rows []struct {
			ID   int    `json:"id"`
			Note string `json:"note"`
		}
		s.ok(json.Unmarshal([]byte(s.run("show", "history", "--json")), &rows))
		var ids []string
		for _, r := range rows {
			ids = append(ids, strconv.Itoa(r.ID))
		}
		return ids
	}
	before, first := s.running(), versions()
	s.run("set", mtu, "1500")
	s.run("set", "--delete", "/")
	s.ok(s.Kill())
	s.start()
	if got := versions(); len(got) != 3 || got[2] != first[0] {
		t.Fatalf("versions %v after two more than %v", got, first)
	}
	s.run("rollback", first[0])
	if s.running() != before {
		t.Errorf("the version is\n%s\nwant\n%s", s.running(), before)
	}
	if got := versions(); len(got) != 4 {
		t.Errorf("versions %v, want one more for the rollback", got)
	}
	if _, err := s.cli("rollback", "999999"); err == nil || !strings.Contains(err.Error(), "there is no version") {
		t.Errorf("a version that was never: %v", err)
	}
	s.run("rollback", versions()[1], "--commit", "x", "--rollback-after", "1h")
	if out := s.run("show", "history"); !strings.Contains(out, "commit x to be confirmed by") {
		t.Errorf("history says\n%s", out)
	}
	s.run("commit", "cancel", "x")
}
