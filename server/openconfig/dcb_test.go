package openconfig

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// dcbText is an interface with a part of signalbox-dcb.
func dcbText(dcb string) string {
	return `{` + interfacesText(`{`+p1Name+`,"signalbox-dcb:dcb":{`+dcb+`}}`) + `}`
}

const etsText = `"ets":{"config":{"willing":true},"traffic-classes":{"traffic-class":[
	{"id":0,"config":{"id":0,"algorithm":"ETS","bandwidth":30}},{"id":1,"config":{"id":1,"algorithm":"ETS","bandwidth":70}},
	{"id":2,"config":{"id":2,"algorithm":"CREDIT_BASED_SHAPER"}},{"id":3,"config":{"id":3,"algorithm":"VENDOR_SPECIFIC"}},{"id":4,"config":{"id":4}}]},
	"priorities":{"priority":[{"priority":3,"config":{"priority":3,"traffic-class":1}},{"priority":7,"config":{"priority":7}}]}}`

func application(selector string, protocol int, priorities string) string {
	return fmt.Sprintf(`{"selector":"%[1]s","protocol":%[2]d,"config":{"selector":"%[1]s","protocol":%[2]d,"priority":[%[3]s]}}`, selector, protocol, priorities)
}

func applications(list ...string) string {
	return `"applications":{"application":[` + strings.Join(list, ",") + `]}`
}

