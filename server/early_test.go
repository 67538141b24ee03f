package server

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// counted counts what is sent on a connection.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// TestG41_NothingIsReadOfWhoMayNotCall: of a large Set without a password, or
// with a wrong one, only its beginning is ever sent.
func TestG41_NothingIsReadOfWhoMayNotCall(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "alice")
	v := serveIdle(t, o)
	var sent atomic.Int64
	conn, err := grpc.NewClient(v.Target(), grpc.WithTransportCredentials(clientCredentials(t, o)),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			return counted{c, &sent}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 32 << 20
	large := &gpb.SetRequest{Update: []*gpb.Update{{Path: textPath(t, "/system/config/hostname"),
		Val: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: string(make([]byte, size))}}}}}
	for name, ctx := range map[string]context.Context{"nobody": bounded(t), "a wrong password": as(t, "alice", "wrong")} {
		before := sent.Load()
		_, err = gpb.NewGNMIClient(conn).Set(ctx, large)
		wantCode(t, name, err, codes.Unauthenticated)
		if n := sent.Load() - before; n > size/4 {
			t.Errorf("%s: %d octets of the request are sent", name, n)
		}
	}
	_, err = gpb.NewGNMIClient(conn).Set(as(t, "alice", password), large)
	if n := sent.Load(); n < size {
		t.Errorf("of who may call %d octets are read: %v", n, err)
	}
	_, err = gpb.NewGNMIClient(conn).Set(as(t, "alice", password), &gpb.SetRequest{})
	wantCode(t, "alice", err, codes.OK)
}
