package element

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
)

// startBound is how long an element may take until it serves.
const startBound = 30 * time.Second

// Options say which element to run, and where.
type Options struct {
	Binary    string
	Namespace *topology.Namespace
	// StateDir is the element's state folder.
	StateDir string
	// Listen is its address in the namespace; "" stands for 127.0.0.1:9339.
	Listen string
	// Args are further arguments of serve.
	Args []string
	// Insecure has the element serve plain text.
	Insecure bool
	// Log receives the element's log beside Process.Log; nil for nobody.
	Log io.Writer
}

// Process is a running element.
type Process struct {
	*Client
	options Options
	command *exec.Cmd
	log     *buffer
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; read after done
}

// Start starts an element and waits until it serves; the context bounds the wait. An element that ends
// before that is an error with its log.
func Start(ctx context.Context, o Options) (*Process, error) {
	p, err := Launch(o)
	if err != nil {
		return nil, err
	}
	if err := p.AwaitServing(ctx); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// Launch starts an element and waits for nothing. It runs until Stop or Kill.
func Launch(o Options) (*Process, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:9339"
	}
	args := append([]string{"serve", "--listen", o.Listen, "--state-dir", o.StateDir}, o.Args...)
	if o.Insecure {
		args = append(args, "--insecure")
	}
	p := &Process{options: o, log: &buffer{}, done: make(chan struct{})}
	p.command = o.Namespace.Command(context.Background(), o.Binary, args...)
	p.command.SysProcAttr.Setpgid = true // a Ctrl-C is for who started it
	p.command.Stderr = p.log
	if o.Log != nil {
		p.command.Stderr = io.MultiWriter(p.log, o.Log)
	}
	p.command.Stdout = p.command.Stderr
	if err := o.Namespace.Start(p.command); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Binary, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.done)
	}()
	p.Client = Dial(o.Namespace, o.Listen, o.Insecure)
	return p, nil
}

// AwaitServing waits until the element's health service says that it serves.
func (p *Process) AwaitServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- p.Serving(ctx) }()
	select {
	case err := <-served:
		if err != nil {
			return fmt.Errorf("element does not serve within %s: %w: %s", startBound, err, p.Log())
		}
		return nil
	case <-p.done:
		cancel()
		<-served
		return fmt.Errorf("element ended before it served: %w: %s", errors.Join(p.err, errEnded), p.Log())
	}
}

var errEnded = errors.New("process ended")

// Certificate is the path of the element's own certificate.
func (p *Process) Certificate() string { return p.options.Certificate() }

// PID is the element's process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Log is what the element has logged so far.
func (p *Process) Log() string { return p.log.String() }

// Stop ends the element with SIGTERM, which leaves the datapath forwarding.
func (p *Process) Stop() error {
	err := p.end(syscall.SIGTERM)
	if err == nil && p.err != nil {
		err = fmt.Errorf("element stopped by SIGTERM: %w: %s", p.err, p.Log())
	}
	return err
}

// Kill ends the element with SIGKILL.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

func (p *Process) end(signal os.Signal) error {
	closed := p.Client.Close()
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(closed, err)
	}
	<-p.done
	return closed
}

// Wait waits until the element has ended by itself, and gives how.
func (p *Process) Wait(bound time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(bound):
		return fmt.Errorf("the element still runs after %s", bound)
	}
}

// Flush runs "signalbox flush": everything of the element goes off the host.
func Flush(ctx context.Context, binary string, n *topology.Namespace) error {
	_, err := n.Run(ctx, binary, "flush")
	return err
}

// Certificate is the file of the certificate that the element made for itself.
func (o Options) Certificate() string { return filepath.Join(o.StateDir, "tls", "cert.pem") }

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