func TestDecodeDCB(t *testing.T) {
	no, delay := false, uint16(7000)
	tests := []struct {
		name, text string
		want       *spec.DCB
	}{
		{"nothing", ``, nil},
		{"mode", `"config":{"dcbx-mode":["HOST","IEEE"]}`, &spec.DCB{DCBX: spec.DCBXHost | spec.DCBXIEEE}},
		{"each mode", `"config":{"dcbx-mode":["LLD_MANAGED","CEE","STATIC"]}`, &spec.DCB{DCBX: spec.DCBXLLDManaged | spec.DCBXCEE | spec.DCBXStatic}},
		{"ETS", etsText, &spec.DCB{Classes: 0b11111, ETS: &spec.ETS{
			Willing: true, Bandwidth: [8]uint8{30, 70}, Class: [8]uint8{3: 1},
			Algorithm: [8]spec.Algorithm{spec.EnhancedTS, spec.EnhancedTS, spec.CreditBased, spec.VendorSpecific},
		}}},
		{"willing only", `"ets":{"config":{"willing":false}}`, &spec.DCB{ETS: &spec.ETS{}}},
		{"PFC", `"pfc":{"config":{"enabled-priority":[3,7],"macsec-bypass":false,"delay":7000}}`,
			&spec.DCB{PFC: &spec.WantedPFC{Enabled: 0x88, MACsecBypass: &no, Delay: &delay}}},
		{"delay only", `"pfc":{"config":{"delay":7000}}`, &spec.DCB{PFC: &spec.WantedPFC{Delay: &delay}}},
		{"applications", applications(application("DSCP", 46, "6"), application("ETHERTYPE", 35078, "4,3"), application("STREAM_PORT", 3260, "4"),
			application("DATAGRAM_PORT", 4791, "5"), application("PORT", 4420, "2")), &spec.DCB{Applications: spec.NewDCBApplications([]spec.DCBApplication{
			{Selector: spec.SelectDSCP, Protocol: 46, Priority: 6}, {Selector: spec.SelectEtherType, Protocol: 35078, Priority: 3},
			{Selector: spec.SelectEtherType, Protocol: 35078, Priority: 4}, {Selector: spec.SelectStream, Protocol: 3260, Priority: 4},
			{Selector: spec.SelectDatagram, Protocol: 4791, Priority: 5}, {Selector: spec.SelectPort, Protocol: 4420, Priority: 2},
		})}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, dcbText(tt.text)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, change.Ports["p1"].DCB); diff != "" {
				t.Errorf("DCB (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefuseDCB(t *testing.T) {
	class := func(id int, config string) string {
		return fmt.Sprintf(`"ets":{"traffic-classes":{"traffic-class":[{"id":%[1]d,"config":{"id":%[1]d,%[2]s}}]}}`, id, config)
	}
	const prefix = "/interfaces/interface[name=p1]/dcb/"
	tests := []struct{ name, text, path, reason string }{
		{"two agents", `"config":{"dcbx-mode":["HOST","LLD_MANAGED"]}`, prefix + "config/dcbx-mode", "either the host's or the device's"},
		{"no share", class(3, `"algorithm":"ETS"`), prefix + "ets/traffic-classes/traffic-class[id=3]/config/bandwidth", "is missing"},
		{"strict share", class(3, `"algorithm":"STRICT","bandwidth":10`), prefix + "ets/traffic-classes/traffic-class[id=3]/config/bandwidth", "10: only a traffic class with the algorithm ETS"},
		{"share of 0 by default", class(3, `"bandwidth":0`), prefix + "ets/traffic-classes/traffic-class[id=3]/config/bandwidth", "0: only"},
		{"sum", class(3, `"algorithm":"ETS","bandwidth":99`), prefix + "ets", "99 percent together: want 100"},
		{"no priority", applications(`{"selector":"DSCP","protocol":46,"config":{"selector":"DSCP","protocol":46}}`),
			prefix + "applications/application[selector=DSCP][protocol=46]/config/priority", "is missing"},
		{"DSCP", applications(application("DSCP", 64, "0")), prefix + "applications/application[selector=DSCP][protocol=64]/config/protocol", "want 0 to 63"},
		{"EtherType", applications(application("ETHERTYPE", 1500, "0")), prefix + "applications/application[selector=ETHERTYPE][protocol=1500]/config/protocol", "no EtherType"},
		{"port", applications(application("PORT", 0, "0")), prefix + "applications/application[selector=PORT][protocol=0]/config/protocol", "0 is no port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decode(tree(t, dcbText(tt.text)))
			got := Errors(err, 0)
			if len(got) == 0 || got[0].Kind != Invalid || got[0].Path != tt.path || !strings.Contains(got[0].Reason, tt.reason) {
				t.Errorf("%v, want Invalid at %s: %s", got, tt.path, tt.reason)
			}
		})
	}
	aggregate := lag("b1", "", aggregation("STATIC", "", access10)+`,"signalbox-dcb:dcb":{`+etsText+`}`)
	_, _, err := decode(tree(t, `{`+interfacesText(aggregate)+`}`))
	if got := Errors(err, 0); len(got) != 1 || got[0].Path != "/interfaces/interface[name=b1]/dcb" || !strings.Contains(got[0].Reason, "configure its members") {
		t.Errorf("%v, want an aggregate's DCB refused", got)
	}
}

// TestManyApplications is refused as a whole.
func TestManyApplications(t *testing.T) {
	var list []string
	for n := range spec.MaxDCBApplications + 1 {
		list = append(list, application("PORT", n+1, "0"))
	}
	_, _, err := decode(tree(t, dcbText(applications(list...))))
	if got := Errors(err, 0); len(got) != 1 || got[0].Path != "/interfaces/interface[name=p1]/dcb/applications" {
		t.Errorf("%v, want too many applications", got)
	}
}

// TestDCBEnumerations: the numbers and bits that are taken over as they are.
func TestDCBEnumerations(t *testing.T) {
	for i, v := range ocpath.Get(ocpath.InterfacesInterfaceDcbConfigDcbxMode).Values {
		if names := spec.DCBXMode(1 << i).Names(); len(names) != 1 || names[0] != v.Name {
			t.Errorf("bit %d is %q, the model has %s", i, names, v.Name)
		}
	}
	for i, v := range ocpath.Get(ocpath.InterfacesInterfaceDcbApplicationsApplicationSelector).Values {
		if s := spec.DCBSelector(i + 1); s.String() != v.Name {
			t.Errorf("selector %d is %s, the model has %s", i+1, s, v.Name)
		}
	}
	for i, v := range ocpath.Get(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassConfigAlgorithm).Values {
		if algorithms[i].String() != v.Name {
			t.Errorf("algorithm %d is %s, the model has %s", i, algorithms[i], v.Name)
		}
	}
	if n := oc.SignalboxDcb_ApplicationSelector_DSCP; spec.DCBSelector(n) != spec.SelectDSCP {
		t.Errorf("DSCP is selector %d", n)
	}
}

// TestDCBTouchesItsInterface: a leaf in a list below an interface is one of it.
func TestDCBTouchesItsInterface(t *testing.T) {
	for _, path := range []schema.Path{
		at(ocpath.InterfacesInterfaceDcbConfigDcbxMode, "p1"),
		at(ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClassConfigBandwidth, "p1", "0"),
		at(ocpath.InterfacesInterfaceDcbEtsPrioritiesPriorityConfigTrafficClass, "p1", "0"),
		at(ocpath.InterfacesInterfaceDcbPfcConfigDelay, "p1"),
		at(ocpath.InterfacesInterfaceDcbApplicationsApplicationConfigPriority, "p1", "DSCP", "46"),
	} {
		touched := NewTouched()
		touched.Add(path)
		if _, ok := touched.Interfaces["p1"]; !ok {
			t.Errorf("%s touches nothing", path)
		}
	}
}

// fullDCB has a value for each thing that a device can tell.
func fullDCB() *spec.Interface {
	return &spec.Interface{Name: "eth1", DCB: &spec.DCBState{
		HasDCBX: true, HasETS: true, HasPFC: true, HasRates: true, HasBuffers: true,
		DCBX: spec.DCBXHost | spec.DCBXIEEE, ETSClasses: 2, PFCClasses: 1, CreditBased: true,
		ETS:          spec.ETS{Willing: true, Algorithm: [8]spec.Algorithm{1: spec.EnhancedTS}, Bandwidth: [8]uint8{1: 100}, Class: [8]uint8{3: 1}},
		PFC:          spec.PFC{Enabled: 1 << 3, MACsecBypass: true, Delay: 7000},
		Applications: spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectEtherType, Protocol: 35078, Priority: 3}, {Selector: spec.SelectEtherType, Protocol: 35078, Priority: 5}, {Selector: spec.SelectDSCP, Protocol: 46, Priority: 6}, {Selector: 77, Protocol: 1}}),
		RateKilobits: [8]uint64{1: 1000}, Buffers: spec.DCBBuffers{Buffer: [8]uint8{7: 1}, Octets: [8]uint32{100}, AllOctets: 300},
		Capabilities: spec.DCBCapabilities{
			Known: true, PriorityGroups: true, PriorityFlowControl: true, PriorityMapping: true, GroupStrict: true, ETSNumbers: 0x88, PFCNumbers: 0x80,
			ETSClassesNow: 2, PFCClassesNow: 1, DCBX: spec.DCBXHost,
		},
	}}
}

