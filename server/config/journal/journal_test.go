package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// text is the state that the tests keep: the changes, one after the other.
// The document is that text, a change appends its own.
type text struct{ s string }

func (t *text) document() (Document, error) { return Document{Text: []byte("doc:" + t.s)}, nil }

// load puts a version together; a document that was not written by document
// is refused.
func load(v *Version) (*text, error) {
	s, ok := bytes.CutPrefix(v.Document, []byte("doc:"))
	if !ok {
		return nil, errors.New("not a document")
	}
	t := &text{s: string(s)}
	for _, c := range v.Changes {
		t.s += string(c)
	}
	return t, nil
}

// start opens a folder as the store does.
func start(fs FS) (*Journal, *text, *Found, error) {
	f, err := Read(fs)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.Empty() {
		t := &text{}
		j, err := f.Continue(nil, t.document)
		return j, t, f, err
	}
	for i := range f.Versions {
		t, err := load(&f.Versions[i])
		if err != nil {
			continue
		}
		j, err := f.Continue(&f.Versions[i], t.document)
		return j, t, f, err
	}
	return nil, nil, f, errors.New("no version")
}

func mustStart(t *testing.T, fs FS) (*Journal, *text, *Found) {
	t.Helper()
	j, s, f, err := start(fs)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return j, s, f
}

func appendAll(t *testing.T, j *Journal, s *text, changes ...string) {
	t.Helper()
	for _, c := range changes {
		if err := j.Append([]byte(c)); err != nil {
			t.Fatalf("append %q: %v", c, err)
		}
		s.s += c
	}
}

func rotate(t *testing.T, j *Journal, s *text) {
	t.Helper()
	doc, _ := s.document()
	if err := j.Rotate(doc); err != nil {
		t.Fatalf("rotate: %v", err)
	}
}

func TestReopenFindsWhatWasAppended(t *testing.T) {
	dir := Dir(t.TempDir())
	j, s, _ := mustStart(t, dir)
	appendAll(t, j, s, "a", "b")
	rotate(t, j, s)
	if j.Dirty() {
		t.Error("dirty after Rotate")
	}
	appendAll(t, j, s, "c")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, s, f := mustStart(t, dir)
	defer j.Close()
	if s.s != "abc" || len(f.Damage) != 0 || j.Seq() != 3+1 {
		t.Errorf("state %q, damage %v, seq %d; want abc, none, 4", s.s, f.Damage, j.Seq())
	}
}

func TestDamageFallsBackAndKeepsTheFiles(t *testing.T) {
	// The folder holds config.json.1 = ab, journal.1 = c d, config.json = abcd,
	// journal = e f.
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string
		loud   string // part of a damage message
	}{
		{"nothing", func(*testing.T, string) {}, "abcdef", ""},
		{"torn tail", tear(journalName, 3), "abcde", "torn"},
		{"bit rot in the last change", flip(journalName, -4), "abcde", "checksum"},
		{"bit rot in the first change", flip(journalName, -20), "abcd", "checksum"},
		{"bit rot in the header", flip(journalName, 12), "abcd", "checksum"},
		{"journal empty", tear(journalName, 1<<20), "abcd", "empty"},
		{"journal missing", remove(journalName), "abcd", "journal is missing"},
		{"document rotten", flip(documentName, 5), "abcdef", "config.json is not what was written"},
		{"document torn", tear(documentName, 2), "abcdef", "config.json is not what was written"},
		{"document missing", remove(documentName), "abcdef", "config.json is missing"},
		{"document and previous journal rotten", both(flip(documentName, 0), flip(journalOldName, -4)), "abc", "not what was written"},
		{"previous pair missing", both(remove(documentOldName), remove(journalOldName)), "abcdef", ""},
		{"previous pair and document rotten", both(flip(documentName, 0), flip(documentOldName, 0)), "none", ""},
		{"journal of another version", rewrite(journalName, appendLine(nil, 1, []byte(`{"format":9}`))), "abcd", "another version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, Dir(dir))
			tt.damage(t, dir)
			before := contents(t, dir)
			j, s, f, err := start(Dir(dir))
			if tt.want == "none" {
				if err == nil {
					t.Fatalf("start: got %q, want an error", s.s)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.s != tt.want {
				t.Errorf("state %q, want %q", s.s, tt.want)
			}
			if got := errors.Join(f.Damage...); (tt.loud == "") != (got == nil) || got != nil && !strings.Contains(got.Error(), tt.loud) {
				t.Errorf("damage %v, want one with %q", got, tt.loud)
			}
			for name, data := range before {
				if !holds(contents(t, dir), data) {
					t.Errorf("%s (%q) is gone", name, data)
				}
			}
			appendAll(t, j, s, "x")
			j.Close()
			_, again, f := mustStart(t, Dir(dir))
			if again.s != tt.want+"x" || len(f.Damage) != 0 {
				t.Errorf("next start: %q, damage %v; want %q", again.s, f.Damage, tt.want+"x")
			}
		})
	}
}

