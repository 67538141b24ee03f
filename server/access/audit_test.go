package access

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// records reads the records of a file.
func records(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r map[string]any
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestG45_SetRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), AuditFile)
	a, err := openAudit(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	c := &call{caller: caller{Identity: Identity{"alice", Password}, address: "10.0.0.1:5"}, method: set}
	c.change = summarize(Change{Updates: []schema.Path{exact(t, "/interfaces/interface[name=a]/config/description")},
		Deletes: []schema.Path{exact(t, "/interfaces/interface[name=b]")}})
	req := &gpb.SetRequest{Prefix: protoPath(t, "/interfaces"), Delete: []*gpb.Path{protoPath(t, "interface[name=b]")}}
	for range 3 * maxPaths {
		req.Update = append(req.Update, &gpb.Update{Path: protoPath(t, "interface[name=a]/config/description"),
			Val: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "hush"}}})
	}
	a.write(c, req, status.Error(codes.PermissionDenied, "no\nsuch luck"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	all := records(t, path)
	if len(all) != 1 {
		t.Fatalf("%d records", len(all))
	}
	r := all[0]
	got := fmt.Sprint(r["msg"], r["user"], r["proof"], r["peer"], r["rpc"], r["code"], r["reason"], r["change"])
	want := fmt.Sprint("set", "alice", "password", "10.0.0.1:5", set, "PermissionDenied", "no\nsuch luck",
		map[string]any{"deletes": 1.0, "updates": 1.0, "paths": []any{"/interfaces/interface[name=b]", "/interfaces/interface[name=a]/config/description"}})
	if got != want || r["time"] == nil {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	asked := r["asked"].(map[string]any)
	if paths := asked["paths"].([]any); len(paths) != maxPaths || paths[0] != "/interfaces/interface[name=b]" || asked["updates"] != 3.0*maxPaths {
		t.Errorf("asked %v", asked)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("a value is recorded: %s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info, err)
	}
}

// TestG45_Flood refuses very many calls of very many peers: the records are
// bounded, and none is uncounted.
func TestG45_Flood(t *testing.T) {
	path := filepath.Join(t.TempDir(), AuditFile)
	a, err := openAudit(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	const peers, calls = 2 * maxTogether, 20
	var all sync.WaitGroup
	for i := range peers {
		all.Go(func() {
			ip := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			c := &call{caller: caller{peer: netip.PrefixFrom(ip, 32), address: ip.String()}, method: get}
			for range calls {
				a.refused(c, status.Error(codes.Unauthenticated, "x"))
			}
		})
	}
	all.Wait()
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	counted := 0
	written := records(t, path)
	for _, r := range written {
		if repeated, ok := r["repeated"].(float64); ok {
			counted += int(repeated)
		} else {
			counted++
		}
	}
	if counted != peers*calls || len(written) > 2*maxTogether+2 {
		t.Errorf("%d records count %d refusals of %d", len(written), counted, peers*calls)
	}
}

// Two users of one host are told apart, and each count has its name; names that
// are only tried after too many failures are not.
func TestG45_RefusedUsersOfOneHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), AuditFile)
	a, err := openAudit(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	host := netip.MustParsePrefix("10.0.0.1/32")
	for _, name := range []string{"alice", "bob", "alice", "bob", "bob"} {
		c := &call{caller: caller{Identity: Identity{name, Password}, peer: host, address: "10.0.0.1:5"}, method: get}
		a.refused(c, status.Error(codes.PermissionDenied, "x"))
		a.refused(c, status.Error(codes.ResourceExhausted, "too many"))
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range records(t, path) {
		count, repeated := r["repeated"].(float64)
		if !repeated {
			count = 1
		}
		got[fmt.Sprint(r["user"], " ", r["code"], " ", repeated)] += int(count)
	}
	want := map[string]int{
		"alice PermissionDenied false": 1, "alice PermissionDenied true": 1,
		"bob PermissionDenied false": 1, "bob PermissionDenied true": 2,
		"alice ResourceExhausted false": 1, " ResourceExhausted true": 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestG45_Rotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), AuditFile)
	r, err := openRotating(path, 100, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := fmt.Fprintf(r, "record %02d ..........\n", i); err != nil { // 21 octets
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) != 3 {
		t.Fatalf("files %v, %v; want 3", names, err)
	}
	text := ""
	for _, name := range []string{path + ".2", path + ".1", path} {
		content, err := os.ReadFile(name)
		if err != nil || len(content) > 100 {
			t.Fatalf("%s: %d octets, %v", name, len(content), err)
		}
		text += string(content)
	}
	if !strings.HasSuffix(text, "record 49 ..........\n") || strings.Count(text, "\n") < 8 || strings.Count(text, "record 4") != 10 {
		t.Errorf("the last records are\n%s", text)
	}
	if r, err = openRotating(path, 100, 2); err != nil || r.size == 0 {
		t.Errorf("a file that is there is not gone on with: %v", err)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}

// TestG45_DiskTrouble: what cannot be written is said once, and records go on
// when it can.
func TestG45_DiskTrouble(t *testing.T) {
	dir, said := t.TempDir(), &strings.Builder{}
	folder := filepath.Join(dir, "x")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, AuditFile)
	a, err := openAudit(path, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	a.file.limit = 1 // each record begins a file
	a.put("first")
	if err := os.Rename(folder, folder+"y"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.put("lost")
	}
	if n := strings.Count(said.String(), "audit log cannot be written"); n != 1 {
		t.Errorf("said %d times: %s", n, said)
	}
	if err := os.Rename(folder+"y", folder); err != nil {
		t.Fatal(err)
	}
	a.put("last")
	if err := errors.Join(a.close()); err != nil {
		t.Fatal(err)
	}
	if all := records(t, path); len(all) != 1 || all[0]["msg"] != "last" {
		t.Errorf("records %v", all)
	}
}
