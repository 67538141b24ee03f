package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/vishvananda/netlink"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

// macvlan makes a device that cannot have a larger MTU than the link below it.
// The kernel says so only when it is asked to set it.
func macvlan(s *site, name, below string) {
	s.t.Helper()
	s.ok(s.sw.Do(func() error {
		parent, err := netlink.LinkByName(below)
		if err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: parent.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE})
	}))
}

// journals is all that the element has on disk of its configuration.
func journals(s *site) string {
	s.t.Helper()
	var b strings.Builder
	for _, name := range list(s.stateDir) {
		if strings.HasPrefix(filepath.Base(name), "journal") || strings.HasPrefix(filepath.Base(name), "config") {
			content, err := os.ReadFile(filepath.Join(s.stateDir, name))
			s.ok(err)
			b.WriteString(name + ":\n" + string(content) + "\n")
		}
	}
	return b.String()
}

// TestG11_TheKernelRefusesHalfWay has the kernel refuse the last of several
// things that a Set wants: the tree, the kernel and the disk are as before, and
// a follower is told nothing.
func TestG11_TheKernelRefusesHalfWay(t *testing.T) {
	s := newSite(t, "p1", "p2", "below")
	macvlan(s, "zz", "below")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Access("zz", 10))
	s.forwarding(true, "p1", "p2")
	f := follow(s, gpb.SubscriptionMode_ON_CHANGE, 0, "/interfaces/interface/config", "/network-instances/network-instance/config")
	f.sync()
	tree, kernel, disk := s.running(), hostState(s), journals(s)
	_, err := s.Set(t.Context(), &gpb.SetRequest{
		Delete: []*gpb.Path{element.Path("/interfaces/interface[name=p2]")},
		Update: []*gpb.Update{
			element.Access("p1", 20), element.Switch("red", "p1"),
			element.Update("/interfaces/interface[name=p1]/config", map[string]any{"mtu": 1400, "description": "half way", "enabled": false}),
			element.Update("/interfaces/interface[name=zz]/config/mtu", 9000),
		},
	})
	code(t, err, codes.Unavailable, "interface zz", "mtu")
	if after := s.running(); after != tree {
		t.Errorf("the tree was\n%s\nand is\n%s", tree, after)
	}
	if after := hostState(s); after != kernel {
		t.Errorf("the kernel was\n%s\nand is\n%s", kernel, after)
	}
	if after := journals(s); after != disk {
		t.Errorf("the disk held\n%s\nand holds\n%s", disk, after)
	}
	crosses(s, "p1", "p2", "as before")
	s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "the next change"))
	answer, err := f.until(soon, func(r *gpb.SubscribeResponse) bool { return r.GetUpdate() != nil })
	s.ok(err)
	same(t, "the first that is told", leavesOf([]*gpb.SubscribeResponse{answer}), []string{"/interfaces/interface[name=p1]/config/description"})
}

// TestG12_ReplaceOfTheElement: what a replace leaves out returns to its default,
// and its siblings stay; at the root it is all there is.
func TestG12_ReplaceOfTheElement(t *testing.T) {
	s := newSite(t, "p1", "p2")
	const p1, p2 = "/interfaces/interface[name=p1]", "/interfaces/interface[name=p2]"
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Switch("red", "p2"),
		element.Update(p1+"/config", map[string]any{"mtu": 1400, "enabled": false, "description": "old"}))
	s.leaf(p1+"/state/mtu", "1400")
	_, err := s.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{
		element.Update(p1+"/config", map[string]any{"name": "p1", "type": "iana-if-type:ethernetCsmacd", "description": "new"})}})
	s.ok(err)
	s.leaf(p1+"/config/description", "new")
	s.leaf(p1+"/config/enabled", "true")
	s.leaf(p1+"/state/enabled", "true")
	s.leaf(p1+"/state/mtu", "1500") // as it was before it was configured
	_, err = s.Text(t.Context(), p1+"/config/mtu")
	code(t, err, codes.NotFound)
	s.leaf(p1+"/ethernet/switched-vlan/config/access-vlan", "10")
	s.leaf(p2+"/ethernet/switched-vlan/config/access-vlan", "10")

	_, err = s.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{element.Update("/", map[string]any{
		"openconfig-interfaces:interfaces": map[string]any{"interface": []any{map[string]any{
			"name": "p2", "config": map[string]any{"name": "p2", "type": "iana-if-type:ethernetCsmacd"}}}}})}})
	s.ok(err)
	for _, gone := range []string{p1 + "/config", p2 + "/ethernet/switched-vlan/config", "/network-instances/network-instance[name=red]/config"} {
		_, err := s.Text(t.Context(), gone)
		code(t, err, codes.NotFound)
	}
	s.leaf(p2+"/config/name", "p2")
}

