package endtoend

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"golang.org/x/sys/unix"
)

// TestDamagedFiles damages each file of the saved configuration in several
// ways: the element starts with the last version that is whole, says so, and
// deletes nothing.
func TestDamagedFiles(t *testing.T) {
	tests := []struct {
		name   string
		damage func(content []byte) []byte
	}{
		{"torn", func(b []byte) []byte { return b[:len(b)-len(b)/10-2] }},
		{"garbage at the end", func(b []byte) []byte { return append(b, "\x00\xff{]"...) }},
		{"a flipped bit", func(b []byte) []byte { b[len(b)-5] ^= 0x10; return b }},
	}
	for _, file := range []string{"journal", "config.json"} {
		for _, tt := range tests {
			t.Run(file+" "+tt.name, func(t *testing.T) {
				s := newSite(t, "p1", "p2")
				s.configure(element.Access("p1", 10), element.Access("p2", 10))
				s.ok(s.Stop())
				s.start() // folds the journal, so that both files have content
				s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "the last change"))
				s.ok(s.Stop())
				name := find(t, s.stateDir, file)
				if name == "" {
					t.Skipf("no file %s in the state folder: %v", file, list(s.stateDir))
				}
				content, err := os.ReadFile(name)
				s.ok(err)
				if len(content) < 20 {
					t.Skipf("%s holds %d octets", file, len(content))
				}
				before := list(s.stateDir)
				s.ok(os.WriteFile(name, tt.damage(content), 0o600))
				s.start()
				if log := s.Log(); !strings.Contains(log, "WARN") && !strings.Contains(log, "ERROR") {
					t.Errorf("the damage is not said aloud; the log is\n%s", log)
				}
				s.leaf("/interfaces/interface[name=p2]/ethernet/switched-vlan/config/access-vlan", "10")
				for _, kept := range before {
					if _, err := os.Stat(filepath.Join(s.stateDir, kept)); err != nil {
						t.Errorf("%s is gone: %v", kept, err)
					}
				}
				s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "works on"))
			})
		}
	}
}

// find gives the file of that name below a folder, "" for none.
func find(t *testing.T, folder, name string) (path string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() == name {
			path = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func list(folder string) []string {
	var names []string
	_ = filepath.WalkDir(folder, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(folder, p)
			names = append(names, rel)
		}
		return err
	})
	return names
}

// TestG11_FullDisk fills the file system of the state folder: the Set fails, and
// neither the tree nor the kernel has it. Ending and starting the element on the
// full disk loses nothing.
func TestG11_FullDisk(t *testing.T) {
	testenv.NeedRoot(t)
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, sw: testenv.Namespace(t), hosts: map[string]*host{}, stateDir: folder}
	s.plug("p1", 1)
	s.plug("p2", 2)
	s.start()
	t.Cleanup(s.end)
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	fill(t, filepath.Join(folder, "filler"))
	before, kernel := s.running(), hostState(s)

	// Longer than what is left of the journal's last block.
	big := strings.Repeat("x", 200)
	var err error
	for i := 0; i < 200 && err == nil; i++ {
		before, kernel = s.running(), hostState(s)
		_, err = s.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{
			element.Update("/interfaces/interface[name=p1]/config", map[string]any{"mtu": 1600 + i, "description": big}),
		}})
	}
	if err == nil {
		t.Fatal("every Set succeeds on a full disk")
	}
	t.Logf("the Set fails with: %v", err)
	if after := s.running(); after != before {
		t.Errorf("the tree changed from\n%s\nto\n%s", before, after)
	}
	if after := hostState(s); after != kernel {
		t.Errorf("the kernel changed from\n%s\nto\n%s", kernel, after)
	}
	crosses(s, "p1", "p2", "still forwards")
	for _, end := range []func(*element.Process) error{(*element.Process).Stop, (*element.Process).Kill} {
		_ = end(s.Process) // what it cannot write as a whole at its end is in the journal
		s.start()
		if after := s.running(); after != before {
			t.Errorf("after a start on the full disk the tree is\n%s\nand was\n%s", after, before)
		}
		crosses(s, "p1", "p2", "after a start on the full disk")
	}

	s.ok(os.Remove(filepath.Join(folder, "filler")))
	s.configure(element.Update("/interfaces/interface[name=p1]/config/mtu", 1999))
	s.ok(s.Kill())
	s.start()
	s.leaf("/interfaces/interface[name=p1]/config/mtu", "1999")
}

// fill writes a file until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
}
