package access

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// hash is "secret", once for all tests: it is slow to make.
var hash = sync.OnceValue(func() string {
	h, err := bcrypt.GenerateFromPassword([]byte("secret"), minHashCost)
	if err != nil {
		panic(err)
	}
	return string(h)
})

func TestG41_UsersFile(t *testing.T) {
	tests := []struct {
		name, content string
		names         []string
		err           string // "" for none
	}{
		{"empty", "", nil, ""},
		{"one", "alice:" + hash() + "\n", []string{"alice"}, ""},
		{"as htpasswd writes it", "alice:$2y" + hash()[3:] + "\n", []string{"alice"}, ""},
		{"comments, empty lines, no last newline", "# x\n\n  bob:" + hash() + "  \nalice@example.net:" + hash(), []string{"alice@example.net", "bob"}, ""},
		{"twice", "a:" + hash() + "\na:" + hash(), nil, "line 2: user a stands twice"},
		{"a password in clear", "a:secret", nil, "line 1: user a: no bcrypt hash"},
		{"no password", "a", nil, "no bcrypt hash"},
		{"too cheap", "a:$2a$04" + hash()[6:], nil, "cost 4: want 10 to 14"},
		{"too dear", "a:$2a$31" + hash()[6:], nil, "cost 31: want 10 to 14"},
		{"no name", ":" + hash(), nil, `user name ""`},
		{"a name like a SPIFFE ID", "spiffe//x:" + hash(), nil, "user name"},
		{"a long name", strings.Repeat("a", 65) + ":" + hash(), nil, "user name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := parseUsers([]byte(tt.content))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q in it", err, tt.err)
				}
				return
			}
			if err != nil || !slices.Equal(u.names(), tt.names) {
				t.Fatalf("got %v, %v; want %v", u, err, tt.names)
			}
			for _, name := range tt.names {
				if !u.verify(name, "secret") {
					t.Errorf("%s: the right password is refused", name)
				}
			}
		})
	}
}

func TestG41_WrongPasswords(t *testing.T) {
	u, err := parseUsers([]byte("alice:" + hash()))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][2]string{{"alice", "Secret"}, {"alice", ""}, {"nobody", "secret"}, {"", "secret"}} {
		if u.verify(wrong[0], wrong[1]) {
			t.Errorf("%q with %q is taken", wrong[0], wrong[1])
		}
	}
}

// TestG41_LongPasswords: bcrypt looks at 72 octets only.
func TestG41_LongPasswords(t *testing.T) {
	dir, long := t.TempDir(), strings.Repeat("x", MaxPasswordBytes)
	if _, err := AddUser(dir, "a", []byte(long)); err != nil {
		t.Fatal(err)
	}
	u, err := loadUsers(dir)
	if err != nil || !u.verify("a", long) || u.verify("a", long+"y") {
		t.Errorf("72 octets are refused, or more are taken: %v", err)
	}
	if _, err := AddUser(dir, "a", []byte(long+"y")); err == nil {
		t.Error("a password is taken of which a part would not count")
	}
}

func TestG41_EditUsers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if names, err := ListUsers(dir); err != nil || len(names) > 0 {
		t.Fatalf("without a file: %v, %v", names, err)
	}
	if added, err := AddUser(dir, "bob", []byte("first password")); err != nil || !added {
		t.Fatalf("add: %t, %v", added, err)
	}
	info, err := os.Stat(filepath.Join(dir, UsersFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info, err)
	}
	if added, err := AddUser(dir, "bob", []byte("second password")); err != nil || added {
		t.Fatalf("add again: %t, %v", added, err)
	}
	u, err := loadUsers(dir)
	if err != nil || u.verify("bob", "first password") || !u.verify("bob", "second password") {
		t.Fatalf("the new password does not hold: %v", err)
	}
	if err := RemoveUser(dir, "eve"); !errors.Is(err, ErrNoUser) {
		t.Errorf("remove of an unknown user: %v", err)
	}
	if err := RemoveUser(dir, "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, UsersFile)); err != nil {
		t.Errorf("the file goes with its last user, which would let in everybody: %v", err)
	}
	for _, bad := range [][2]string{{"a:b", "long enough"}, {"", "long enough"}, {"a", "short"}} {
		if _, err := AddUser(dir, bad[0], []byte(bad[1])); err == nil {
			t.Errorf("%q with %q is taken", bad[0], bad[1])
		}
	}
}

