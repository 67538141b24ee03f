package teaming_test

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refused wants a Set to be refused for what the client asked, in words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	code := status.Code(err)
	if code != codes.InvalidArgument && code != codes.FailedPrecondition && code != codes.Unimplemented && code != codes.ResourceExhausted {
		t.Errorf("got %v, want it to be refused", err)
	}
	for _, w := range words {
		if !strings.Contains(fmt.Sprint(err), w) {
			t.Errorf("got %v, want %q in it", err, w)
		}
	}
}

// TestBadTeamsAreRefused asks for what can not be: it is refused by name, and
// what there was goes on.
func TestBadTeamsAreRefused(t *testing.T) {
	p := newPair(t, 2)
	ok(t, p.Configure(t.Context(), static(), static()))
	ok(t, p.Ready(t.Context()))
	s := newStream(t, p.HostA, p.HostB, fewFlows, 0)
	config := "/interfaces/interface[name=team]/aggregation/teaming/config/"
	tests := []struct {
		name    string
		updates []*gpb.Update
		words   []string
	}{
		{"a member that is a port", []*gpb.Update{element.Access("m01", 10)}, []string{"m01"}},
		{"a port that becomes a member", []*gpb.Update{element.Member("host", "team")}, []string{"host"}},
		{"a member of nothing", []*gpb.Update{element.Member("m01", "nowhere")}, []string{"nowhere"}},
		{"a member of what is no aggregate", []*gpb.Update{element.Member("m01", "host")}, []string{"m01"}},
		{"an aggregate as a member", []*gpb.Update{element.Update("/interfaces/interface[name=team]/ethernet/config/aggregate-id", "team")}, []string{"team"}},
		{"ports of layer 4 before switches that know nothing", []*gpb.Update{
			element.Update(config+"switch-independent", true), element.Update(config+"distribution", "TRANSPORT_PORTS")}, []string{"team"}},
		{"a gap of flowlets out of range", []*gpb.Update{element.Update(config+"flowlet-gap", 10)}, []string{"flowlet-gap"}},
		{"a delay out of range", []*gpb.Update{element.Update(config+"up-delay", 600_001)}, []string{"up-delay"}},
		{"a distribution that is none", []*gpb.Update{element.Update(config+"distribution", "ROUND_ROBIN")}, []string{"distribution"}},
		{"LACP of what is no aggregate", []*gpb.Update{element.Update("/lacp/interfaces/interface[name=host]/config", map[string]any{"name": "host"})}, []string{"host"}},
		{"switch-independent LACP", []*gpb.Update{
			element.Update("/interfaces/interface[name=team]/aggregation/config/lag-type", "LACP"),
			element.Update(config+"switch-independent", true), element.Update(config+"distribution", "VLAN_SOURCE_MAC")}, []string{"team"}},
	}
	s.Start(perSecond / 4)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, p.A.Configure(t.Context(), tt.updates...), tt.words...) })
	}
	var many []*gpb.Update
	for _, name := range teaming.MemberNames(33) {
		many = append(many, element.Member(name, "team"))
	}
	refused(t, p.A.Configure(t.Context(), many...), "33")
	loss, err := s.Settle()
	ok(t, err)
	if loss.Exceeds(0) {
		t.Errorf("%s while what cannot be was refused", loss)
	}
}
