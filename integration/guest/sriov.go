package guest

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // netdevsim.sh
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/signalbox/signalbox/integration/debian"
)

// SRIOV is a kit with two Intel 82576 on one wire (eth0 and eth1), whose virtual
// functions the kernel's own drivers igb and igbvf make and use. The monitor of
// QEMU (QMP) is a virtio port of the name "qmp" in the guest, so that what runs
// there can pull the cable of igb0 or igb1, and unplug and plug it.
func SRIOV() Kit {
	return Kit{
		Modules: []string{"igb", "igbvf", "macvlan"},
		Devices: func(dir string) []string {
			monitor := filepath.Join(dir, "qmp")
			return []string{
				"-device", "pcie-root-port,id=rp0,chassis=1,slot=1", "-device", "pcie-root-port,id=rp1,chassis=2,slot=2",
				"-netdev", "hubport,id=n0,hubid=0", "-netdev", "hubport,id=n1,hubid=0",
				"-device", "igb,id=igb0,netdev=n0,bus=rp0,mac=52:54:00:aa:00:01,romfile=",
				"-device", "igb,id=igb1,netdev=n1,bus=rp1,mac=52:54:00:aa:00:02,romfile=",
				"-device", "virtio-serial-pci",
				"-chardev", "socket,id=mon,path=" + monitor + ",server=on,wait=off", "-mon", "chardev=mon,mode=control",
				"-chardev", "socket,id=loop,path=" + monitor + ",reconnect-ms=200", "-device", "virtserialport,chardev=loop,name=qmp",
			}
		},
	}
}

// Netdevsim is a kit with the kernel's simulated device, which takes all settings
// of virtual functions that there are and carries no frames.
func Netdevsim() Kit { return Kit{Modules: []string{"psample"}, Built: buildNetdevsim} }

//go:embed netdevsim.sh
var netdevsimScript []byte

// buildNetdevsim builds the module netdevsim for a kernel of Debian's, which has
// it switched off, from Debian's source of that kernel and with Debian's tools, or
// gives what was built before. The error is debian.ErrUnavailable where these
// cannot be had.
func buildNetdevsim(ctx context.Context, kernel string) ([]string, error) {
	cache, err := debian.Cache()
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(fmt.Append(nil, kernel, string(netdevsimScript)))
	dir := filepath.Join(cache, fmt.Sprintf("netdevsim-%x", key[:4]))
	module := filepath.Join(dir, "netdevsim.ko")
	if _, err := os.Stat(module); err == nil {
		return []string{module}, nil
	}
	version := strings.Join(strings.SplitN(kernel, ".", 3)[:2], ".")
	tools, err := debian.Unpack(ctx, debian.Set{Name: "kbuild", Newest: true, Packages: []string{
		"linux-headers-" + kernel, "make", "bash", "dash", "coreutils", "findutils", "grep", "sed", "mawk",
	}})
	if err != nil {
		return nil, err
	}
	source, err := debian.Unpack(ctx, debian.Set{Name: "linux-source", Packages: []string{"linux-source-" + version}, Alone: true, Newest: true})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	script := []string{"--map-root-user", "--mount", "bash", "-s", tools.Dir, source.Path("usr/src/linux-source-" + version + ".tar.xz"), kernel, dir}
	c := exec.CommandContext(ctx, "unshare", script...)
	c.Stdin = bytes.NewReader(netdevsimScript)
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build netdevsim for %s: %w: %s", kernel, err, out)
	}
	return []string{module}, nil
}