// TestG41_EditTogether has several edit at once: none is lost.
func TestG41_EditTogether(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if _, err := AddUser(dir, "u"+strconv.Itoa(i), []byte("a password")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	names, err := ListUsers(dir)
	if err != nil || len(names) != 4 {
		t.Errorf("%v, %v; want 4 users", names, err)
	}
	if left, err := fs.Glob(os.DirFS(dir), "access/.*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestG41_Trust(t *testing.T) {
	u, err := parseUsers([]byte("a:" + hash()))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	u.trust("a", "secret", now)
	for _, tt := range []struct {
		name, password string
		at             time.Duration
		want           bool
	}{
		{"a", "secret", trustTime - 1, true},
		{"a", "secret", trustTime, false},
		{"a", "Secret", 0, false},
		{"as", "ecret", 0, false},
		{"b", "secret", 0, false},
	} {
		if got := u.trusts(tt.name, tt.password, now.Add(tt.at)); got != tt.want {
			t.Errorf("%s, %s after %v: %t, want %t", tt.name, tt.password, tt.at, got, tt.want)
		}
	}
	for i := range 2 * maxTrusted {
		u.trust("a", strconv.Itoa(i), now)
	}
	if len(u.trusted) > maxTrusted {
		t.Errorf("%d are remembered", len(u.trusted))
	}
}

func TestG41_Failures(t *testing.T) {
	f, now := newFailures(), time.Now()
	peer := func(i int) netip.Prefix { return peerPrefix(&net.TCPAddr{IP: net.IPv4(10, 0, byte(i>>8), byte(i))}) }
	for i := range failuresAtOnce {
		if !f.may(peer(1), now) {
			t.Fatalf("refused after %d failures", i)
		}
		f.failed(peer(1), now)
	}
	if f.may(peer(1), now) {
		t.Error("one more is looked at")
	}
	if !f.may(peer(2), now) {
		t.Error("another peer is refused for it")
	}
	if !f.may(peer(1), now.Add(failureEvery)) {
		t.Error("refused for ever")
	}
	for i := range 2 * maxPeers {
		f.failed(peer(i), now)
	}
	if len(f.peers) > maxPeers {
		t.Errorf("%d peers are remembered", len(f.peers))
	}
	if f.may(peer(2*maxPeers), now) {
		t.Error("peers beyond those that are remembered are not held to one allowance")
	}
	later := now.Add(time.Hour)
	f.failed(peer(2*maxPeers), later)
	if !f.may(peer(2*maxPeers), later) || len(f.peers) != 1 {
		t.Errorf("%d peers are remembered after an hour", len(f.peers))
	}
}

func TestG41_Peers(t *testing.T) {
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5}, "10.1.2.3/32"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3::4")}, "2001:db8:1:2::/64"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::/64"},
		{&net.UnixAddr{Name: "x"}, "invalid Prefix"},
		{nil, "invalid Prefix"},
	} {
		if got := peerPrefix(tt.addr).String(); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.addr, got, tt.want)
		}
	}
}

func FuzzG41_UsersFile(f *testing.F) {
	f.Add([]byte("alice:" + hash() + "\n# x\n\nbob:" + hash()))
	f.Add([]byte("a:b:c\n:\n\x00:\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		u, err := parseUsers(content)
		if err != nil {
			return
		}
		again, err := parseUsers(u.format())
		if err != nil || !slices.Equal(again.names(), u.names()) {
			t.Errorf("%q is taken, and what is written of it is not: %v", content, err)
		}
	})
}
