package gnmi

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	gpbext "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/telemetry"
)

// takesAll is a device that carries out everything.
type takesAll struct{}

func (takesAll) Check(context.Context, spec.Change) error { return nil }
func (takesAll) Apply(context.Context, spec.Change) error { return nil }

// whole is the service before a real store and a real engine.
type whole struct {
	*Service
	store *config.Store
}

func newWhole(f *testing.F) whole {
	f.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	engine := telemetry.New(telemetry.Options{Log: log})
	store, err := config.Open(context.Background(), config.Options{Dir: f.TempDir(), Device: takesAll{}, Log: log, Committed: func(c config.Commit) {
		engine.Publish(telemetry.Batch{Time: c.Time, Of: telemetry.Config, Deletes: c.Deletes, Updates: c.Updates})
		engine.Committed(telemetry.Commit{ID: "1", ConfirmID: c.ConfirmID})
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		engine.Close()
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	return whole{New(engine, store, nil, log), store}
}

// extensions are each one that gNMI has, well formed and not.
func extensions() []*gpbext.Extension {
	id := &gpbext.Uint128{High: 1, Low: 2}
	return []*gpbext.Extension{
		{},
		{Ext: &gpbext.Extension_RegisteredExt{RegisteredExt: &gpbext.RegisteredExtension{Id: 999, Msg: []byte("x")}}},
		{Ext: &gpbext.Extension_MasterArbitration{MasterArbitration: &gpbext.MasterArbitration{Role: &gpbext.Role{Id: "r"}, ElectionId: id}}},
		{Ext: &gpbext.Extension_MasterArbitration{}},
		{Ext: &gpbext.Extension_History{History: &gpbext.History{Request: &gpbext.History_SnapshotTime{SnapshotTime: 1}}}},
		{Ext: &gpbext.Extension_History{History: &gpbext.History{Request: &gpbext.History_Range{Range: &gpbext.TimeRange{Start: 5, End: 1}}}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{Id: "c", Action: &gpbext.Commit_Commit{
			Commit: &gpbext.CommitRequest{RollbackDuration: &durationpb.Duration{Seconds: -1 << 60, Nanos: 5}}}}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{Id: "c", Action: &gpbext.Commit_Commit{Commit: &gpbext.CommitRequest{}}}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{Id: "c", Action: &gpbext.Commit_Confirm{}}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{Id: "c", Action: &gpbext.Commit_Cancel{Cancel: &gpbext.CommitCancel{}}}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{Id: "c", Action: &gpbext.Commit_SetRollbackDuration{
			SetRollbackDuration: &gpbext.CommitSetRollbackDuration{RollbackDuration: durationpb.New(time.Hour)}}}}},
		{Ext: &gpbext.Extension_Depth{Depth: &gpbext.Depth{Level: 3}}},
		{Ext: &gpbext.Extension_ConfigSubscription{ConfigSubscription: &gpbext.ConfigSubscription{
			Action: &gpbext.ConfigSubscription_Start{Start: &gpbext.ConfigSubscriptionStart{}}}}},
		{Ext: &gpbext.Extension_ConfigSubscription{ConfigSubscription: &gpbext.ConfigSubscription{
			Action: &gpbext.ConfigSubscription_SyncDone{SyncDone: &gpbext.ConfigSubscriptionSyncDone{CommitConfirmId: "c"}}}}},
	}
}

// FuzzG16_Requests sends messages of each RPC, with each extension, to the whole
// service: whatever a client sends, the answer is its own fault or an answer, and
// a Set that is refused leaves the configuration as it was.
func FuzzG16_Requests(f *testing.F) {
	w := newWhole(f)
	leaf := &gpb.Path{Elem: []*gpb.PathElem{{Name: "interfaces"}, {Name: "interface", Key: map[string]string{"name": "p1"}}, {Name: "config"}, {Name: "mtu"}}}
	value := &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: 1400}}
	commands := &gpb.Update{Path: &gpb.Path{Origin: "signalbox_cli"}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{
		AsciiVal: "set /interfaces/interface[name=p1]/config/mtu 1400\ndelete /interfaces/interface[name=*]\n# x\nrollback 1\n"}}}
	seed := func(rpc uint8, m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(rpc, b)
	}
	for _, e := range extensions() {
		all := []*gpbext.Extension{e}
		seed(0, &gpb.CapabilityRequest{Extension: all})
		seed(1, &gpb.GetRequest{Path: []*gpb.Path{leaf, {}}, Encoding: gpb.Encoding_JSON_IETF, Extension: all})
		seed(2, &gpb.SetRequest{Update: []*gpb.Update{{Path: leaf, Val: value}}, Extension: all})
		seed(2, &gpb.SetRequest{UnionReplace: []*gpb.Update{{Path: leaf, Val: value}, commands}, Extension: all})
		seed(2, &gpb.SetRequest{Delete: []*gpb.Path{leaf}, Replace: []*gpb.Update{commands}, Extension: all})
		for mode := range gpb.SubscriptionList_Mode_name {
			seed(3, &gpb.SubscribeRequest{Extension: all, Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
				Mode: gpb.SubscriptionList_Mode(mode), Subscription: []*gpb.Subscription{{Path: leaf, Mode: gpb.SubscriptionMode_ON_CHANGE}, {Mode: gpb.SubscriptionMode_SAMPLE}}}}})
		}
	}
	f.Fuzz(func(t *testing.T, rpc uint8, message []byte) {
		before := w.store.Running()
		switch err := w.call(t, rpc%4, message); status.Code(err) {
		case codes.Internal, codes.Unknown, codes.DeadlineExceeded, codes.DataLoss:
			t.Fatalf("%v", err)
		case codes.OK:
		default:
			if after := w.store.Running(); after != before && rpc%4 == 2 {
				t.Fatalf("the configuration changed with %v", err)
			}
		}
	})
}

