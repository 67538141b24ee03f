package host

import (
	"fmt"
	"path/filepath"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/sysfs"
)

// Host reads one machine. It keeps no state and may be used by any number of
// goroutines.
type Host struct {
	root string
	proc procfs.FS
	sys  sysfs.FS
}

// Open names the machine below root: "/" for the one that runs, or a folder
// that holds proc, sys and etc as a test lays them out.
func Open(root string) (*Host, error) {
	proc, err := procfs.NewFS(filepath.Join(root, "proc"))
	if err != nil {
		return nil, fmt.Errorf("host: %w (is /proc mounted?)", err)
	}
	sys, err := sysfs.NewFS(filepath.Join(root, "sys"))
	if err != nil {
		return nil, fmt.Errorf("host: %w (is /sys mounted?)", err)
	}
	return &Host{root: root, proc: proc, sys: sys}, nil
}

func (h *Host) path(elems ...string) string {
	return filepath.Join(append([]string{h.root}, elems...)...)
}
