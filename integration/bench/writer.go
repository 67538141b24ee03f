package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
)

// writerCommand is the first argument that makes this program the bare writer.
const writerCommand = "writer"

// bareWrites is the share of one CPU that a program takes which writes as many
// octets in as many messages to as many subscribers, and does nothing else.
func (m *manager) bareWrites(ctx context.Context, subscribers int, f flow) (float64, error) {
	own, err := os.Executable()
	if err != nil {
		return 0, err
	}
	const address = "127.0.0.1:9400"
	messages := max(1, int(f.messages/float64(subscribers)+0.5))
	size := int(f.octets/f.messages + 0.5)
	c := m.sw.Command(ctx, own, writerCommand, "-listen", address, "-messages", fmt.Sprint(messages), "-size", fmt.Sprint(size))
	c.Stderr = os.Stderr
	if err := m.sw.Start(c); err != nil {
		return 0, err
	}
	defer func() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended before
		_ = c.Wait()
	}()
	client := element.Dial(m.sw, address, false)
	defer client.Close()
	wrote, err := m.subscribers(ctx, client.Conn, c.Process.Pid, subscribers)
	if err == nil && (wrote.octets < 0.7*f.octets || wrote.octets > 1.4*f.octets) {
		err = fmt.Errorf("it wrote %.0f octets a second, the element %.0f", wrote.octets, f.octets)
	}
	return wrote.share, err
}

// writer is a gRPC server that answers each Subscribe with the same messages
// once a second.
type writer struct {
	gpb.UnimplementedGNMIServer
	messages int
	message  rawMessage
}

// runWriter is the bare writer's program.
func runWriter(args []string) error {
	flags := flag.NewFlagSet(writerCommand, flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:9400", "`address`")
	messages := flags.Int("messages", 1, "messages a second")
	size := flags.Int("size", 1000, "octets of each")
	if err := flags.Parse(args); err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13})),
		grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2("proto")}))
	gpb.RegisterGNMIServer(s, &writer{messages: *messages, message: make(rawMessage, *size)})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, s.Stop)
	if err := s.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Subscribe writes until the client goes.
func (w *writer) Subscribe(stream gpb.GNMI_SubscribeServer) error {
	for ticker := time.NewTicker(time.Second); ; {
		for range w.messages {
			if err := stream.(grpc.ServerStream).SendMsg(&w.message); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			ticker.Stop()
			return nil
		}
	}
}

// selfSigned is a certificate as the element makes one for itself.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
