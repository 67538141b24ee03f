package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
)

// TestClientGNMICGetFlags: each flag of get that means a row of what a target
// must do.
func TestClientGNMICGetFlags(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	const p1 = "/interfaces/interface[name=p1]"
	ietf := []string{"--encoding", "json_ietf"}
	tests := []struct {
		name         string
		args         []string
		words, lacks []string
	}{
		{"type all", []string{"--path", p1, "--type", "all"}, []string{"access-vlan", "oper-status", "in-octets"}, nil},
		{"type config", []string{"--path", p1, "--type", "config"}, []string{"access-vlan"}, []string{"oper-status"}},
		{"type state", []string{"--path", p1, "--type", "state"}, []string{"oper-status", "enabled"}, []string{`"config"`}},
		{"type operational", []string{"--path", p1, "--type", "operational"}, []string{"oper-status"}, []string{`"config"`, "description"}},
		{"depth", []string{"--path", p1, "--depth", "2"}, []string{"oper-status"}, []string{"in-octets", "switched-vlan"}},
		{"model", []string{"--path", p1, "--model", "openconfig-interfaces"}, []string{"oper-status"}, []string{"switched-vlan"}},
		{"target", []string{"--path", p1 + "/state/mtu", "--target", "sw9"}, []string{`"target": "sw9"`, "1500"}, nil},
		{"prefix", []string{"--prefix", p1, "--path", "state/mtu"}, []string{"1500"}, nil},
		{"values only", []string{"--path", p1 + "/state/mtu", "--values-only"}, []string{"1500"}, []string{"timestamp"}},
		{"origin", []string{"--path", "openconfig:" + p1 + "/state/mtu"}, []string{"1500"}, nil},
		{"keys left out", []string{"--path", "/interfaces/interface/state/mtu"}, []string{"name=p1", "name=p2"}, nil},
		{"dots", []string{"--path", "/interfaces/.../oper-status"}, []string{"UP"}, nil},
		{"compressed", []string{"--path", p1, "--gzip"}, []string{"oper-status"}, nil},
		{"metadata", []string{"--path", p1 + "/state/mtu", "-H", "no-validation=true"}, []string{"1500"}, nil},
		{"prototext", []string{"--path", p1 + "/state/mtu", "--format", "prototext"}, []string{"json_ietf_val"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := *s
			in.t = t
			out := says(&in, tt.words, gnmic, append(append([]string{"get"}, ietf...), tt.args...)...)
			for _, w := range tt.lacks {
				if strings.Contains(out, w) {
					t.Errorf("%s says %q, want no %q in it", tt.name, out, w)
				}
			}
		})
	}
	out, err := client(s, gnmic, "get", "--path", p1, "--model", "nothing")
	if err == nil || !strings.Contains(out, "nothing") {
		t.Errorf("a model that is not served: %v %s", err, out)
	}
}

