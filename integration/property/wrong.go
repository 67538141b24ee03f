package property

import (
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
)

// mistake is a path that cannot be written, or not with any of the values.
type mistake struct {
	path   string
	code   codes.Code
	values []*gpb.TypedValue
}

func number64(v uint64) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: v}}
}

// texts are values of JSON_IETF.
func texts(all ...string) []*gpb.TypedValue {
	var values []*gpb.TypedValue
	for _, text := range all {
		values = append(values, &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}})
	}
	return values
}

// mistakes are those of a value at a leaf that takes others, and at a path that
// takes none.
func mistakes() []mistake {
	const (
		port    = "/interfaces/interface[name=p0]"
		mtu     = port + "/config/mtu"
		invalid = codes.InvalidArgument
	)
	one := []*gpb.TypedValue{number64(1)}
	return []mistake{
		{mtu, invalid, []*gpb.TypedValue{
			nil, number64(1 << 16),
			{Value: &gpb.TypedValue_BoolVal{BoolVal: true}}, {Value: &gpb.TypedValue_IntVal{IntVal: -1}},
		}},
		{mtu, invalid, texts(`{}`, `null`, `[1,2]`, `1 2`, `1.5`, `{`, ``, "\xff", `"many"`)},
		{mtu, codes.Unimplemented, []*gpb.TypedValue{
			{Value: &gpb.TypedValue_ProtoBytes{ProtoBytes: []byte{8, 1}}}, {Value: &gpb.TypedValue_AnyVal{AnyVal: &anypb.Any{}}},
		}},
		{port + "/config/enabled", invalid, append(texts(`"maybe"`, `1`), one...)},
		{port + "/config/description", invalid, append(texts(`7`, `{"a":1}`), number64(1), &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "bell\a"}})},
		{port + "/config/type", invalid, append(texts(`"iana-if-type:ethernet"`, `"openconfig-vlan:ethernetCsmacd"`), one...)},
		{port + "/config/nonsense", codes.NotFound, one},
		{"/nonsense", codes.NotFound, texts(`{}`)},
		{port + "/config/tpid", codes.Unimplemented, one},
		{"/acl/acl-sets", codes.Unimplemented, texts(`{}`)},
		{port + "/state/mtu", invalid, one},
		{"/interfaces/interface[name=*]/config/mtu", invalid, one},
		{"/interfaces/interface[nonsense=p0]/config/mtu", invalid, one},
		{port + "/config", invalid, append(texts(`7`, `[]`, `{"nonsense":1}`, `{"mtu":1500,"mtu":1501}`,
			`{"mtu":1500,"openconfig-interfaces:mtu":1500}`, `{"openconfig-vlan:mtu":1500}`), one...)},
		{port, invalid, texts(`{"state":{"mtu":1500}}`, `{"name":"p1","config":7}`)},
		{port, codes.Unimplemented, texts(`{"subinterfaces":{}}`)},
		{"/interfaces", invalid, texts(`{"interface":[{"config":{"mtu":1500}}]}`, `{"interface":{}}`,
			`{"interface":[{"name":"p0"},{"name":"p0"}]}`, `{"interface":[7]}`)},
		{"/network-instances/network-instance[name=default]/vlans/vlan[vlan-id=ten]/config/name", invalid, texts(`"x"`)},
	}
}

// undeletable are paths that nobody may delete.
func undeletable() []mistake {
	return []mistake{
		{path: "/interfaces/interface[name=p0]/state", code: codes.InvalidArgument},
		{path: "/interfaces/interface[name=*]/state", code: codes.InvalidArgument},
		{path: "/interfaces/interface[name=p0]/config/name", code: codes.InvalidArgument},
		{path: "/interfaces/interface[name=p0]/config/nonsense", code: codes.InvalidArgument},
		{path: "/interfaces/interface[name=*]/nonsense", code: codes.InvalidArgument},
		{path: "/interfaces/interface[name=p0]/config/tpid", code: codes.Unimplemented},
		{path: "/acl", code: codes.Unimplemented},
	}
}

// wrong makes an operation in the place of another one that no element may
// take.
func (d *dice) wrong(o operation) operation {
	if d.one(5) {
		m := pick(d, undeletable()...)
		return operation{op: gpb.UpdateResult_DELETE, path: parse(m.path), code: m.code}
	}
	m := pick(d, mistakes()...)
	out := operation{op: o.op, path: parse(m.path), value: pick(d, m.values...), code: m.code}
	if o.op == gpb.UpdateResult_DELETE {
		out.op = gpb.UpdateResult_UPDATE
	}
	return out
}
