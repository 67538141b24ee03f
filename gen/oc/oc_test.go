package oc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openconfig/goyang/pkg/yang"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// children gives the data nodes below an entry by name, choices dissolved.
func children(e *yang.Entry) map[string]*yang.Entry {
	nodes := make(map[string]*yang.Entry)
	for name, child := range e.Dir {
		if child.IsChoice() || child.IsCase() {
			for name, node := range children(child) {
				nodes[name] = node
			}
			continue
		}
		nodes[name] = child
	}
	return nodes
}

// kind is the entry's kind in the words of ocpath.
func kind(e *yang.Entry) ocpath.Kind {
	switch {
	case e.IsList():
		return ocpath.List
	case e.IsLeafList():
		return ocpath.LeafList
	case e.IsLeaf():
		return ocpath.Leaf
	}
	return ocpath.Container
}

// The schema of the structs and the table of nodes are the same tree.
func TestSchemaIsOcpath(t *testing.T) {
	seen := 1
	var compare func(e *yang.Entry, id ocpath.ID)
	compare = func(e *yang.Entry, id ocpath.ID) {
		for name, child := range children(e) {
			childID, ok := ocpath.Child(id, name)
			if !ok {
				t.Errorf("%s/%s is in gen/oc, but not in gen/ocpath", ocpath.Path(id), name)
				continue
			}
			seen++
			n := ocpath.Get(childID)
			if n.Kind != kind(child) {
				t.Errorf("%s: kind %d, in gen/oc %d", ocpath.Path(childID), n.Kind, kind(child))
			}
			if n.Config == child.ReadOnly() {
				t.Errorf("%s: config %t, in gen/oc %t", ocpath.Path(childID), n.Config, !child.ReadOnly())
			}
			if want, has := child.SingleDefaultValue(); child.IsLeaf() && (n.Default != want || n.HasDefault != has) {
				t.Errorf("%s: default %q, in gen/oc %q", ocpath.Path(childID), n.Default, want)
			}
			var keys []string
			for _, key := range n.Keys {
				keys = append(keys, ocpath.Get(key).Name)
			}
			if !slices.Equal(keys, strings.Fields(child.Key)) {
				t.Errorf("%s: keys %v, in gen/oc %q", ocpath.Path(childID), keys, child.Key)
			}
			compare(child, childID)
		}
	}
	compare(oc.SchemaTree["Device"], ocpath.Root)
	if seen != ocpath.Len() {
		t.Errorf("gen/oc has %d nodes, gen/ocpath %d", seen, ocpath.Len())
	}
}

// Every value of a generated enumeration is one that ocpath knows, under the
// same module.
func TestEnumsAreOcpath(t *testing.T) {
	known := make(map[ocpath.Value]bool)
	for id := range ocpath.Len() {
		for _, v := range ocpath.Get(ocpath.ID(id)).Values {
			known[v] = true
		}
	}
	for name, values := range oc.ΛEnum {
		for _, v := range values {
			if !known[ocpath.Value{Name: v.Name, Module: v.DefiningModule}] {
				t.Errorf("%s: %s:%s is not in gen/ocpath", name, v.DefiningModule, v.Name)
			}
		}
	}
}

// The stripped schema still rejects what the models forbid.
func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name, json, fault string
	}{
		{"a trunk", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a","type":"iana-if-type:ethernetCsmacd"},
			"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK","native-vlan":1,"trunk-vlans":[10,"20..30"]}}}}]}}`, ""},
		{"a disabled switch", `{"openconfig-network-instance:network-instances":{"network-instance":[{"name":"a","config":{"name":"a",
			"type":"openconfig-network-instance-types:L2VSI","signalbox-switch:enabled":false}}]}}`, ""},
		{"VLAN 4095", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a"},
			"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"access-vlan":4095}}}}]}}`, "outside specified range"},
		{"a range to 4095", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a"},
			"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"trunk-vlans":["1..4095"]}}}}]}}`, "1..4095"},
		{"a key that differs", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"b"}}]}}`, "not equal to any target nodes"},
		{"a deviated leaf", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a","loopback-mode":"NONE"}}]}}`, "loopback-mode"},
		{"an identity of nobody", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a","type":"iana-if-type:carrierPigeon"}}]}}`, "carrierPigeon"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var dev oc.Device
			err := oc.Unmarshal([]byte(test.json), &dev)
			if err == nil {
				err = dev.Validate()
			}
			switch {
			case test.fault == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("got %v, want an error about %q", err, test.fault)
			}
		})
	}
}

// Schema uses the tree that the package unpacked at its start.
func TestSchemaIsUnpackedOnce(t *testing.T) {
	schema, err := oc.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if schema.RootSchema() != oc.SchemaTree["Device"] {
		t.Error("Schema unpacked a tree of its own")
	}
}