// TestClientGNMICSetFlags: files, prefixes, prototext, all value types, and what
// becomes of commits.
func TestClientGNMICSetFlags(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := newSite(t, "p1")
	const p1 = "/interfaces/interface[name=p1]"
	const config = p1 + "/config"
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		s.ok(os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	set := func(words []string, args ...string) {
		t.Helper()
		says(s, words, gnmic, append([]string{"set", "--encoding", "json_ietf"}, args...)...)
	}
	set([]string{"UPDATE"}, "--update-path", config, "--update-file", file("u.json", `{"type":"iana-if-type:ethernetCsmacd","mtu":1400}`))
	s.leaf(config+"/mtu", "1400")
	set([]string{"UPDATE"}, "--update-path", config, "--update-file", file("u.yaml", "mtu: 1401\n"))
	s.leaf(config+"/mtu", "1401")
	set([]string{"REPLACE"}, "--prefix", p1, "--replace-path", "config/mtu", "--replace-value", "1402")
	s.leaf(config+"/mtu", "1402")
	for value, want := range map[string]string{
		"mtu:::uint:::1403": "1403", "mtu:::json:::1404": "1404", "mtu:::json_ietf:::1405": "1405", "mtu:::ascii:::1406": "1406",
		"description:::string:::text": "text", "description:::ascii:::a b": "a b", "enabled:::bool:::false": "false",
	} {
		set([]string{"UPDATE"}, "--update", config+"/"+value)
		leaf, _, _ := strings.Cut(value, ":::")
		s.leaf(config+"/"+leaf, want)
	}
	set([]string{"UPDATE"}, "--set-proto-request-file", file("r.txt", `
		update: {path: {elem: {name: "interfaces"} elem: {name: "interface" key: {key: "name" value: "p1"}} elem: {name: "config"} elem: {name: "mtu"}} val: {uint_val: 1410}}`))
	s.leaf(config+"/mtu", "1410")
	set([]string{"UPDATE", "DELETE"}, "--request-file", file("t.yaml", "deletes:\n  - "+config+"/description\nupdates:\n  - path: "+config+"/mtu\n    value: 1411\n    encoding: json_ietf\n"))
	s.leaf(config+"/mtu", "1411")
	set([]string{"DELETE"}, "--delete", config+"/mtu", "--delete", "/interfaces/interface[name=*]/config/enabled")
	s.leaf(config+"/enabled", "true")
	set([]string{"UNION_REPLACE"}, "--union-replace-path", config, "--union-replace-file", file("v.json", `{"type":"iana-if-type:ethernetCsmacd","mtu":1420}`))
	s.leaf(config+"/mtu", "1420")

	set([]string{"UPDATE"}, "--update", config+"/mtu:::uint:::1500", "--commit-id", "c1", "--commit-request", "--rollback-duration", "1h")
	set(nil, "--commit-id", "c1", "--rollback-duration", "1s") // another deadline
	s.leaf(config+"/mtu", "1420")
	out, err := client(s, gnmic, "set", "--commit-id", "c1", "--commit-confirm")
	if err == nil || !strings.Contains(out, "c1") {
		t.Errorf("confirm of what was rolled back: %v %s", err, out)
	}
}

// TestClientGNMICSubscribeFlags: modes, intervals, history.
func TestClientGNMICSubscribeFlags(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	const config = "/interfaces/interface[name=p1]/config"
	args := func(more ...string) []string {
		return append([]string{"subscribe", "--format", "flat", "--encoding", "proto"}, more...)
	}
	once := []string{"--mode", "once", "--path", "/interfaces/interface[name=p1]"}
	if out := says(s, []string{"config/name: p1"}, gnmic, args(append(once, "--depth", "2")...)...); strings.Contains(out, "in-octets") {
		t.Errorf("a depth of 2 says %s", out)
	}
	if out := says(s, []string{"config/name: p1"}, gnmic, args(append(once, "--model", "openconfig-interfaces")...)...); strings.Contains(out, "access-vlan") {
		t.Errorf("one model says %s", out)
	}
	says(s, []string{`"target": "sw9"`}, gnmic, "subscribe", "--encoding", "proto", "--mode", "once", "--target", "sw9", "--path", config)
	says(s, []string{"config/name: p1"}, gnmic, args("--mode", "once", "--prefix", "/interfaces", "--path", "interface[name=p1]/config", "--qos", "5")...)

	start := time.Now()
	s.configure(element.Update(config+"/description", "first"))
	middle := time.Now()
	s.configure(element.Update(config+"/description", "second"))
	at := func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
	says(s, []string{"description: first"}, gnmic, args("--mode", "once", "--path", config, "--history-snapshot", at(middle))...)
	// gnmic asks for the range again when it has come to its end.
	past := startStream(t, s, gnmic, args("--mode", "stream", "--path", config, "--history-start", at(start), "--history-end", at(time.Now()))...)
	past.await(t, "description: first")
	past.await(t, "description: second")

	streams := []struct {
		name        string
		more        []string
		first, then string
	}{
		{"updates only", []string{"--stream-mode", "on-change", "--updates-only"}, "", "description: told 0"},
		{"heartbeat on change", []string{"--stream-mode", "on-change", "--heartbeat-interval", "1s"}, "description: told 0", "description: told 1"},
		{"sample", []string{"--stream-mode", "sample", "--sample-interval", "200ms"}, "description: told 1", "description: told 2"},
		{"sample of what changed", []string{"--stream-mode", "sample", "--sample-interval", "200ms", "--suppress-redundant"}, "description: told 2", "description: told 3"},
		{"sample with a heartbeat", []string{"--stream-mode", "sample", "--sample-interval", "200ms", "--suppress-redundant", "--heartbeat-interval", "1s"}, "description: told 3", "description: told 4"},
		{"target defined", []string{"--stream-mode", "target-defined"}, "description: told 4", "description: told 5"},
	}
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			stream := startStream(t, s, gnmic, args(append([]string{"--mode", "stream", "--path", config}, tt.more...)...)...)
			if tt.first != "" {
				stream.await(t, tt.first)
			} else {
				testenv.Within(t, 4*soon, func() error { return following(s, 1) })
			}
			s.configure(element.Update(config+"/description", strings.TrimPrefix(tt.then, "description: ")))
			stream.await(t, tt.then)
			if strings.Contains(tt.name, "heartbeat") {
				stream.await(t, tt.then) // again, though nothing changed
			}
		})
	}
}

// subscriptionsOpen is how many there are.
const subscriptionsOpen = "/system/grpc-servers/grpc-server/subscriptions/state/active"

// following wants so many subscriptions to be open.
func following(s *site, want int) error {
	got, err := s.Text(s.t.Context(), subscriptionsOpen)
	if err == nil && got != fmt.Sprint(want) {
		err = fmt.Errorf("%s subscriptions are open, want %d", got, want)
	}
	return err
}
