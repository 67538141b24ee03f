package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/integration/testenv"
)

// TestClientGNMICCommits drives commits, union_replace and command text with
// gnmic's flags.
func TestClientGNMICCommits(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := newSite(t, "p1")
	const config = "/interfaces/interface[name=p1]/config"
	says(s, []string{"UPDATE"}, gnmic, "set", "--encoding", "json_ietf", "--update", config+`:::json_ietf:::{"type":"iana-if-type:ethernetCsmacd","mtu":1400}`)

	says(s, []string{"UPDATE"}, gnmic, "set", "--update", config+"/mtu:::uint:::1500", "--commit-id", "c1", "--commit-request", "--rollback-duration", "1h")
	s.leaf(config+"/mtu", "1500")
	out, err := client(s, gnmic, "set", "--update", config+"/mtu:::uint:::1600")
	if err == nil || !strings.Contains(out, "FailedPrecondition") || !strings.Contains(out, "c1") {
		t.Errorf("a Set meanwhile: %v %s; want FailedPrecondition that names the commit", err, out)
	}
	out, err = client(s, gnmic, "set", "--commit-id", "c2", "--commit-confirm")
	if err == nil || !strings.Contains(out, "InvalidArgument") {
		t.Errorf("confirm of another commit: %v %s; want InvalidArgument", err, out)
	}
	says(s, nil, gnmic, "set", "--commit-id", "c1", "--commit-cancel")
	s.leaf(config+"/mtu", "1400")
	says(s, []string{"UPDATE"}, gnmic, "set", "--update", config+"/mtu:::uint:::1500", "--commit-id", "c3", "--commit-request")
	says(s, nil, gnmic, "set", "--commit-id", "c3", "--commit-confirm")
	s.leaf(config+"/mtu", "1500")

	says(s, []string{"UNION_REPLACE"}, gnmic, "set", "--encoding", "json_ietf",
		"--union-replace", config+`:::json_ietf:::{"type":"iana-if-type:ethernetCsmacd","description":"alone"}`,
		"--union-replace", "signalbox_cli:/:::ascii:::set "+config+"/mtu 1300")
	s.leaf(config+"/mtu", "1300")

	says(s, []string{"UPDATE"}, gnmic, "set", "--update-cli", "set "+config+"/mtu 1700")
	s.leaf(config+"/mtu", "1700")
	file := filepath.Join(t.TempDir(), "commands")
	s.ok(os.WriteFile(file, []byte("# all there is\nset "+config+"/type ethernetCsmacd\n"), 0o600))
	says(s, []string{"REPLACE"}, gnmic, "set", "--replace-cli-file", file)
	if s.running() == "" || strings.Contains(s.running(), "1700") {
		t.Errorf("after a replace of everything: %s", s.running())
	}
}
