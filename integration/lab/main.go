// Command lab is what "make run" runs: three hosts in network namespaces, an
// element that joins them on two VLANs, configured through gNMI, until Ctrl-C.
//
// Everything is in namespaces of its own; the host's network is not touched.
// The element's gNMI port is passed on to a loopback address of the host. What
// a lab that was killed left behind is removed at the next start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	binary := flags.String("element", "bin/signalbox", "the element's program")
	address := flags.String("listen", "127.0.0.1:9339", "loopback `address` at which the host reaches the element")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := probe(); err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Fprint(out, picture)
	l := &lab{binary: *binary, out: out}
	err = l.up(ctx, *address)
	if err == nil {
		err = l.show(ctx)
	}
	if err == nil {
		l.hints()
		<-ctx.Done()
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // Ctrl-C before it was all up
	}
	fmt.Fprintln(out, "\nTaking everything down.")
	return errors.Join(err, l.down(context.WithoutCancel(ctx)))
}

// picture is the lab as it stands.
const picture = `
     h1                    h2                    h3        hosts, each in a
   10.0.0.1              10.0.0.2              10.0.0.3    network namespace
      │                     │                     │
      │ VLAN 10             │ VLAN 10             │ VLAN 20
  ┌───┴───┐             ┌───┴───┐             ┌───┴───┐
  │ port1 │             │ port2 │             │ port3 │
  ├───────┴─────────────┴───────┴─────────────┴───────┤
  │            signalbox, namespace sbx-switch        │
  └─────────────────────────┬─────────────────────────┘
                            │ gNMI over TLS
                     gnmic, signalbox show …

`
