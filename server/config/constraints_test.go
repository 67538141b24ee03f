package config

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openconfig/goyang/pkg/yang"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
)

// constraints are what the models say of the configuration that is served,
// beside the types of leaves: each statement as "kind path".
func constraints() []string {
	var all []string
	var walk func(id ocpath.ID, e *yang.Entry)
	walk = func(id ocpath.ID, e *yang.Entry) {
		n, path := ocpath.Get(id), ocpath.Path(id)
		if id != ocpath.Root && !n.Config {
			return
		}
		if e.Mandatory == yang.TSTrue {
			all = append(all, "mandatory "+path)
		}
		if a := e.ListAttr; a != nil && (a.MinElements > 0 || a.MaxElements > 0 && a.MaxElements < 1<<32) {
			all = append(all, "elements "+path)
		}
		for _, kind := range []string{"must", "when", "unique"} {
			for range e.Extra[kind] {
				all = append(all, kind+" "+path)
			}
		}
		// A key that refers to the leaf below config is that leaf.
		if e.Type != nil && e.Type.Kind == yang.Yleafref && !slices.Contains(ocpath.Get(n.Parent).Keys, id) {
			all = append(all, "leafref "+path)
		}
		for child := id + 1; child < n.End; child = ocpath.Get(child).End {
			if below := e.Dir[ocpath.Get(child).Name]; below != nil {
				walk(child, below)
			}
		}
	}
	walk(ocpath.Root, oc.SchemaTree["Device"])
	slices.Sort(all)
	return all
}

// TestG21_EachConstraintOfTheModels has, for each must, when, unique, mandatory,
// leafref and bound of elements of the configuration that is served, a Set that
// breaks it and is refused. A model that brings another one fails the test.
func TestG21_EachConstraintOfTheModels(t *testing.T) {
	const (
		lag      = "/interfaces/interface[name=lag1]"
		iface    = "/interfaces/interface"
		instance = "/network-instances/network-instance"
		vlan     = "/ethernet/switched-vlan/config"
		lagVLAN  = "/aggregation/switched-vlan/config"
		lagPort  = `update ` + lag + ` {"config":{"type":"ieee8023adLag"},"aggregation":{"config":{"lag-type":"STATIC"}}}`
		member   = blue + `/interfaces/interface[id=a]/config {"interface":"p1"}`
		entry    = blue + "/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]"
	)
	access, trunk := `{"interface-mode":"ACCESS","access-vlan":10`, `{"interface-mode":"TRUNK"`
	broken := map[string][]string{
		"mandatory " + iface + "/config/type":    {"update " + p1 + `/config {"mtu":1500}`},
		"mandatory " + instance + "/config/type": {"update " + blue + `/config {"enabled":true}`},

		"when " + iface + "/aggregation":                                  {port("p1"), "update " + p1 + `/aggregation/config {"lag-type":"STATIC"}`},
		"when " + iface + vlan + "/access-vlan":                           {port("p1"), "update " + p1 + vlan + ` ` + trunk + `,"access-vlan":10}`},
		"when " + iface + vlan + "/native-vlan":                           {port("p1"), "update " + p1 + vlan + ` ` + access + `,"native-vlan":10}`},
		"when " + iface + vlan + "/trunk-vlans":                           {port("p1"), "update " + p1 + vlan + ` ` + access + `,"trunk-vlans":[10]}`},
		"when " + iface + lagVLAN + "/access-vlan":                        {lagPort, "update " + lag + lagVLAN + ` ` + trunk + `,"access-vlan":10}`},
		"when " + iface + lagVLAN + "/native-vlan":                        {lagPort, "update " + lag + lagVLAN + ` ` + access + `,"native-vlan":10}`},
		"when " + iface + lagVLAN + "/trunk-vlans":                        {lagPort, "update " + lag + lagVLAN + ` ` + access + `,"trunk-vlans":[10]}`},
		"leafref " + iface + "/ethernet/config/aggregate-id":              {port("p1"), "update " + p1 + `/ethernet/config {"aggregate-id":"lag1"}`},
		"leafref " + iface + "/aggregation/teaming/config/primary":        {lagPort, "update " + lag + `/aggregation/teaming/config {"primary":"nowhere"}`},
		"leafref " + iface + "/aggregation/teaming/config/standby-member": {lagPort, "update " + lag + `/aggregation/teaming/config {"standby-member":["nowhere"]}`},
		"leafref /lacp/interfaces/interface/config/name":                  {"update /lacp/interfaces/interface[name=lag1]/config {}"},
		"leafref /lldp/interfaces/interface/config/name":                  {"update /lldp/interfaces/interface[name=nowhere]/config {}"},
		"leafref /sampling/sflow/interfaces/interface/config/name":        {"update /sampling/sflow/interfaces/interface[name=nowhere]/config {}"},

		"leafref " + instance + "/interfaces/interface/config/interface": {l2, "update " + member},
		"leafref " + instance + "/fdb/mac-table/entries/entry/interface/interface-ref/config/interface": {
			l2, "update " + entry + ` {"interface":{"interface-ref":{"config":{"interface":"nowhere"}}}}`},
		"leafref " + instance + "/fdb/mac-table/entries/entry/config/vlan": {
			l2, port("p1"), "update " + member, "update " + entry + ` {"interface":{"interface-ref":{"config":{"interface":"p1"}}}}`},
	}
	maps.Copy(broken, brokenQoS())
	// What cannot be broken, and why.
	always := map[string]string{
		"when " + iface + "/ethernet":                                        "each type of interface that is served has one",
		"when " + iface + "/hold-time":                                       "what it excludes, penalty-based-aied, is not served",
		"when " + instance + "/fdb":                                          "each type of instance that is served has one",
		"leafref /lacp/interfaces/interface/members/member/config/interface": "is state: members are not configured here",
	}
	known := slices.Sorted(maps.Keys(broken))
	for constraint := range always {
		known = append(known, constraint)
	}
	slices.Sort(known)
	if diff := cmp.Diff(constraints(), known); diff != "" {
		t.Errorf("the models' constraints (-) are not those that are tested (+):\n%s", diff)
	}
	for constraint, lines := range broken {
		t.Run(constraint, func(t *testing.T) {
			e := open(t, t.TempDir())
			before := e.text()
			_, err := e.Set(context.Background(), request(t, lines...))
			var refused *openconfig.Error
			if !errors.As(err, &refused) || refused.Kind != openconfig.Invalid || refused.Path == "" {
				t.Errorf("got %v, want a refusal that names a path", err)
			}
			if e.text() != before {
				t.Errorf("the configuration is\n%s", e.text())
			}
		})
	}
}
