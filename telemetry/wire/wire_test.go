package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func typed(t *testing.T, text string) (*gpb.TypedValue, []byte) {
	t.Helper()
	tv := &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: text}}
	b, err := proto.Marshal(tv)
	if err != nil {
		t.Fatal(err)
	}
	return tv, b
}

func TestFrame(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target string
		text   string
		time   int64
		dup    uint32
	}{
		{"small", "", "x", 1, 0},
		{"with target", "box", "x", 1763800000000000000, 0},
		{"duplicates", "", "x", 5, 300},
		{"large", "box", strings.Repeat("y", 1<<22), 5, 1},
		{"least time", "", "x", math.MinInt64, 0},
		{"long target", strings.Repeat("t", 300), "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := AppendElem(AppendElem(nil, "interfaces", nil, nil), "interface", []string{"name"}, []string{"eth0"})
			leaf := AppendElem(nil, "mtu", nil, nil)
			tv, value := typed(t, tt.text)
			update := AppendUpdate(nil, list, leaf, value)
			if len(update) != SizeUpdate(len(list)+len(leaf), len(value)) {
				t.Errorf("SizeUpdate is %d for %d octets", SizeUpdate(len(list)+len(leaf), len(value)), len(update))
			}
			f := NewFrame(tt.target, 1000)
			if !f.Empty() {
				t.Error("a new frame is not empty")
			}
			f.SetBuffer(AppendDeleteField(f.Buffer(), list, ""))
			f.SetBuffer(AppendUpdateField(f.Buffer(), update, tt.dup))
			f.SetBuffer(AppendLeafField(f.Buffer(), list, leaf, value, 0))
			if f.Full() != (f.Len() >= 1000) || f.Empty() {
				t.Errorf("Full %v, Empty %v at %d octets", f.Full(), f.Empty(), f.Len())
			}
			got := new(gpb.SubscribeResponse)
			frame := f.Finish(tt.time)
			if err := proto.Unmarshal(frame, got); err != nil {
				t.Fatal(err)
			}
			entry := []*gpb.PathElem{{Name: "interfaces"}, {Name: "interface", Key: map[string]string{"name": "eth0"}}}
			mtu := &gpb.Path{Elem: append(entry[:2:2], &gpb.PathElem{Name: "mtu"})}
			n := &gpb.Notification{
				Timestamp: tt.time, Delete: []*gpb.Path{{Elem: entry}},
				Update: []*gpb.Update{{Path: mtu, Val: tv, Duplicates: tt.dup}, {Path: mtu, Val: tv}},
			}
			if tt.target != "" {
				n.Prefix = &gpb.Path{Target: tt.target}
			}
			want := &gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_Update{Update: n}}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !f.Empty() {
				t.Error("a finished frame is not empty")
			}
			for _, u := range n.Update {
				u.Duplicates = 9
			}
			if err := proto.Unmarshal(Repeated(frame, 9), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("repeated (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendElemKeys(t *testing.T) {
	long := strings.Repeat("k", 200)
	got := new(gpb.Path)
	if err := proto.Unmarshal(AppendElem(nil, "entry", []string{"mac", "vlan", "e"}, []string{"02:00", long, ""}), got); err != nil {
		t.Fatal(err)
	}
	want := &gpb.Path{Elem: []*gpb.PathElem{{Name: "entry", Key: map[string]string{"mac": "02:00", "vlan": long, "e": ""}}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSync(t *testing.T) {
	want, err := proto.Marshal(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Sync(), want) {
		t.Errorf("%x, want %x", Sync(), want)
	}
}
