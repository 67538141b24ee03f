package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/datapath"
	"github.com/signalbox/signalbox/server"
	"github.com/signalbox/signalbox/server/dialout"
)

// defaultStateDir is where an element keeps its configuration.
const defaultStateDir = "/var/lib/signalbox"

// serveFlags are what serve takes.
type serveFlags struct {
	transport server.Transport
	dialOut   dialout.Options
	metrics   string
	stateDir  string
	bpffs     string
	logLevel  slog.LevelVar
	flush     bool
}

func serveCommand() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the switch in this network namespace and serve gNMI",
		Long: `Run the switch in the network namespace it is started in, and serve gNMI.

It takes up what an earlier instance left at work, applies the saved
configuration and then answers. On SIGTERM or Ctrl-C it ends and leaves the
switch forwarding; "signalbox flush" takes that off the host.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: &f.logLevel}))
			if f.flush {
				return withRemedy(flush(cmd, &flushFlags{f.bpffs, f.stateDir}, log))
			}
			return withRemedy(serve(cmd.Context(), f, log))
		},
	}
	f.register(c)
	return c
}

func (f *serveFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.transport.Listen, "listen", defaultAddress, "`HOST:PORT` to answer on; an empty host is every address")
	registerStateDir(c, &f.stateDir)
	flags.BoolVar(&f.transport.Insecure, "insecure", false, "speak plain text; loopback addresses only")
	flags.StringVar(&f.transport.CertFile, "tls-cert", "", "PEM `FILE` with the element's certificate (default a self-made one)")
	flags.StringVar(&f.transport.KeyFile, "tls-key", "", "PEM `FILE` with the certificate's key")
	flags.StringVar(&f.transport.ClientCA, "client-ca", "", "PEM `FILE` with the authorities of the client certificates to demand")
	flags.BoolVar(&f.transport.AllowTLS12, "tls-1.2", false, "accept TLS 1.2 too")
	flags.StringSliceVar(&f.dialOut.Collectors, "dial-out", nil, "`HOST:PORT,…` of the collectors to connect to, over OpenConfig's gRPC tunnel")
	flags.StringVar(&f.dialOut.Target, "dial-out-target", "", "`NAME` to register under with collectors (default the host's)")
	flags.StringVar(&f.dialOut.CAFile, "dial-out-ca", "", "PEM `FILE` with the authorities of the collectors' certificates (default the system's)")
	flags.StringVar(&f.dialOut.CertFile, "dial-out-cert", "", "PEM `FILE` with the client certificate to show to collectors")
	flags.StringVar(&f.dialOut.KeyFile, "dial-out-key", "", "PEM `FILE` with that certificate's key")
	flags.BoolVar(&f.dialOut.Insecure, "dial-out-insecure", false, "speak plain text to collectors; loopback addresses only")
	flags.StringVar(&f.metrics, "metrics", "", "`HOST:PORT` to answer Prometheus on, at /metrics; with TLS and users as gNMI has them (default none)")
	flags.TextVar(&f.logLevel, "log-level", &f.logLevel, "what to log: debug, info, warn or error")
	flags.BoolVar(&f.flush, "flush", false, "take everything off the host and end, as the flush command does")
	registerBPFFS(c, &f.bpffs)
}

func registerStateDir(c *cobra.Command, stateDir *string) {
	c.Flags().StringVar(stateDir, "state-dir", defaultStateDir, "`FOLDER` of the configuration, the self-made certificate and the system id")
}

func registerBPFFS(c *cobra.Command, bpffs *string) {
	c.Flags().StringVar(bpffs, "bpffs", "", "`FOLDER` of a mounted BPF file system (default the one found or mounted at /sys/fs/bpf)")
}

// serve claims the address and the state folder, then opens the datapath, then
// serves: an instance that may not run touches nothing.
func serve(ctx context.Context, f *serveFlags, log *slog.Logger) error {
	f.dialOut.AllowTLS12 = f.transport.AllowTLS12
	f.transport.Names = []string{f.dialOut.Target} // as who comes through a tunnel knows it
	s, err := server.Listen(server.Options{
		StateDir: f.stateDir, Transport: f.transport, DialOut: f.dialOut, Metrics: f.metrics, Version: softwareVersion(), Log: log,
	})
	if err != nil {
		return err
	}
	id, err := server.SystemID(f.stateDir)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	d, err := datapath.Open(ctx, datapath.Options{
		BPFFS: f.bpffs, SystemID: id, SystemDescription: server.LLDPDescription(softwareVersion()), Log: log,
	})
	if err != nil {
		return stopped(ctx, errors.Join(err, s.Close()))
	}
	return stopped(ctx, errors.Join(s.Run(ctx, d), d.Close()))
}

// stopped takes the end of a start that was told to stop for what it is: no
// failure.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// withRemedy adds what helps to an error of somebody who may not do this.
func withRemedy(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return fmt.Errorf("%w: run it as root, or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN and the folders its own", err)
	}
	return err
}

// flushFlags are what flush takes.
type flushFlags struct {
	bpffs, stateDir string
}

func flushCommand() *cobra.Command {
	f := &flushFlags{}
	c := &cobra.Command{
		Use:   "flush",
		Short: "Take the switch off this network namespace and give its interfaces back as they were",
		Long: `Take the switch off the network namespace it is started in: programs, maps
and pins go, and the interfaces get the attributes they had before they became
ports. The configuration stays saved; the next "serve" applies it again.

An element that runs must be stopped first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withRemedy(flush(cmd, f, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))))
		},
	}
	registerStateDir(c, &f.stateDir)
	registerBPFFS(c, &f.bpffs)
	return c
}

func flush(cmd *cobra.Command, f *flushFlags, log *slog.Logger) error {
	d, err := datapath.Open(cmd.Context(), datapath.Options{BPFFS: f.bpffs, Log: log})
	if err != nil {
		return err
	}
	if err := d.Flush(); err != nil {
		return fmt.Errorf("not everything is off the host: %w", err)
	}
	said := "the host is as it was before the switch"
	if file := server.ConfigurationFile(f.stateDir); exists(file) {
		said += "; the configuration stays in " + file
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), said)
	return err
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