func fill(t *testing.T, fs FS) {
	t.Helper()
	j, s, _ := mustStart(t, fs)
	appendAll(t, j, s, "a", "b")
	rotate(t, j, s)
	appendAll(t, j, s, "c", "d")
	rotate(t, j, s)
	appendAll(t, j, s, "e", "f")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = string(data)
	}
	return m
}

func holds(m map[string]string, data string) bool {
	for _, v := range m {
		if v == data {
			return true
		}
	}
	return false
}

// edit gives a damage that passes a file through f.
func edit(name string, f func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tear(name string, n int) func(*testing.T, string) {
	return edit(name, func(b []byte) []byte { return b[:max(0, len(b)-n)] })
}

func flip(name string, at int) func(*testing.T, string) {
	return edit(name, func(b []byte) []byte {
		if at < 0 {
			b[len(b)+at] ^= 0x10
		} else {
			b[at] ^= 0x10
		}
		return b
	})
}

func rewrite(name string, data []byte) func(*testing.T, string) {
	return edit(name, func([]byte) []byte { return data })
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func both(a, b func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) { a(t, dir); b(t, dir) }
}

func TestDocumentPutThereByHandIsTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, documentName), []byte("doc:hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, s, f := mustStart(t, Dir(dir))
	defer j.Close()
	if s.s != "hand" || len(f.Damage) != 0 {
		t.Errorf("state %q, damage %v; want hand, none", s.s, f.Damage)
	}
}

// script runs changes and rotations until an operation fails, and returns the
// state that was answered and the one that a change in flight would have made.
func script(fs FS) (answered, inFlight string) {
	j, s, _, err := start(fs)
	if err != nil {
		return "", ""
	}
	for i := range 12 {
		c := string(rune('a' + i))
		if err := j.Append([]byte(c)); err != nil {
			return s.s, s.s + c
		}
		s.s += c
		if i%4 == 3 {
			doc, _ := s.document()
			if j.Rotate(doc) != nil {
				return s.s, s.s
			}
		}
	}
	return s.s, s.s
}

// TestPowerCutAtEachOperation cuts the power at each operation of a script,
// with many outcomes of what was not synced, and wants to find what was
// answered, or that and the change in flight.
func TestPowerCutAtEachOperation(t *testing.T) {
	whole := newDisk()
	script(whole)
	if whole.ops < 60 {
		t.Fatalf("the script makes only %d operations", whole.ops)
	}
	for at := 1; at <= whole.ops; at++ {
		for seed := range uint64(40) {
			d := newDisk()
			d.fault = func(string) error {
				if d.ops >= at {
					return errCut
				}
				return nil
			}
			answered, inFlight := script(d)
			next := d.cut(rand.New(rand.NewPCG(seed, uint64(at))))
			found := next.list()
			_, s, f, err := start(next)
			if err != nil {
				t.Fatalf("cut at %d, seed %d: start: %v (files: %s)", at, seed, err, found)
			}
			if s.s != answered && s.s != inFlight {
				t.Fatalf("cut at %d, seed %d: state %q, want %q or %q (files: %s; damage %v)", at, seed, s.s, answered, inFlight, found, f.Damage)
			}
		}
	}
}

