package topology

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
)

// Command is a command that Start runs in the namespace. It dies with this
// program, whatever ends it.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// Start starts the command in the namespace; the caller waits for it.
func (n *Namespace) Start(c *exec.Cmd) error {
	return n.Do(c.Start)
}

// Run runs a command in the namespace to its end and gives what it wrote.
func (n *Namespace) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	c := n.Command(ctx, name, args...)
	c.Stdout, c.Stderr = &out, &out
	if err := n.Start(c); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := c.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.String(), nil
}
