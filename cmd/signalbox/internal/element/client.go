package element

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// OwnCertificate is where an element with the default state folder keeps the
// certificate that it made for itself.
const OwnCertificate = "/var/lib/signalbox/tls/cert.pem"

// Options say how to reach an element.
type Options struct {
	Address string // "host:port"
	// Insecure speaks plain text.
	Insecure bool
	// SkipVerify takes any certificate.
	SkipVerify bool
	// CA is a PEM file with the authorities to trust. "" stands for the
	// system's and OwnCertificate.
	CA string
	// Cert and Key are PEM files with the client's own certificate; "" for none.
	Cert, Key string
	// Username and Password go with each call; "" sends none.
	Username, Password string
}

// Client is a connection to one element.
type Client struct {
	conn    *grpc.ClientConn
	gnmi    gpb.GNMIClient
	address string
	plain   bool // speaks plain text
	last    *lastError
}

// Dial prepares the connection; it is made at the first call.
func Dial(o Options) (*Client, error) {
	c := &Client{address: o.Address, plain: o.Insecure, last: &lastError{}}
	transport, err := o.credentials()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(recording{transport, c.last}),
		grpc.WithContextDialer(c.last.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	}
	if o.Username != "" {
		options = append(options, grpc.WithPerRPCCredentials(login{o.Username, o.Password, o.Insecure}))
	}
	c.conn, err = grpc.NewClient("passthrough:///"+o.Address, options...)
	if err != nil {
		return nil, fmt.Errorf("element at %s: %w", o.Address, err)
	}
	c.gnmi = gpb.NewGNMIClient(c.conn)
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Address is where the element is expected.
func (c *Client) Address() string { return c.address }

func (o Options) credentials() (credentials.TransportCredentials, error) {
	if o.Insecure {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{InsecureSkipVerify: o.SkipVerify, MinVersion: tls.VersionTLS12}
	if !o.SkipVerify {
		roots, err := authorities(o.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	if o.Cert != "" || o.Key != "" {
		own, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate (--cert and --key): %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}

func authorities(file string) (*x509.CertPool, error) {
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("authorities (--ca): %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("authorities (--ca): %s holds no PEM certificate", file)
		}
		return pool, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without authorities
	}
	if own, err := os.ReadFile(OwnCertificate); err == nil {
		pool.AppendCertsFromPEM(own)
	}
	return pool, nil
}

// lastError keeps what the last attempt to connect ended with, since gRPC
// gives only its text.
type lastError struct {
	mu  sync.Mutex // guards err
	err error
}

func (l *lastError) set(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *lastError) get() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *lastError) dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	l.set(err)
	return conn, err
}

// recording is transport credentials that note how the handshake ended.
type recording struct {
	credentials.TransportCredentials
	last *lastError
}

func (r recording) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, conn)
	r.last.set(err)
	return secured, info, err
}

func (r recording) Clone() credentials.TransportCredentials {
	return recording{r.TransportCredentials.Clone(), r.last}
}

// Healthy asks gRPC's health service; nil says that the element serves.
func (c *Client) Healthy(ctx context.Context) error {
	answer, err := healthpb.NewHealthClient(c.conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return c.explain(err)
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("the element at %s answers, and is %s", c.address, answer.GetStatus())
	}
	return nil
}

// Capabilities asks what the element serves.
func (c *Client) Capabilities(ctx context.Context) (*gpb.CapabilityResponse, error) {
	answer, err := c.gnmi.Capabilities(ctx, &gpb.CapabilityRequest{})
	return answer, c.explain(err)
}

// Get asks for the paths once, in one encoding.
func (c *Client) Get(ctx context.Context, kind gpb.GetRequest_DataType, encoding gpb.Encoding, paths ...*gpb.Path) (*gpb.GetResponse, error) {
	answer, err := c.gnmi.Get(ctx, &gpb.GetRequest{Path: paths, Type: kind, Encoding: encoding})
	return answer, c.explain(err)
}

// Set changes the configuration in one transaction.
func (c *Client) Set(ctx context.Context, request *gpb.SetRequest) (*gpb.SetResponse, error) {
	answer, err := c.gnmi.Set(ctx, request)
	return answer, c.explain(err)
}

// Collect reads everything below the paths, in pieces, so that no size of
// answer is too large. A path that holds nothing adds nothing.
func (c *Client) Collect(ctx context.Context, paths ...string) (*Tree, error) {
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_PROTO}
	for _, p := range paths {
		parsed, err := ParsePath(p)
		if err != nil {
			return nil, err
		}
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: parsed})
	}
	tree := &Tree{}
	err := c.Subscribe(ctx, list, func(n *gpb.Notification) error {
		for _, u := range n.GetUpdate() {
			tree.insert(n.GetPrefix(), u)
		}
		return nil
	})
	return tree, err
}

// Subscribe hands each notification to the caller until the element ends the
// stream, the context ends, or the caller gives an error.
func (c *Client) Subscribe(ctx context.Context, list *gpb.SubscriptionList, each func(*gpb.Notification) error) error {
	return c.Follow(ctx, list, func() error { return nil }, each)
}

// Follow is Subscribe, and calls synced when all was sent that was there at the
// start: what happens from then on is not missed.
func (c *Client) Follow(ctx context.Context, list *gpb.SubscriptionList, synced func() error, each func(*gpb.Notification) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.gnmi.Subscribe(ctx)
	if err != nil {
		return c.explain(err)
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}})
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: Recv tells why
		return c.explain(err)
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.explain(err)
		}
		if n := answer.GetUpdate(); n != nil {
			err = each(n)
		} else if answer.GetSyncResponse() {
			err = synced()
		}
		if err != nil {
			return err
		}
	}
}
