package teaming

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/topology"
)

// OpenVSwitch is the set of packages of Open vSwitch.
func OpenVSwitch() debian.Set {
	return debian.Set{Name: "openvswitch", Packages: []string{"openvswitch-switch"}}
}

// OVS is an Open vSwitch of its own in a namespace: database, daemon and
// sockets are in a folder of its own, and frames are switched in its userspace
// ("netdev" datapath), so nothing of the machine's is touched.
type OVS struct {
	Namespace *topology.Namespace
	root      *debian.Root
	dir       string
	closers
}

// NewOVS starts one, with bridge br0.
func NewOVS(ctx context.Context, root *debian.Root) (*OVS, error) {
	o := &OVS{root: root}
	if err := o.make(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *OVS) make(ctx context.Context) (err error) {
	if o.Namespace, err = topology.New(); err != nil {
		return err
	}
	o.then(o.Namespace.Close)
	if o.dir, err = os.MkdirTemp("", "signalbox-ovs-"); err != nil {
		return err
	}
	o.then(func() error { return os.RemoveAll(o.dir) })
	if _, err := o.tool(ctx, "usr/bin/ovsdb-tool", "create", o.file("conf.db"), o.root.Path("usr/share/openvswitch/vswitch.ovsschema")); err != nil {
		return err
	}
	if err := o.daemon("usr/sbin/ovsdb-server", o.file("conf.db"), "--remote=punix:"+o.file("db.sock"), "--unixctl="+o.file("db.ctl")); err != nil {
		return err
	}
	if err := Await(func() error { _, err := os.Stat(o.file("db.sock")); return err }); err != nil {
		return err
	}
	if _, err := o.Set(ctx, "--no-wait", "init"); err != nil {
		return err
	}
	if err := o.daemon("usr/lib/openvswitch-switch/ovs-vswitchd", "unix:"+o.file("db.sock"), "--unixctl="+o.file("vs.ctl")); err != nil {
		return err
	}
	_, err = o.Set(ctx, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
	return err
}

func (o *OVS) file(name string) string { return filepath.Join(o.dir, name) }

// command is a program of Open vSwitch, to be started in the namespace.
func (o *OVS) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	words := append(o.root.Args(program), args...)
	c := o.Namespace.Command(ctx, words[0], words[1:]...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir,
		"OVS_PKGDATADIR="+o.root.Path("usr/share/openvswitch"))
	return c
}

// daemon starts a program that is ended by Close.
func (o *OVS) daemon(program string, args ...string) error {
	c := o.command(context.Background(), program, append(args, "--no-chdir", "--log-file="+o.file(filepath.Base(program)+".log"), "-vconsole:off")...)
	if err := o.Namespace.Start(c); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	o.then(func() error {
		err := c.Process.Kill()
		_ = c.Wait() // killed
		return err
	})
	return nil
}

// tool runs a program to its end.
func (o *OVS) tool(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Soon)
	defer cancel()
	var out, complaints bytes.Buffer
	c := o.command(ctx, program, args...)
	c.Stdout, c.Stderr, c.WaitDelay = &out, &complaints, time.Second
	if err := o.Namespace.Start(c); err != nil {
		return "", err
	}
	if err := c.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, complaints.Bytes())
	}
	return out.String(), nil
}

// Set runs ovs-vsctl(8).
func (o *OVS) Set(ctx context.Context, args ...string) (string, error) {
	return o.tool(ctx, "usr/bin/ovs-vsctl", append([]string{"--db=unix:" + o.file("db.sock"), "--timeout=20"}, args...)...)
}

// Show runs ovs-appctl(8): what the daemon says of itself.
func (o *OVS) Show(ctx context.Context, args ...string) (string, error) {
	return o.tool(ctx, "usr/bin/ovs-appctl", append([]string{"-t", o.file("vs.ctl")}, args...)...)
}
