package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// counterPath is what is read and sampled.
const counterPath = "/interfaces/interface/state/counters"

// get measures Get of one leaf and of everything, beside a stream of the same
// and beside what the kernel takes to tell its own of the interfaces.
func (m *manager) get(ctx context.Context) error {
	one, err := m.oneLeaf(ctx)
	if err != nil {
		return err
	}
	fewest := m.first("get", one["TLS"])
	m.add(row{fmt.Sprintf("Get of one leaf at %d ports, TLS", m.ports), us(one["TLS"]), "at 10 ports " + us(fewest), ratio(one["TLS"], fewest), goal(m.ports == usual, "≤ 150 µs")})
	m.add(row{fmt.Sprintf("Get of one leaf at %d ports, plain text", m.ports), us(one["plain"]), "health Check " + us(one["nothing"]), ratio(one["plain"], one["nothing"]), goal(m.ports == usual, "≤ 150 µs")})
	if m.ports < usual {
		return nil
	}
	return errors.Join(m.getAll(ctx), m.getCounters(ctx))
}

// oneLeaf measures Get of one leaf, in each transport. Plain text has the
// smallest call beside it.
func (m *manager) oneLeaf(ctx context.Context) (map[string]float64, error) {
	const rounds = 2001
	request := &gpb.GetRequest{Path: []*gpb.Path{element.Path("/interfaces/interface[name=p5]/state/oper-status")}, Encoding: gpb.Encoding_PROTO}
	call := timed(func() error {
		_, err := m.Get(ctx, request)
		return err
	})
	one, err := takeTurns(ctx, rounds, []arm{{"TLS", call}})
	if err != nil {
		return nil, err
	}
	if _, err := m.restart(ctx, false, true); err != nil {
		return nil, err
	}
	plain, err := takeTurns(ctx, rounds, []arm{{"plain", call}, {"nothing", timed(func() error {
		var answer rawMessage
		return m.Conn.Invoke(ctx, "/grpc.health.v1.Health/Check", &gpb.CapabilityRequest{}, &answer, raw())
	})}})
	if err != nil {
		return nil, err
	}
	one["plain"], one["nothing"] = plain["plain"], plain["nothing"]
	_, err = m.restart(ctx, false, false)
	return one, err
}

// getAll compares a Get of all interfaces with a stream of the same.
func (m *manager) getAll(ctx context.Context) error {
	octets := map[string]int{}
	took, err := m.turns(ctx, []arm{
		{"get", timed(func() error {
			answer, err := m.getRaw(ctx, "/interfaces", gpb.Encoding_JSON_IETF)
			octets["get"] = len(answer)
			return err
		})},
		{"json", timed(func() error {
			n, _, err := m.once(ctx, "/interfaces", gpb.Encoding_JSON_IETF, false)
			octets["json"] = n
			return err
		})},
		{"proto", timed(func() error {
			n, _, err := m.once(ctx, "/interfaces", gpb.Encoding_PROTO, false)
			octets["proto"] = n
			return err
		})},
	})
	if err != nil {
		return err
	}
	m.add(row{fmt.Sprintf("Get of all interfaces at %d ports, JSON_IETF, %.1f MB", m.ports, mega(octets["get"])), ms(took["get"]),
		fmt.Sprintf("ONCE, JSON_IETF, %.1f MB, %s", mega(octets["json"]), ms(took["json"])), ratio(took["get"], took["json"]), goal(m.ports == usual, "≤ 60 ms")})
	m.add(row{fmt.Sprintf("ONCE of all interfaces at %d ports, PROTO, %.1f MB", m.ports, mega(octets["proto"])), ms(took["proto"]),
		"Get, JSON_IETF " + ms(took["get"]), ratio(took["proto"], took["get"]), goal(m.ports == usual, "< 1×")})
	return nil
}

func mega(octets int) float64 { return float64(octets) / 1e6 }

// getCounters compares a Get of all counters with what the kernel takes to tell
// its own of the same interfaces.
func (m *manager) getCounters(ctx context.Context) error {
	octets := map[string]int{}
	get := func(e gpb.Encoding) func() (float64, error) {
		return timed(func() error {
			answer, err := m.getRaw(ctx, counterPath, e)
			octets[e.String()] = len(answer)
			return err
		})
	}
	took, err := m.turns(ctx, []arm{
		{"PROTO", get(gpb.Encoding_PROTO)},
		{"kernel", timed(func() error {
			_, err := m.sw.Links()
			return err
		})},
		{"JSON_IETF", get(gpb.Encoding_JSON_IETF)},
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"PROTO", "JSON_IETF"} {
		m.add(row{fmt.Sprintf("Get of all counters of %d ports, %s, %.1f MB", m.ports, name, mega(octets[name])), ms(took[name]),
			"netlink dump of the links " + ms(took["kernel"]), ratio(took[name], took["kernel"]), "–"})
	}
	return nil
}

// getRaw is the answer to a Get as it came.
func (m *manager) getRaw(ctx context.Context, path string, e gpb.Encoding) (rawMessage, error) {
	var answer rawMessage
	err := m.Conn.Invoke(ctx, "/gnmi.gNMI/Get", &gpb.GetRequest{Path: []*gpb.Path{element.Path(path)}, Encoding: e}, &answer, raw())
	return answer, err
}

// once reads a path by Subscribe ONCE, and gives the octets that came and,
// where that is asked for, how many updates they hold.
func (m *manager) once(ctx context.Context, path string, e gpb.Encoding, count bool) (octets, updates int, err error) {
	stream, err := subscribeRaw(ctx, m.Conn, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_ONCE, Encoding: e, Subscription: []*gpb.Subscription{{Path: element.Path(path)}},
	})
	if err != nil {
		return 0, 0, err
	}
	for {
		var message rawMessage
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return octets, updates, nil
		} else if err != nil {
			return 0, 0, err
		}
		octets += len(message)
		if count {
			updates += message.updates()
		}
	}
}

// subscribeRaw begins a subscription whose messages are not decoded.
func subscribeRaw(ctx context.Context, conn *grpc.ClientConn, list *gpb.SubscriptionList) (grpc.ClientStream, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/gnmi.gNMI/Subscribe", raw(), grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	return stream, stream.SendMsg(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}})
}

// rawMessage is a message as it came. The clients of the benchmark decode
// nothing, since they share the CPUs with the element.
type rawMessage []byte

func raw() grpc.CallOption { return grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2("proto")}) }

type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.(*rawMessage); ok {
		return mem.BufferSlice{mem.SliceBuffer(*raw)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*rawMessage); ok {
		*raw = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
