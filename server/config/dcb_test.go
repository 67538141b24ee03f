package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestDCBLists: leaf-lists of small numbers, and lists below an interface, reach
// the datapath at each change and survive a restart.
func TestDCBLists(t *testing.T) {
	const dcb = p1 + "/dcb"
	runAll(t, []change{
		{
			name:  "numbers are appended, without repeating",
			start: []string{port("p1"), "update " + dcb + "/pfc/config/enabled-priority [3]"},
			set:   []string{"update " + dcb + "/pfc/config/enabled-priority [4,3]"},
			want:  p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" + dcb + "/pfc/config/enabled-priority = 3,4\n",
		},
		{
			name: "an application comes and another goes",
			start: []string{port("p1"), "update " + dcb + `/config/dcbx-mode ["HOST","IEEE"]`,
				"update " + dcb + `/applications/application[selector=DSCP][protocol=46]/config {"priority":[6]}`},
			set: []string{"delete " + dcb + "/applications/application[selector=DSCP][protocol=46]",
				"update " + dcb + `/applications/application[selector=ETHERTYPE][protocol=35078]/config {"priority":[3]}`},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" +
				dcb + "/applications/application[selector=ETHERTYPE][protocol=35078]/config/priority = 3\n" +
				dcb + "/applications/application[selector=ETHERTYPE][protocol=35078]/config/protocol = 35078\n" +
				dcb + "/applications/application[selector=ETHERTYPE][protocol=35078]/config/selector = ETHERTYPE\n" +
				dcb + "/config/dcbx-mode = HOST,IEEE\n",
		},
	})
	e := open(t, t.TempDir())
	e.set(t, port("p1"), "update "+dcb+`/ets/traffic-classes/traffic-class[id=1]/config {"algorithm":"ETS","bandwidth":100}`)
	e.set(t, "update "+dcb+"/ets/priorities/priority[priority=3]/config/traffic-class 1")
	want := &spec.DCB{Classes: 2, ETS: &spec.ETS{Algorithm: [8]spec.Algorithm{1: spec.EnhancedTS}, Bandwidth: [8]uint8{1: 100}, Class: [8]uint8{3: 1}}}
	if diff := cmp.Diff(want, e.device.ports["p1"].DCB); diff != "" {
		t.Errorf("the datapath (-want +got):\n%s", diff)
	}
	e.set(t, "delete "+dcb+"/ets/priorities", "delete "+dcb+"/ets/traffic-classes/traffic-class[id=1]")
	if got := e.device.ports["p1"].DCB; got != nil {
		t.Errorf("the datapath still wants %+v", got)
	}
}
