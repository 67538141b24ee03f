package guest

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/testenv"
)

// dcbPrograms are the files that the tests of DCB need in the guest: the module
// with simulated devices, and iproute2's dcb with all that it loads.
func dcbPrograms(t *testing.T, m *Machine, folder string) []string {
	t.Helper()
	module, err := m.BuildModule(t.Context(), filepath.Join(testenv.Root(), "integration/guest/dcbsim"), "dcbsim", folder)
	if errors.Is(err, debian.ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	root := testenv.Packages(t, debian.Set{Name: "iproute2", Packages: []string{"iproute2"}, Newest: true})
	files, err := withLibraries(root, "usr/sbin/dcb")
	if err != nil {
		t.Fatal(err)
	}
	return append(files, module)
}

// withLibraries gives a program's file, its loader and the libraries that they
// name, from where Debian has them.
func withLibraries(root *debian.Root, program string) ([]string, error) {
	files := []string{root.Path(program)}
	seen := map[string]bool{}
	for i := 0; i < len(files); i++ {
		f, err := elf.Open(files[i])
		if err != nil {
			return nil, err
		}
		names, err := f.ImportedLibraries()
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			path := root.Path(filepath.Join("usr/lib/x86_64-linux-gnu", name))
			if matches, _ := filepath.Glob(path); matches == nil {
				return nil, &fs.PathError{Op: "find library of " + program, Path: path, Err: fs.ErrNotExist}
			}
			files = append(files, path)
		}
	}
	return append(files, root.Path("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")), nil
}
