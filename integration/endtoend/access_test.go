package endtoend

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/integration/testenv"
)

// TestClientGNMICLogin: from the first user on, gnmic needs a name and a
// password, while the element runs.
func TestClientGNMICLogin(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := newSite(t, "p1")
	const path = "/interfaces/interface[name=p1]/state/oper-status"
	get := []string{"get", "--path", path, "--encoding", "json_ietf"}
	says(s, []string{"oper-status"}, gnmic, get...)

	const password = "correct horse"
	add := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), "user", "add", "alice", "--state-dir", s.stateDir)
	add.Stdin = strings.NewReader(password)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tests := []struct {
		name, user, password, word string
		ok                         bool
	}{
		{"nobody", "", "", "Unauthenticated", false},
		{"a wrong password", "alice", "wrong", "Unauthenticated", false},
		{"the right one", "alice", password, "oper-status", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := get
			if tt.user != "" {
				args = append([]string{"--username", tt.user, "--password", tt.password}, get...)
			}
			out, err := client(s, gnmic, args...)
			if (err == nil) != tt.ok || !strings.Contains(out, tt.word) {
				t.Errorf("%v: %s; want %q, success: %t", err, out, tt.word, tt.ok)
			}
		})
	}
}