func TestDCBState(t *testing.T) {
	const prefix = "/interfaces/interface[name=eth1]/dcb/"
	want := []string{
		"state/supported = true", "state/dcbx-mode = HOST,IEEE",
		"capabilities/state/priority-groups = true", "capabilities/state/priority-flow-control = true", "capabilities/state/priority-mapping = true",
		"capabilities/state/group-strict-priority = true", "capabilities/state/congestion-notification = false",
		"capabilities/state/ets-traffic-classes = 4,8", "capabilities/state/pfc-traffic-classes = 8", "capabilities/state/dcbx-mode = HOST",
		"ets/state/willing = true", "ets/state/max-traffic-classes = 2", "ets/state/used-traffic-classes = 2", "ets/state/credit-based-shaper = true",
		"ets/traffic-classes/traffic-class[id=0]/id = 0", "ets/traffic-classes/traffic-class[id=0]/state/id = 0", "ets/traffic-classes/traffic-class[id=0]/state/algorithm = STRICT",
		"ets/traffic-classes/traffic-class[id=1]/id = 1", "ets/traffic-classes/traffic-class[id=1]/state/id = 1", "ets/traffic-classes/traffic-class[id=1]/state/algorithm = ETS",
		"ets/traffic-classes/traffic-class[id=1]/state/bandwidth = 100", "ets/traffic-classes/traffic-class[id=1]/state/max-rate = 1000",
		"pfc/state/enabled-priority = 3", "pfc/state/macsec-bypass = true", "pfc/state/delay = 7000", "pfc/state/max-traffic-classes = 1", "pfc/state/used-traffic-classes = 1",
		"pfc/buffers/state/total-size = 300",
		"applications/application[selector=ETHERTYPE][protocol=35078]/selector = ETHERTYPE", "applications/application[selector=ETHERTYPE][protocol=35078]/protocol = 35078",
		"applications/application[selector=ETHERTYPE][protocol=35078]/state/selector = ETHERTYPE", "applications/application[selector=ETHERTYPE][protocol=35078]/state/protocol = 35078",
		"applications/application[selector=ETHERTYPE][protocol=35078]/state/priority = 3,5",
		"applications/application[selector=DSCP][protocol=46]/selector = DSCP", "applications/application[selector=DSCP][protocol=46]/protocol = 46",
		"applications/application[selector=DSCP][protocol=46]/state/selector = DSCP", "applications/application[selector=DSCP][protocol=46]/state/protocol = 46",
		"applications/application[selector=DSCP][protocol=46]/state/priority = 6",
	}
	for n := range 8 {
		id, class, enabled, buffer, size := strconv.Itoa(n), 0, n == 3, 0, 0
		switch n {
		case 0:
			size = 100
		case 3:
			class = 1
		case 7:
			buffer = 1
		}
		ets, pfc, one := "ets/priorities/priority[priority="+id+"]/", "pfc/priorities/priority[priority="+id+"]/", "pfc/buffers/buffer[id="+id+"]/"
		want = append(want, ets+"priority = "+id, ets+"state/priority = "+id, fmt.Sprintf("%sstate/traffic-class = %d", ets, class),
			pfc+"priority = "+id, pfc+"state/priority = "+id, fmt.Sprintf("%sstate/enabled = %t", pfc, enabled), fmt.Sprintf("%sstate/buffer = %d", pfc, buffer),
			one+"id = "+id, one+"state/id = "+id, fmt.Sprintf("%sstate/size = %d", one, size))
	}
	compare(t, texts(DCBState(fullDCB())...), prefixed(prefix, want...))
	compare(t, texts(DCBState(&spec.Interface{Name: "eth1", DCB: &spec.DCBState{Reason: "why"}})...),
		prefixed(prefix, "state/supported = false", "state/unsupported-reason = why"))
	if got := DCBState(&spec.Interface{Name: "eth1"}); got != nil {
		t.Errorf("an interface that was not asked has %v", texts(got...))
	}
}

// paused counts for eth1.
type paused struct{ err error }

func (p paused) DCBCounters() (map[string]spec.DCBCounters, error) {
	return map[string]spec.DCBCounters{"eth1": {Requests: [8]uint64{3: 5}, Indications: [8]uint64{3: 6}}, "eth2": {}}, p.err
}

func TestPFCCounters(t *testing.T) {
	rows := map[string]string{}
	read := func(keys ...string) error {
		clear(rows)
		_, err := NewPFCCounters(paused{}).Read(context.Background(), keys, func(keys []string, values []schema.Value) error {
			rows[strings.Join(keys, " ")] = values[0].String() + " " + values[1].String()
			return nil
		})
		return err
	}
	if err := read("eth1", "3"); err != nil || !cmp.Equal(rows, map[string]string{"eth1 3": "5 6"}) {
		t.Errorf("one priority: %v, %v", rows, err)
	}
	if err := read(); err != nil || len(rows) != 16 || rows["eth2 7"] != "0 0" {
		t.Errorf("all: %v, %v", rows, err)
	}
	if _, err := NewPFCCounters(paused{context.Canceled}).Read(context.Background(), nil, nil); err != context.Canceled {
		t.Errorf("error %v, want the reader's", err)
	}
}
