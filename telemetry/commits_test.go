package telemetry

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// configSubscription adds the extension.
func configSubscription(req *gpb.SubscribeRequest, c *gnmi_ext.ConfigSubscription) *gpb.SubscribeRequest {
	req.Extension = append(req.Extension, &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_ConfigSubscription{ConfigSubscription: c}})
	return req
}

func startConfig() *gnmi_ext.ConfigSubscription {
	return &gnmi_ext.ConfigSubscription{Action: &gnmi_ext.ConfigSubscription_Start{Start: &gnmi_ext.ConfigSubscriptionStart{}}}
}

func TestG34_ConfigSubscription(t *testing.T) {
	const eth0, eth1 = "/interfaces/interface[name=eth0]", "/interfaces/interface[name=eth1]"
	e, _, _ := filled(t)
	c := subscribe(t, e, configSubscription(stream(t, onChange(t, "/interfaces")), startConfig()))
	got := c.synced(1)
	slices.Sort(got)
	want := []string{
		eth0 + "/config/mtu=1500", eth0 + "/config/name=eth0", eth0 + "/config/type=ethernetCsmacd",
		eth0 + "/ethernet/switched-vlan/config/trunk-vlans=1,5..9", "sync",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what it starts with (-want +got):\n%s", diff)
	}
	other := subscribe(t, e, stream(t, onChange(t, "/interfaces/interface[name=eth1]/config/mtu")))
	other.synced(1)

	publish(t, e, Config, eth0+"/config/mtu=9000")
	publish(t, e, State, eth0+"/state/mtu=9000") // not for it
	e.Committed(Commit{ID: "7"})
	c.expect(eth0+"/config/mtu=9000", `commit 7 "" done=true`)
	e.Committed(Commit{ID: "8", ConfirmID: "night"}) // nothing of it was asked for
	c.expect(`commit 8 "night" done=true`)
	publish(t, e, Config, eth0+"/config/mtu=1500")
	e.Committed(Commit{ID: "9", ConfirmID: "night"})
	c.expect(eth0+"/config/mtu=1500", `commit 9 "night" done=true`)

	publish(t, e, Config, eth1+"/config/mtu=1400")
	other.expect(eth1 + "/config/mtu=1400")
}

func TestG34_NoCommitEndsBeforeTheSync(t *testing.T) {
	e, _, _ := filled(t)
	gate := make(chan struct{})
	c := subscribeGated(t, e, configSubscription(stream(t, onChange(t, "/interfaces")), startConfig()), gate)
	gate <- struct{}{} // the subscription is at work
	e.Committed(Commit{ID: "7"})
	close(gate)
	c.until("end of the commit", func() bool { return slices.Contains(c.log, `commit 7 "" done=true`) })
	log := c.take()
	if at := slices.Index(log, `commit 7 "" done=true`); at < slices.Index(log, "sync") {
		t.Errorf("the commit ended before the sync: %q", log)
	}
}

func TestG34_Refused(t *testing.T) {
	e, _, _ := filled(t)
	req := configSubscription(stream(t, onChange(t, "/interfaces")), &gnmi_ext.ConfigSubscription{})
	if err := e.Subscribe(context.Background(), req, nil, nil); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("without start: %v, want ErrInvalid", err)
	}
	_, err := e.Get(context.Background(), &gpb.GetRequest{Extension: configSubscription(stream(t), startConfig()).GetExtension()})
	if !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("on a Get: %v, want ErrInvalid", err)
	}
}

func TestG34_HeldCommitsAreBounded(t *testing.T) {
	q := newQueue(bounds{10 * markOverhead, 10 * markOverhead, bound})
	for range 11 {
		q.mark([]byte{1})
	}
	select {
	case <-q.failed:
	default:
		t.Error("marks of a reader that never gets its sync are kept without a bound")
	}
	q.sync()
	if _, some := q.next(nil, 64); some {
		t.Error("a queue that was given up has something")
	}
}
