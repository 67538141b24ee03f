// Command tools gives the folder with the programs of others that tests compare
// this project with: tcpdump, tshark and Open vSwitch. They are unpacked from
// Debian's packages into the user's cache (integration/debian) unless PATH has
// them, and run by scripts in the folder, which stands on the last line of the
// output.
//
//	PATH=$PATH:$(tools) go test ./…
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/signalbox/signalbox/integration/debian"
)

// tool is a program of a set of packages.
type tool struct {
	set     debian.Set
	program string
	env     []string // with @ for the folder
}

func tools() []tool {
	ovs := debian.Set{Name: "openvswitch", Packages: []string{"openvswitch-switch"}}
	data := []string{"OVS_PKGDATADIR=@/usr/share/openvswitch"}
	return []tool{
		{debian.Set{Name: "tcpdump", Packages: []string{"tcpdump"}}, "usr/bin/tcpdump", nil},
		{debian.Set{Name: "tshark", Packages: []string{"tshark"}}, "usr/bin/tshark", []string{"WIRESHARK_DATA_DIR=@/usr/share/wireshark"}},
		{ovs, "usr/bin/ovsdb-tool", data},
		{ovs, "usr/sbin/ovsdb-server", data},
		{ovs, "usr/bin/ovs-vsctl", data},
		{ovs, "usr/bin/ovs-appctl", data},
		{ovs, "usr/lib/openvswitch-switch/ovs-vswitchd", data},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder, err := provide(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tools:", err)
		os.Exit(1)
	}
	fmt.Println(folder)
}

// provide makes the folder. Where a program cannot be had it says so, and what
// needs it is skipped; in CI that is an error.
func provide(ctx context.Context) (string, error) {
	cache, err := debian.Cache()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "tools")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for _, t := range tools() {
		err := t.provide(ctx, folder)
		if errors.Is(err, debian.ErrUnavailable) && os.Getenv("CI") != "true" {
			fmt.Fprintf(os.Stderr, "tests with %s will be skipped, unless it is installed: %v\n", filepath.Base(t.program), err)
		} else if err != nil {
			return "", err
		}
	}
	return folder, nil
}

// provide writes the script that runs the program, unless it is installed.
func (t tool) provide(ctx context.Context, folder string) error {
	name := filepath.Base(t.program)
	if path, err := exec.LookPath(name); err == nil && filepath.Dir(path) != folder {
		return nil
	}
	root, err := debian.Unpack(ctx, t.set)
	if err != nil {
		return err
	}
	script := "#!/bin/sh\n"
	for _, e := range t.env {
		script += "export " + strings.ReplaceAll(e, "@", root.Dir) + "\n"
	}
	script += fmt.Sprintf("exec '%s' \"$@\"\n", strings.Join(root.Args(t.program), "' '"))
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path+".new", []byte(script), 0o755); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
