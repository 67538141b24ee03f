package endtoend

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestG10_OrderAndResults(t *testing.T) {
	s := twoAbsent(t)
	const p1, p2 = "/interfaces/interface[name=p1]/config", "/interfaces/interface[name=p2]/config"
	got, err := s.Set(t.Context(), &gpb.SetRequest{
		Update:  []*gpb.Update{element.Update(p1+"/description", "updated"), element.Update(p1+"/mtu", 1400)},
		Replace: []*gpb.Update{element.Update(p1+"/description", "replaced"), element.Update(p2+"/description", "replaced")},
		Delete:  []*gpb.Path{element.Path(p2 + "/description"), element.Path(p1 + "/mtu")},
	})
	s.ok(err)
	var results []string
	for _, r := range got.GetResponse() {
		results = append(results, r.GetOp().String()+" "+element.Join(nil, r.GetPath()))
	}
	want := []string{"DELETE " + p2 + "/description", "DELETE " + p1 + "/mtu",
		"REPLACE " + p1 + "/description", "REPLACE " + p2 + "/description",
		"UPDATE " + p1 + "/description", "UPDATE " + p1 + "/mtu"}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if got.GetTimestamp() == 0 {
		t.Error("there is no timestamp")
	}
	s.leaf(p1+"/description", "updated")
	s.leaf(p1+"/mtu", "1400")
	s.leaf(p2+"/description", "replaced")
}

func TestG13_DeleteByWildcard(t *testing.T) {
	s := twoAbsent(t)
	s.configure(element.Update("/interfaces/interface[name=p1]/config/mtu", 1400), element.Update("/interfaces/interface[name=p2]/config/mtu", 1400))
	for range 2 { // the second time it is absent
		_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=*]/config/mtu")}})
		s.ok(err)
		_, err = s.Text(t.Context(), "/interfaces/interface/config/mtu")
		code(t, err, codes.NotFound)
	}
	s.refused(&gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=p1]/state")}}, codes.InvalidArgument, "state")
}

func TestG14_LeafListsOfTheElement(t *testing.T) {
	s := newSite(t)
	const vlans = "/interfaces/interface[name=p1]/ethernet/switched-vlan/config/trunk-vlans"
	s.configure(element.Trunk("p1", 0, 20))
	s.configure(element.Update(vlans, []any{30, 20}))
	s.leaf(vlans, "[20 30]")
	_, err := s.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{element.Update(vlans, []any{40})}})
	s.ok(err)
	s.leaf(vlans, "[40]")
}

func TestG15_ValuesInEachEncoding(t *testing.T) {
	s := twoAbsent(t)
	const config = "/interfaces/interface[name=p1]/config"
	values := []struct {
		leaf, want string
		value      *gpb.TypedValue
	}{
		{"/mtu", "1400", &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: 1400}}},
		{"/mtu", "1401", &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: 1401}}},
		{"/mtu", "1402", &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte("1402")}}},
		{"/mtu", "1403", &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte("1403")}}},
		{"/mtu", "1404", &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "1404"}}},
		{"/description", "some text", &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "some text"}}},
		{"/enabled", "false", &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: false}}},
	}
	for _, v := range values {
		_, err := s.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{Path: element.Path(config + v.leaf), Val: v.value}}})
		s.ok(err)
		s.leaf(config+v.leaf, v.want)
	}
	_, err := s.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{{
		Path: element.Path("/interfaces/interface[name=p1]/ethernet/switched-vlan/config"),
		Val:  &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte(`{"interface-mode": "TRUNK", "trunk-vlans": [20, "30..40"]}`)}}}}})
	s.ok(err)
	list := &gpb.ScalarArray{Element: []*gpb.TypedValue{{Value: &gpb.TypedValue_UintVal{UintVal: 7}}, {Value: &gpb.TypedValue_StringVal{StringVal: "50..60"}}}}
	const vlans = "/interfaces/interface[name=p1]/ethernet/switched-vlan/config/trunk-vlans"
	_, err = s.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{{Path: element.Path(vlans), Val: &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: list}}}}})
	s.ok(err)
	s.leaf(vlans, "[7 50..60]")
}

// TestG16_RefusalsNameThePath: in the message, and as google.rpc.BadRequest.
func TestG16_RefusalsNameThePath(t *testing.T) {
	s := twoAbsent(t)
	const path = "/interfaces/interface[name=p1]/config/mtu"
	_, err := s.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{element.Update(path, 1)}})
	code(t, err, codes.InvalidArgument, path)
	found := false
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				found = found || v.GetField() == path && v.GetDescription() != ""
			}
		}
	}
	if !found {
		t.Errorf("details %v lack a violation of %s", status.Convert(err).Details(), path)
	}
}

func TestG21_ASetOfNothing(t *testing.T) {
	s := twoAbsent(t)
	before := s.running()
	got, err := s.Set(t.Context(), &gpb.SetRequest{})
	s.ok(err)
	if len(got.GetResponse()) != 0 || got.GetTimestamp() == 0 || s.running() != before {
		t.Errorf("got %v", got)
	}
}

// TestG22_SetsAtTheSameTime: each of many writers changes its own leaf, and a
// follower is told each change.
func TestG22_SetsAtTheSameTime(t *testing.T) {
	s := twoAbsent(t)
	const writers, rounds = 8, 10
	path := func(w int) string { return fmt.Sprintf("/interfaces/interface[name=w%d]/config/description", w) }
	var wait sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wait.Go(func() {
			name, _, _ := strings.Cut(strings.TrimPrefix(path(w), "/interfaces/interface[name="), "]")
			for i := range rounds {
				errs[w] = s.Configure(t.Context(), element.Access(name, 10), element.Update(path(w), fmt.Sprint(i)))
				if errs[w] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	for w := range writers {
		s.ok(errs[w])
		s.leaf(path(w), fmt.Sprint(rounds-1))
	}
}
