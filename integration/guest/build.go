package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/signalbox/signalbox/integration/debian"
)

// builder is what modules for a kernel release are compiled with: its headers,
// the compiler that they name, and the tools that each Debian system has and
// no package names.
func builder(release string) debian.Set {
	return debian.Set{Name: "kbuild", Newest: true, Packages: []string{
		"linux-headers-" + release, "make", "bash", "dash", "coreutils", "findutils", "grep", "sed", "mawk",
	}}
}

// buildScript compiles the module in $2 within the packages in $1, as root of a
// user namespace of its own: headers and compiler know each other by absolute
// paths.
const buildScript = `set -e
mkdir -p "$1/dev" "$1/tmp" "$1/proc"
mount --rbind /dev "$1/dev"
mount --rbind /proc "$1/proc"
mount --bind "$2" "$1/tmp"
exec chroot "$1" /usr/bin/make -C "/lib/modules/$3/build" M=/tmp AWK=mawk PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C modules
`

// BuildModule compiles a kernel module of our own for the machine's kernel. The
// folder has the module's source and its Makefile, as kbuild wants them
// (Documentation/kbuild/modules.rst); the module's file comes into another
// folder, and its path is returned. The error is debian.ErrUnavailable where the
// headers or the compiler cannot be had.
func (m *Machine) BuildModule(ctx context.Context, source, name, into string) (string, error) {
	release := strings.TrimPrefix(filepath.Base(m.kernel), "vmlinuz-")
	root, err := debian.Unpack(ctx, builder(release))
	if err != nil {
		return "", fmt.Errorf("headers of kernel %s (where the mirror has only a newer kernel's, remove %s): %w", release, filepath.Dir(filepath.Dir(m.kernel)), err)
	}
	work, err := filepath.Abs(filepath.Join(into, name))
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return "", err
	}
	args := []string{"--map-root-user", "--mount", "sh", "-c", buildScript, "build", root.Dir, work, release}
	if out, err := exec.CommandContext(ctx, "unshare", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build module %s: %w: %s", name, err, out)
	}
	return filepath.Join(work, name+".ko"), nil
}
