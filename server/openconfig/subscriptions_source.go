package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// grpcServer is the model's name for an only server.
const grpcServer = "DEFAULT"

// SubscriptionReader tells which subscriptions are open. telemetry.Engine
// satisfies it.
type SubscriptionReader interface {
	Subscriptions() ([]*telemetry.Subscription, telemetry.Totals)
}

// Subscriptions is the telemetry source of
// /system/grpc-servers/grpc-server/subscriptions/subscription: a row for each
// Subscribe RPC that is open.
type Subscriptions struct {
	reader SubscriptionReader
}

// NewSubscriptions builds the source.
func NewSubscriptions(reader SubscriptionReader) *Subscriptions { return &Subscriptions{reader} }

// Leaves are in the order of subscriptionValues.
func (*Subscriptions) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionId,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateId,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateClientAddress,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateUser,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateMode,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateEncoding,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStatePath,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateStartTime,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateQueueOctets,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateQueueOctetsPeak,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateQueueOctetsLimit,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateQueueUpdates,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateCountersMessagesSent,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateCountersUpdatesSent,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateCountersOctetsSent,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateCountersUpdatesCoalesced,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateCountersEventsLost,
	}
}

// Events reports that subscriptions that begin or end are told by
// SubscriptionRow and SubscriptionPath.
func (*Subscriptions) Events() bool { return true }

// Read gives the subscription keys[1] of the server keys[0], or any.
func (s *Subscriptions) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	open, _ := s.reader.Subscriptions()
	for _, sub := range open {
		own := subscriptionKeys(sub)
		if !matches(keys, own...) {
			continue
		}
		if err := emit(own, subscriptionValues(sub)); err != nil {
			return at, err
		}
	}
	return at, nil
}

func subscriptionKeys(s *telemetry.Subscription) []string {
	return []string{grpcServer, strconv.FormatUint(s.ID, 10)}
}

// subscriptionValues are all that is told of a subscription.
func subscriptionValues(s *telemetry.Subscription) []schema.Value {
	paths := make([]schema.Value, len(s.Paths))
	for i, path := range s.Paths {
		paths[i] = schema.StringValue(path)
	}
	st := s.Stats()
	id := schema.UintValue(s.ID)
	return []schema.Value{
		id, id, told(s.Address), told(s.User),
		schema.EnumValue(s.Mode.String()), schema.EnumValue(s.Encoding.String()), schema.ListValue(paths),
		schema.UintValue(uint64(s.Start.UnixNano())),
		schema.UintValue(st.QueueOctets), schema.UintValue(st.QueuePeak), schema.UintValue(st.QueueLimit), schema.UintValue(st.QueueUpdates),
		schema.UintValue(st.Messages), schema.UintValue(st.Updates), schema.UintValue(st.Octets), schema.UintValue(st.Coalesced), schema.UintValue(st.EventsLost),
	}
}

// told is a text, or no value for an empty one.
func told(text string) schema.Value {
	if text == "" {
		return schema.Value{}
	}
	return schema.StringValue(text)
}

// SubscriptionRow is a subscription that begins.
func SubscriptionRow(s *telemetry.Subscription) *Row {
	r := row(ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscription, subscriptionKeys(s)...)
	values := subscriptionValues(s)
	for i, leaf := range (*Subscriptions)(nil).Leaves() {
		r.put(leaf, values[i])
	}
	return r
}

// SubscriptionPath is the path of a subscription: what goes when it ends.
func SubscriptionPath(s *telemetry.Subscription) schema.Path {
	return schema.Path{Node: ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscription, Keys: subscriptionKeys(s)}
}

// SubscriptionTotals is the telemetry source of
// /system/grpc-servers/grpc-server/subscriptions/state.
type SubscriptionTotals struct {
	reader SubscriptionReader
}

// NewSubscriptionTotals builds the source.
func NewSubscriptionTotals(reader SubscriptionReader) *SubscriptionTotals {
	return &SubscriptionTotals{reader}
}

// Leaves are in the order of Read's values.
func (*SubscriptionTotals) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.SystemGrpcServersGrpcServerSubscriptionsStateActive,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsStateOpened,
		ocpath.SystemGrpcServersGrpcServerSubscriptionsStateCutOff,
	}
}

// Events reports that no changes are told.
func (*SubscriptionTotals) Events() bool { return false }

// Read gives the one row.
func (s *SubscriptionTotals) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	if !matches(keys, grpcServer) {
		return at, nil
	}
	_, t := s.reader.Subscriptions()
	return at, emit([]string{grpcServer}, []schema.Value{
		schema.UintValue(uint64(t.Active)), schema.UintValue(t.Opened), schema.UintValue(t.CutOff),
	})
}