// TestG17_UnionReplaceOfTheElement replaces everything by what two origins say.
func TestG17_UnionReplaceOfTheElement(t *testing.T) {
	s := newSite(t, "p1", "p2")
	const p1, p2 = "/interfaces/interface[name=p1]", "/interfaces/interface[name=p2]"
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	commands := func(text string) *gpb.Update {
		return &gpb.Update{Path: &gpb.Path{Origin: "signalbox_cli"}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: text}}}
	}
	answer, err := s.Set(t.Context(), &gpb.SetRequest{UnionReplace: []*gpb.Update{element.Access("p1", 20), commands("set " + p1 + "/config/mtu 1400")}})
	s.ok(err)
	for _, r := range answer.GetResponse() {
		if r.GetOp() != gpb.UpdateResult_UNION_REPLACE {
			t.Errorf("a result is %v", r)
		}
	}
	s.leaf(p1+"/state/mtu", "1400")
	s.leaf(p1+"/switch-port/state/forwarding", "true")
	_, err = s.Text(t.Context(), p2+"/config")
	code(t, err, codes.NotFound)
	for words, request := range map[string]*gpb.SetRequest{
		"contradict":        {UnionReplace: []*gpb.Update{element.Update(p1+"/config/mtu", 1500), commands("set " + p1 + "/config/mtu 1600")}},
		"cannot stand with": {UnionReplace: []*gpb.Update{element.Access("p1", 20)}, Delete: []*gpb.Path{element.Path(p1)}},
	} {
		s.refused(request, codes.InvalidArgument, words)
	}
}

// TestG20_MasterArbitrationOfTheElement: two controllers on two connections, and
// one that knows nothing of elections.
func TestG20_MasterArbitrationOfTheElement(t *testing.T) {
	s := newSite(t)
	second := element.Dial(s.sw, "127.0.0.1:9339", false)
	defer second.Close()
	set := func(c *element.Client, role string, id uint64) error {
		a := &gnmi_ext.MasterArbitration{ElectionId: &gnmi_ext.Uint128{Low: id}}
		if role != "" {
			a.Role = &gnmi_ext.Role{Id: role}
		}
		_, err := c.Set(t.Context(), &gpb.SetRequest{
			Update:    []*gpb.Update{element.Access("p1", 10)},
			Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: a}}},
		})
		return err
	}
	s.ok(set(s.Client, "", 5))
	s.ok(set(second, "", 6)) // takes over
	code(t, set(s.Client, "", 5), codes.PermissionDenied, "election")
	code(t, s.Configure(t.Context(), element.Access("p1", 10)), codes.InvalidArgument, "election")
	s.ok(set(s.Client, "other", 1)) // a role of its own
	s.ok(set(s.Client, "", 7))
	code(t, set(second, "", 6), codes.PermissionDenied, "election")
	s.leaf("/interfaces/interface[name=p1]/config/name", "p1") // who reads is not asked
}

// TestG34_ConfigSubscriptionOfTheElement: the end of each commit is told, also
// that of a rollback.
func TestG34_ConfigSubscriptionOfTheElement(t *testing.T) {
	s := newSite(t)
	const path = "/interfaces/interface[name=p1]/config/mtu"
	s.configure(element.Access("p1", 10), element.Update(path, 1400))
	rpc, err := s.open(subscription(gpb.SubscriptionList_STREAM, "/interfaces/interface/config/mtu", gpb.SubscriptionMode_ON_CHANGE, 0),
		&gnmi_ext.Extension{Ext: &gnmi_ext.Extension_ConfigSubscription{ConfigSubscription: &gnmi_ext.ConfigSubscription{
			Action: &gnmi_ext.ConfigSubscription_Start{Start: &gnmi_ext.ConfigSubscriptionStart{}}}}})
	s.ok(err)
	_, err = rpc.untilSync()
	s.ok(err)
	var last string
	commits := func(confirm string, want string) {
		t.Helper()
		var told []*gpb.SubscribeResponse
		for {
			answer, err := rpc.Recv()
			s.ok(err)
			done := syncDone(answer)
			if done == nil {
				told = append(told, answer)
				continue
			}
			if done.GetCommitConfirmId() != confirm || done.GetServerCommitId() == "" || done.GetServerCommitId() == last {
				t.Errorf("the end of a commit is %v behind %q, want confirm id %q", done, last, confirm)
			}
			last = done.GetServerCommitId()
			break
		}
		if got := leavesOf(told)[path]; got != want {
			t.Errorf("before the end of the commit %q is told, want %q", got, want)
		}
	}
	s.configure(element.Update(path, 1500))
	commits("", "1500")
	s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "not asked for"))
	commits("", "")
	_, err = s.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{element.Update(path, 1600)}, Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Commit{
		Commit: &gnmi_ext.Commit{Id: "night", Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(500 * time.Millisecond)}}}}}}})
	s.ok(err)
	commits("night", "1600")
	commits("night", "1500") // nobody confirms
	s.leaf(path, "1500")
}

// syncDone is the end of a commit, nil where an answer is none.
func syncDone(answer *gpb.SubscribeResponse) *gnmi_ext.ConfigSubscriptionSyncDone {
	for _, e := range answer.GetExtension() {
		if done := e.GetConfigSubscription().GetSyncDone(); done != nil {
			return done
		}
	}
	return nil
}
