package element

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"github.com/signalbox/signalbox/integration/topology"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Client talks to an element in a namespace.
type Client struct {
	gpb.GNMIClient
	Conn *grpc.ClientConn
}

// Dial prepares a connection to an address as the namespace sees it. Any
// certificate is taken.
func Dial(n *topology.Namespace, address string, plain bool) *Client {
	transport := insecure.NewCredentials()
	if !plain {
		transport = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 5 * time.Millisecond, Multiplier: 1.2, MaxDelay: 100 * time.Millisecond},
			MinConnectTimeout: 20 * time.Second, // an element listens before it answers
		}),
		grpc.WithContextDialer(func(ctx context.Context, address string) (conn net.Conn, err error) {
			err = n.Do(func() error {
				conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", address)
				return err
			})
			return conn, err
		}))
	if err != nil {
		panic(fmt.Sprintf("element.Dial(%q): %v", address, err)) // the target is well formed
	}
	return &Client{GNMIClient: gpb.NewGNMIClient(conn), Conn: conn}
}

// Close ends the connection.
func (c *Client) Close() error { return c.Conn.Close() }

// Serving waits until the health service answers SERVING.
func (c *Client) Serving(ctx context.Context) error {
	watch, err := healthpb.NewHealthClient(c.Conn).Watch(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	for err == nil {
		var answer *healthpb.HealthCheckResponse
		if answer, err = watch.Recv(); err == nil && answer.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
	}
	return err
}

// Path reads a path as people write it; a mistake in it panics, since the
// caller's program is wrong.
func Path(s string) *gpb.Path {
	p, err := ygot.StringToStructuredPath(s)
	if err != nil {
		panic(fmt.Sprintf("element.Path(%q): %v", s, err))
	}
	return p
}

// JSON is a value in RFC 7951's JSON.
func JSON(v any) *gpb.TypedValue {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("element.JSON(%v): %v", v, err))
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: b}}
}

// Update is one operation of a Set.
func Update(path string, v any) *gpb.Update { return &gpb.Update{Path: Path(path), Val: JSON(v)} }

// Configure merges configuration in, in one transaction.
func (c *Client) Configure(ctx context.Context, updates ...*gpb.Update) error {
	_, err := c.Set(ctx, &gpb.SetRequest{Update: updates})
	return err
}

// Remove deletes configuration, in one transaction.
func (c *Client) Remove(ctx context.Context, paths ...string) error {
	r := &gpb.SetRequest{}
	for _, p := range paths {
		r.Delete = append(r.Delete, Path(p))
	}
	_, err := c.Set(ctx, r)
	return err
}

// GetJSON reads one path into v, as encoding/json does.
func (c *Client) GetJSON(ctx context.Context, kind gpb.GetRequest_DataType, path string, v any) error {
	answer, err := c.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{Path(path)}, Type: kind, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil {
		return err
	}
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			return json.Unmarshal(u.GetVal().GetJsonIetfVal(), v)
		}
	}
	return fmt.Errorf("%s: the answer holds no update", path)
}

// Text reads one leaf as text.
func (c *Client) Text(ctx context.Context, path string) (string, error) {
	var v any
	if err := c.GetJSON(ctx, gpb.GetRequest_ALL, path, &v); err != nil {
		return "", err
	}
	return fmt.Sprint(v), nil
}

// Leaves reads everything below a path by Subscribe ONCE: values by path.
func (c *Client) Leaves(ctx context.Context, paths ...string) (map[string]*gpb.TypedValue, error) {
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_PROTO}
	for _, p := range paths {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: Path(p)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}); err != nil {
		return nil, err
	}
	leaves := map[string]*gpb.TypedValue{}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if answer.GetSyncResponse() {
			return leaves, nil
		}
		for _, u := range answer.GetUpdate().GetUpdate() {
			leaves[Join(answer.GetUpdate().GetPrefix(), u.GetPath())] = u.GetVal()
		}
	}
}

// Join writes a prefix and a path as one text.
func Join(prefix, path *gpb.Path) string {
	whole := &gpb.Path{Elem: append(append([]*gpb.PathElem(nil), prefix.GetElem()...), path.GetElem()...)}
	s, err := ygot.PathToString(whole)
	if err != nil {
		return fmt.Sprintf("%v", whole)
	}
	return s
}

// Counted gives the counters below paths that are not zero, a line each in
// order, for who looks for a lost frame.
func (c *Client) Counted(ctx context.Context, paths ...string) string {
	leaves, err := c.Leaves(ctx, paths...)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for path, v := range leaves {
		if n := v.GetUintVal(); n != 0 && !strings.HasSuffix(path, "/sflow-code") {
			lines = append(lines, fmt.Sprintf("  %s = %d", path, n))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