// TestPowerCutTwice cuts the power again while the start after a cut repairs.
func TestPowerCutTwice(t *testing.T) {
	whole := newDisk()
	script(whole)
	r := rand.New(rand.NewPCG(1, 2))
	for at := 1; at <= whole.ops; at++ {
		for second := 1; second < 24; second++ {
			d := newDisk()
			d.fault = cutAt(d, at)
			answered, inFlight := script(d)
			next := d.cut(r)
			next.fault = cutAt(next, second)
			_, _, _, _ = start(next)
			last := next.cut(r)
			_, s, _, err := start(last)
			if err != nil || s.s != answered && s.s != inFlight {
				t.Fatalf("cut at %d and %d: %v, %v; want %q or %q", at, second, s, err, answered, inFlight)
			}
		}
	}
}

func cutAt(d *disk, at int) func(string) error {
	return func(string) error {
		if d.ops >= at {
			return errCut
		}
		return nil
	}
}

// TestOneFailureAtEachOperation lets each operation fail once, as a full disk
// or a failing device does, and goes on: a change that was refused is not
// there, each that was accepted is.
func TestOneFailureAtEachOperation(t *testing.T) {
	whole := newDisk()
	goOn(whole)
	for at := 1; at <= whole.ops; at++ {
		d := newDisk()
		d.fault = func(string) error {
			if d.ops == at {
				return errFull
			}
			return nil
		}
		want := goOn(d)
		d.fault = nil
		_, s, f, err := start(d)
		if err != nil || s.s != want || len(f.Damage) != 0 {
			t.Fatalf("failure at %d: state %v, damage %v, error %v; want %q", at, s, f.Damage, err, want)
		}
	}
}

// goOn is the script of a caller that survives failures: it rotates when that
// is due, as the store does.
func goOn(fs FS) string {
	j, s, _, err := start(fs)
	for err != nil {
		j, s, _, err = start(fs)
	}
	for i := range 12 {
		c := string(rune('a' + i))
		if j.Due() || i%4 == 3 {
			doc, _ := s.document()
			_ = j.Rotate(doc)
		}
		if j.Append([]byte(c)) == nil {
			s.s += c
		}
	}
	return s.s
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	d := newDisk()
	j, s, _ := mustStart(t, d)
	appendAll(t, j, s, "a")
	d.room = 10
	if err := j.Append([]byte("a change that is too long")); !errors.Is(err, errFull) {
		t.Fatalf("append on a full disk: %v", err)
	}
	d.room = -1
	appendAll(t, j, s, "b")
	_, s, f := mustStart(t, d)
	if s.s != "ab" || len(f.Damage) != 0 {
		t.Errorf("state %q, damage %v", s.s, f.Damage)
	}
}

// TestFullTmpfs does the same with a file system that is really full.
func TestFullTmpfs(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount tmpfs: %v", err)
		}
		t.Skipf("needs root to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	j, s, _ := mustStart(t, Dir(dir))
	appendAll(t, j, s, "a")
	big := strings.Repeat("x", 128<<10)
	if err := j.Append([]byte(big)); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("append: %v, want ENOSPC", err)
	}
	appendAll(t, j, s, "b")
	if err := j.Rotate(Document{Text: []byte("doc:" + big)}); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("rotate: %v, want ENOSPC", err)
	}
	appendAll(t, j, s, "c")
	j.Close()
	_, s, f := mustStart(t, Dir(dir))
	if s.s != "abc" || len(f.Damage) != 0 {
		t.Errorf("state %q, damage %v; want abc, none", s.s, f.Damage)
	}
}

func TestLockIsExclusive(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "new"))
	unlock, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = dir.Lock()
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("second lock: %v, want ErrLocked with our pid", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = dir.Lock()
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	_ = unlock()
}

func TestAppendRefusesLineBreak(t *testing.T) {
	j, _, _ := mustStart(t, newDisk())
	if err := j.Append([]byte("a\nb")); err == nil {
		t.Error("a change with a line break was accepted")
	}
}

func FuzzParse(f *testing.F) {
	good := appendLine(nil, 4, []byte(`{"format":1,"document":"sha256:00"}`))
	good = appendLine(good, 5, []byte(`{"update":[]}`))
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("00000000 1 \n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := parse(data)
		if c.damage != nil {
			return
		}
		text := appendLine(nil, c.first, fmt.Appendf(nil, `{"format":1,"document":%q}`, c.document))
		for i, change := range c.changes {
			text = appendLine(text, c.first+1+uint64(i), change)
		}
		again := parse(text)
		if again.damage != nil || again.last() != c.last() {
			t.Errorf("%q read, written and read again: %v", data, again.damage)
		}
	})
}
