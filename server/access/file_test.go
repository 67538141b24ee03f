package access

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	allowAll = `{"allow_rules": [{"name": "all"}]}`
	denySet  = `{"allow_rules": [{"name": "all"}], "deny_rules": [{"name": "no", "request": {"paths": ["/gnmi.gNMI/Set"]}}]}`
)

// write puts a file into the state folder, as an editor that replaces it does.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// opened is an Access for a folder.
func opened(t *testing.T, dir string, log io.Writer) (*Access, error) {
	t.Helper()
	a, err := Open(Options{StateDir: dir, Open: true, Log: slog.New(slog.NewTextHandler(log, nil)), Status: func(err error) error { return err }})
	if err == nil {
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return a, err
}

// TestG42_StartFailsClosed: an element does not serve with files that it
// cannot use.
func TestG42_StartFailsClosed(t *testing.T) {
	tests := []struct {
		name, file, content string
		spoil               func(path string) error
		err                 string
	}{
		{"users that cannot be read", UsersFile, "alice", nil, "no bcrypt hash"},
		{"a calls' policy that cannot be read", AuthzFile, "{", nil, "unexpected EOF"},
		{"a paths' policy that cannot be read", PathzFile, "{", nil, "pathz policy"},
		{"users whose hashes others can read", UsersFile, "", func(p string) error { return os.Chmod(p, 0o640) }, "mode 0640"},
		{"a policy that others can change", AuthzFile, allowAll, func(p string) error { return os.Chmod(p, 0o666) }, "mode 0666"},
		{"a folder", PathzFile, "{}", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "no regular file"},
		{"a FIFO", PathzFile, "{}", func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) }, "no regular file"},
		{"far too much", PathzFile, strings.Repeat(" ", maxFileBytes+1), nil, "more than"},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.content, last.err = "users of somebody else", "", "belongs to user 12345"
		last.spoil = func(p string) error { return os.Chown(p, 12345, 12345) }
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.file, tt.content)
			if tt.spoil != nil {
				if err := tt.spoil(filepath.Join(dir, tt.file)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := opened(t, dir, io.Discard); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want an error with %q", err, tt.err)
			}
		})
	}
}

// TestG42_ReloadFailsClosed goes through the life of a policy while the element
// runs: each change counts for the next call.
func TestG42_ReloadFailsClosed(t *testing.T) {
	dir, log := t.TempDir(), &strings.Builder{}
	a, err := opened(t, dir, log)
	if err != nil {
		t.Fatal(err)
	}
	may := func(step string, want bool, wantErr error, said string) {
		t.Helper()
		r, err := a.rules()
		got := false
		if err == nil {
			got = true
			if r.authz != nil {
				got, _ = r.authz.permits("", set)
			}
		}
		if got != want || !errors.Is(err, wantErr) || !strings.Contains(log.String(), said) {
			t.Errorf("%s: permitted %t, %v; want %t, %v, and %q in the log:\n%s", step, got, err, want, wantErr, said, log)
		}
		log.Reset()
	}
	may("no files", true, nil, "level=WARN")
	write(t, dir, AuthzFile, "{")
	may("a broken policy where there was none", false, ErrUnusable, "calls are refused until it can")
	may("the same again", false, ErrUnusable, "")
	if err := os.Remove(filepath.Join(dir, AuthzFile)); err != nil {
		t.Fatal(err)
	}
	may("taken away before it was in force", true, nil, "never in force")
	write(t, dir, AuthzFile, denySet)
	may("a policy", false, nil, "access file read")
	write(t, dir, AuthzFile, allowAll)
	may("another policy", true, nil, "access file read")
	write(t, dir, AuthzFile, denySet)
	may("the first again", false, nil, "access file read")
	write(t, dir, AuthzFile, "{}")
	may("a broken one after it", false, nil, "what it said before stays in force")
	if err := os.Remove(filepath.Join(dir, AuthzFile)); err != nil {
		t.Fatal(err)
	}
	may("taken away while in force", false, nil, "restart the element to do without it")
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("one fault is logged again and again: %s", log)
	}
	write(t, dir, AuthzFile, allowAll)
	may("back", true, nil, "access file read")
	if err := os.WriteFile(filepath.Join(dir, AuthzFile), []byte(denySet), 0o600); err != nil {
		t.Fatal(err)
	}
	may("written in place", false, nil, "access file read")
	if err := os.Chmod(filepath.Join(dir, AuthzFile), 0o666); err != nil {
		t.Fatal(err)
	}
	may("opened to others", false, nil, "chmod go-w")
}

// TestG41_NoUserLeft: a file without users lets in nobody, unlike no file.
func TestG41_NoUserLeft(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, UsersFile, "")
	a, err := opened(t, dir, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.admit(t.Context(), get); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("got %v, want %v", err, ErrUnauthenticated)
	}
}
