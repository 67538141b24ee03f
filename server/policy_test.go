package server

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/signalbox/signalbox/server/access"
)

// policy is a pathz policy of lines "PERMIT READ alice /path".
func policy(t *testing.T, lines ...string) string {
	t.Helper()
	var rules []string
	for i, line := range lines {
		f := strings.Fields(line)
		var elems []string
		for _, e := range textPath(t, f[3]).GetElem() {
			var keys []string
			for key, value := range e.GetKey() {
				keys = append(keys, fmt.Sprintf("%q: %q", key, value))
			}
			elems = append(elems, fmt.Sprintf(`{"name": %q, "key": {%s}}`, e.GetName(), strings.Join(keys, ", ")))
		}
		rules = append(rules, fmt.Sprintf(`{"id": "%d", "user": %q, "path": {"elem": [%s]}, "action": "ACTION_%s", "mode": "MODE_%s"}`,
			i, f[2], strings.Join(elems, ", "), f[0], f[1]))
	}
	return `{"rules": [` + strings.Join(rules, ",\n") + `]}`
}

// everything are rules that let somebody do everything.
func everything(name string) []string {
	return []string{"PERMIT READ " + name + " /", "PERMIT WRITE " + name + " /"}
}

// TestG42_Paths: what may be written is decided by what a Set comes to, and
// what is read shows no more than may be read.
func TestG42_Paths(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "root", "alice")
	const eth = "/interfaces/interface[name=eth%d]"
	eth1, eth2 := fmt.Sprintf(eth, 1), fmt.Sprintf(eth, 2)
	place(t, o.StateDir, access.PathzFile, policy(t, append(everything("root"),
		"PERMIT READ alice /interfaces", "DENY READ alice "+eth2,
		"PERMIT WRITE alice "+eth1, "DENY WRITE alice "+eth1+"/config/mtu")...))
	v := serveIdle(t, o)
	root, alice := as(t, "root", password), as(t, "alice", password)
	wantCode(t, "a Set of one who may do everything", setLeaves(t, v, root, eth1+"/config/mtu=1400", ethernet("eth1"), ethernet("eth2")), codes.OK)

	writes := []struct {
		name  string
		lines []string
		code  codes.Code
	}{
		{"a leaf that is permitted", []string{eth1 + `/config/description="x"`}, codes.OK},
		{"a leaf that is denied", []string{eth1 + `/config/mtu=1300`}, codes.PermissionDenied},
		{"a leaf that is denied, as it is already", []string{eth1 + `/config/mtu=1400`}, codes.PermissionDenied},
		{"another interface", []string{eth2 + `/config/description="x"`}, codes.PermissionDenied},
		{"one of each: nothing of it", []string{eth1 + `/config/description="y"`, eth2 + `/config/description="y"`}, codes.PermissionDenied},
		{"a container with a denied leaf that stays the same", []string{eth1 + `/config={"name": "eth1", "mtu": 1400, "description": "z"}`}, codes.OK},
		{"a container with a denied leaf that changes", []string{eth1 + `/config={"mtu": 1401, "description": "z"}`}, codes.PermissionDenied},
		{"all interfaces", []string{`/interfaces={"interface": [{"name": "eth2", "config": {"mtu": 1501}}]}`}, codes.PermissionDenied},
		{"an entry with a denied leaf in it", []string{"-" + eth1}, codes.PermissionDenied},
		{"all entries", []string{"-/interfaces/interface[name=*]"}, codes.PermissionDenied},
		{"a new entry", []string{ethernet("eth3")}, codes.PermissionDenied},
	}
	for _, tt := range writes {
		t.Run(tt.name, func(t *testing.T) { wantCode(t, "Set", setLeaves(t, v, alice, tt.lines...), tt.code) })
	}

	resp, err := getPath(t, v, alice, "/interfaces")
	text := resp.String()
	if err != nil || !strings.Contains(text, `\"z\"`) || strings.Contains(text, "eth2") {
		t.Errorf("alice reads %s, %v", text, err)
	}
	for path, code := range map[string]codes.Code{eth2: codes.PermissionDenied, "/": codes.PermissionDenied, "/system": codes.PermissionDenied,
		eth1 + "/config/mtu": codes.OK, "/interfaces/interface[name=*]/config": codes.OK} {
		_, err := getPath(t, v, alice, path)
		wantCode(t, "alice reads "+path, err, code)
	}
	if resp, err = getPath(t, v, root, "/interfaces"); err != nil || !strings.Contains(resp.String(), "eth2") {
		t.Errorf("root reads %v, %v", resp, err)
	}
	wantCode(t, "the denied leaf goes first", setLeaves(t, v, root, "-"+eth1+"/config/mtu"), codes.OK)
	wantCode(t, "then the entry may go", setLeaves(t, v, alice, "-"+eth1), codes.OK)
}