// call makes the call where the octets are its message.
func (w whole) call(t *testing.T, rpc uint8, message []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	switch rpc {
	case 0:
		req := new(gpb.CapabilityRequest)
		return decoded(message, req, func() error { _, err := w.Capabilities(ctx, req); return err })
	case 1:
		req := new(gpb.GetRequest)
		return decoded(message, req, func() error { _, err := w.Get(ctx, req); return err })
	case 2:
		req := new(gpb.SetRequest)
		return decoded(message, req, func() error { _, err := w.Set(ctx, req); return err })
	}
	req := new(gpb.SubscribeRequest)
	return decoded(message, req, func() error {
		err := w.Subscribe(&once{t: t, ctx: ctx, end: cancel, first: req})
		cancel() // as gRPC does when a handler has returned
		w.Wait()
		if status.Code(err) == codes.Canceled { // as once has it after the sync
			return nil
		}
		return err
	})
}

func decoded(message []byte, into proto.Message, call func() error) error {
	if proto.Unmarshal(message, into) != nil {
		return nil
	}
	return call()
}

// once is a client that sends one request and leaves after the sync.
type once struct {
	grpc.ServerStream
	t     *testing.T
	ctx   context.Context
	end   context.CancelFunc
	first *gpb.SubscribeRequest
}

func (o *once) Context() context.Context          { return o.ctx }
func (o *once) Send(*gpb.SubscribeResponse) error { panic("the service sends frames") }

func (o *once) Recv() (*gpb.SubscribeRequest, error) {
	if first := o.first; first != nil {
		o.first = nil
		return first, nil
	}
	<-o.ctx.Done()
	return nil, o.ctx.Err()
}

func (o *once) SendMsg(m any) error {
	answer := new(gpb.SubscribeResponse)
	if err := proto.Unmarshal(m.(Frame), answer); err != nil {
		o.t.Errorf("a frame is no SubscribeResponse: %v", err)
	}
	if answer.GetSyncResponse() {
		o.end()
	}
	return o.ctx.Err()
}