// TestG42_ChangedPaths: a stream ends when what it may show changes, and only
// then.
func TestG42_ChangedPaths(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "root", "alice")
	place(t, o.StateDir, access.PathzFile, policy(t, append(everything("root"), "PERMIT READ alice /interfaces", "PERMIT READ alice /system")...))
	v := serveIdle(t, o)
	root, alice := subscribed(t, v, as(t, "root", password), "/interfaces"), subscribed(t, v, as(t, "alice", password), "/interfaces")
	place(t, o.StateDir, access.PathzFile, policy(t, append(everything("root"), "PERMIT READ alice /interfaces")...))
	err := ends(alice)
	wantCode(t, "the stream whose rules changed", err, codes.Unavailable)
	if !strings.Contains(err.Error(), "open the stream again") {
		t.Errorf("it ended with %v", err)
	}
	subscribed(t, v, as(t, "alice", password), "/interfaces")
	wantCode(t, "Set", setLeaves(t, v, as(t, "root", password), ethernet("eth1")), codes.OK)
	if _, err := root.Recv(); err != nil {
		t.Errorf("the stream whose rules are the same ended: %v", err)
	}
}

func TestG42_Calls(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "root", "alice")
	place(t, o.StateDir, access.AuthzFile, `{"name": "p", "allow_rules": [{"name": "root", "source": {"principals": ["root"]}},
		{"name": "readers", "source": {"principals": ["*"]}, "request": {"paths": ["/gnmi.gNMI/Get", "/gnmi.gNMI/Subscribe"]}}]}`)
	v := serveIdle(t, o)
	alice := as(t, "alice", password)
	_, err := getPath(t, v, alice, "/system/state/boot-time")
	wantCode(t, "Get", err, codes.OK)
	wantCode(t, "Set", setLeaves(t, v, alice, ethernet("a")), codes.PermissionDenied)
	wantCode(t, "reflection", listServices(v, alice), codes.PermissionDenied)
	wantCode(t, "Set by root", setLeaves(t, v, as(t, "root", password), ethernet("a")), codes.OK)
	_, err = healthpb.NewHealthClient(v).Check(bounded(t), &healthpb.HealthCheckRequest{})
	wantCode(t, "health", err, codes.OK)
	stream := subscribed(t, v, alice, "/system")
	place(t, o.StateDir, access.AuthzFile, `{"name": "p", "allow_rules": [{"name": "root", "source": {"principals": ["root"]}}]}`)
	wantCode(t, "a stream that is not allowed any more", ends(stream), codes.PermissionDenied)
	place(t, o.StateDir, access.AuthzFile, `{`)
	_, err = getPath(t, v, alice, "/system/state/boot-time")
	wantCode(t, "with a policy that cannot be read: as before", err, codes.PermissionDenied)
}

func TestG42_BrokenFilesKeepItFromServing(t *testing.T) {
	for _, name := range []string{access.UsersFile, access.AuthzFile, access.PathzFile} {
		o := options(t, Transport{})
		place(t, o.StateDir, name, "broken")
		_, err := Listen(o)
		checkReason(t, err, name)
		if err := os.Remove(filepath.Join(o.StateDir, name)); err != nil {
			t.Fatal(err)
		}
		s, err := Listen(o)
		if err != nil {
			t.Fatalf("without it: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestG45_Audit has a record for each write and each refused call, in the order
// they came.
func TestG45_Audit(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "root", "alice")
	place(t, o.StateDir, access.PathzFile, policy(t, append(everything("root"), "PERMIT READ alice /interfaces", "PERMIT WRITE alice /interfaces/interface[name=a]")...))
	v := serveIdle(t, o)
	root, alice := as(t, "root", password), as(t, "alice", password)
	const description = "/interfaces/interface[name=a]/config/description"
	wantCode(t, "1", setLeaves(t, v, root, description+`="hush"`, ethernet("a")), codes.OK)
	wantCode(t, "2", setLeaves(t, v, alice, description+`="hush"`, `/interfaces/interface[name=b]/config/description="hush"`), codes.PermissionDenied)
	wantCode(t, "3", setLeaves(t, v, root, "/interfaces/interface[name=a]/config/mtu=1"), codes.InvalidArgument)
	_, err := getPath(t, v, alice, "/system")
	wantCode(t, "4", err, codes.PermissionDenied)
	_, err = getPath(t, v, as(t, "mallory", "a guess"), "/system")
	wantCode(t, "5", err, codes.Unauthenticated)
	_, err = getPath(t, v, alice, "/interfaces")
	wantCode(t, "6, of which there is no record", err, codes.OK)

	text, err := os.ReadFile(filepath.Join(o.StateDir, access.AuditFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	wants := [][]string{
		{`"msg":"set"`, `"user":"root"`, `"proof":"password"`, `"peer":"127.0.0.1:`, `"code":"OK"`, `"updates":3`, `"` + description + `"`},
		{`"msg":"refused"`, `"user":"alice"`, `"rpc":"/gnmi.gNMI/Set"`, `"code":"PermissionDenied"`, `interface[name=b]`},
		{`"msg":"set"`, `"code":"InvalidArgument"`, `config/mtu`},
		{`"msg":"refused"`, `"user":"alice"`, `"rpc":"/gnmi.gNMI/Get"`, `"code":"PermissionDenied"`},
		{`"msg":"refused"`, `"user":"mallory"`, `"proof":"nothing"`, `"code":"Unauthenticated"`},
	}
	if len(lines) != len(wants) {
		t.Fatalf("%d records, want %d:\n%s", len(lines), len(wants), text)
	}
	for i, want := range wants {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("record %d: %s\nwant %s in it", i+1, lines[i], w)
			}
		}
	}
	for _, secret := range []string{"hush", password, "a guess"} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
