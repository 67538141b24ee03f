package main

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
)

// named is an entry of a list by name, with what its config has beside it, and
// siblings of config.
func named(name string, config map[string]any, siblings map[string]any) map[string]any {
	all := map[string]any{"name": name}
	for key, value := range config {
		all[key] = value
	}
	entry := map[string]any{"name": name, "config": all}
	for key, value := range siblings {
		entry[key] = value
	}
	return entry
}

// config is a container with nothing but its config.
func config(leaves map[string]any) map[string]any { return map[string]any{"config": leaves} }

// classes configures each leaf of classes and rates that this kernel can have: p2
// classifies, polices and has queues both ways, p3 the simple form.
func classes() []*gpb.Update {
	shaped := func(sequence int, leaves map[string]any) map[string]any {
		s := map[string]any{"sequence": sequence, "config": map[string]any{"sequence": sequence, "type": "ONE_RATE_TWO_COLOR"}, "output": config(map[string]any{"output-type": "INTERFACE"})}
		for key, value := range leaves {
			s[key] = value
		}
		return s
	}
	inputs := func(queue string) map[string]any {
		return map[string]any{"input": []any{map[string]any{"id": queue, "config": map[string]any{"id": queue, "input-type": "QUEUE", "queue": queue, "weight": 3}}}}
	}
	strict := shaped(2, map[string]any{"inputs": inputs("voice"), "one-rate-two-color": map[string]any{
		"config":        map[string]any{"cir": 2000000, "bc": 5000, "queuing-behavior": "SHAPE", "max-queue-depth-packets": 50},
		"exceed-action": config(map[string]any{"drop": true})}})
	strict["config"].(map[string]any)["priority"] = "STRICT"
	double := map[string]any{"sequence": 3, "config": map[string]any{"sequence": 3, "type": "TWO_RATE_THREE_COLOR"}, "inputs": inputs("bulk"), "two-rate-three-color": map[string]any{
		"config": map[string]any{"cir-pct": 1, "pir-pct": 50, "queuing-behavior": "SHAPE", "max-queue-depth-bytes": 100000}}}
	double4 := map[string]any{"sequence": 4, "config": map[string]any{"sequence": 4}, "inputs": inputs("rest"), "two-rate-three-color": map[string]any{
		"config": map[string]any{"cir": 1000000, "pir": 4000000, "bc": 6000, "be": 7000, "queuing-behavior": "SHAPE", "max-queue-depth-packets": 50}}}
	bound := shaped(1, map[string]any{"one-rate-two-color": config(map[string]any{"cir": 9000000, "bc": 8000})})
	small := shaped(5, map[string]any{"inputs": inputs("small"), "one-rate-two-color": config(map[string]any{"cir-pct": 10, "max-queue-depth-bytes": 50000})})
	police := shaped(6, map[string]any{"one-rate-two-color": map[string]any{
		"config":         map[string]any{"cir": 50000000, "bc": 20000, "queuing-behavior": "POLICE"},
		"conform-action": config(map[string]any{"set-dscp": 10, "set-dot1p": 1}), "exceed-action": config(map[string]any{"set-dscp": 12, "set-dot1p": 2})}})
	colours := map[string]any{"sequence": 7, "config": map[string]any{"sequence": 7, "type": "TWO_RATE_THREE_COLOR"}, "inputs": inputs("rest"), "two-rate-three-color": map[string]any{
		"config":         map[string]any{"cir": 60000000, "pir": 70000000, "bc": 20000, "be": 30000},
		"conform-action": config(map[string]any{"set-dscp": 10, "set-dot1p": 1}), "exceed-action": config(map[string]any{"drop": false, "set-dscp": 12, "set-dot1p": 2}),
		"violate-action": config(map[string]any{"drop": false, "set-dscp": 14, "set-dot1p": 3})}}
	schedulers := []any{bound, strict, double, double4, small}
	return []*gpb.Update{
		element.Update("/qos", map[string]any{
			"queues": map[string]any{"queue": []any{named("voice", nil, nil), named("bulk", nil, nil), named("rest", nil, nil), named("small", nil, nil)}},
			"forwarding-groups": map[string]any{"forwarding-group": []any{
				named("real", map[string]any{"output-queue": "voice", "traffic-class": 5}, nil), named("other", map[string]any{"output-queue": "rest"}, nil)}},
			"trust": map[string]any{
				"dscps": map[string]any{"dscp": []any{map[string]any{"dscp": 10, "config": map[string]any{"dscp": 10, "traffic-class": 5}}}},
				"pcps":  map[string]any{"pcp": []any{map[string]any{"pcp": 7, "config": map[string]any{"pcp": 7, "traffic-class": 5}}}},
			},
			"classifiers": map[string]any{"classifier": classifiers()},
			"scheduler-policies": map[string]any{"scheduler-policy": []any{
				named("out", map[string]any{"default-queue": "rest"}, map[string]any{"schedulers": map[string]any{"scheduler": schedulers}}),
				named("in", nil, map[string]any{"schedulers": map[string]any{"scheduler": append(append([]any{}, schedulers...), police, colours)}}),
			}},
			"interfaces": map[string]any{"interface": []any{map[string]any{
				"interface-id": "two", "config": map[string]any{"interface-id": "two"}, "interface-ref": config(map[string]any{"interface": "p2"}),
				"input": map[string]any{
					"config":      map[string]any{"classifier": "all", "trust": "DSCP"},
					"classifiers": map[string]any{"classifier": []any{map[string]any{"type": "IPV4", "config": map[string]any{"type": "IPV4", "name": "four"}}, map[string]any{"type": "IPV6", "config": map[string]any{"type": "IPV6", "name": "six"}}}},
					"queues":      map[string]any{"queue": []any{named("small", nil, nil)}}, "scheduler-policy": config(map[string]any{"name": "in"}),
				},
				"output": map[string]any{"queues": map[string]any{"queue": []any{named("small", nil, nil)}}, "scheduler-policy": config(map[string]any{"name": "out"})},
			}}},
		}),
		element.Update("/interfaces/interface[name=p3]/bandwidth/config", map[string]any{"maximum-bandwidth": 50000000, "minimum-bandwidth": 1000000, "minimum-weight": 10}),
		element.Update("/interfaces/interface[name=p1]/bandwidth/config/minimum-bandwidth-mode", "ABSOLUTE"),
	}
}

// classifiers have terms with each condition.
func classifiers() []any {
	term := func(id string, conditions map[string]any) map[string]any {
		return map[string]any{"id": id, "config": map[string]any{"id": id}, "conditions": conditions, "actions": map[string]any{
			"config": map[string]any{"target-group": "real"}, "remark": config(map[string]any{"set-dscp": 46, "set-dot1p": 5})}}
	}
	terms := func(all ...any) map[string]any { return map[string]any{"terms": map[string]any{"term": all}} }
	transport := config(map[string]any{
		"source-port": "1024..65535", "destination-port": 443, "detail-mode": "EXPLICIT", "explicit-detail-match-mode": "ALL", "explicit-tcp-flags": []any{"TCP_SYN"}})
	return []any{
		named("all", map[string]any{"type": "ETHERNET"}, terms(term("1", map[string]any{"l2": config(map[string]any{
			"source-mac": "02:00:00:00:01:00", "source-mac-mask": "ff:ff:ff:ff:ff:00", "destination-mac": "01:00:5e:00:00:00", "destination-mac-mask": "ff:ff:ff:00:00:00",
			"ethertype": "ETHERTYPE_IPV4", "vlan-id": 10, "pcp-set": []any{5, 6}})}))),
		named("four", map[string]any{"type": "IPV4"}, terms(
			term("1", map[string]any{"ipv4": config(map[string]any{"source-address": "192.0.2.0/24", "destination-address": "198.51.100.0/24", "dscp": 46, "hop-limit": 64, "protocol": "IP_TCP"}), "transport": transport}),
			term("2", map[string]any{"ipv4": config(map[string]any{"dscp-set": []any{8, 16}})}))),
		named("six", map[string]any{"type": "IPV6"}, terms(
			term("1", map[string]any{"ipv6": config(map[string]any{"source-address": "2001:db8:1::/48", "destination-address": "2001:db8:2::/48", "dscp": 46, "hop-limit": 64, "protocol": "IP_TCP"})}),
			term("2", map[string]any{"ipv6": config(map[string]any{"dscp-set": []any{8, 16}})}))),
	}
}

// earlyDropping are the leaves of random early detection, where the kernel has
// none: then a profile is refused where it is used. server/openconfig and
// datapath/netdev prove that they are told and kept.
func earlyDropping(r *running) []ocpath.ID {
	profiles := element.Update("/qos/queue-management-profiles/queue-management-profile[name=early]", named("early", nil, map[string]any{
		"red": map[string]any{"uniform": config(map[string]any{"min-threshold": 10000, "max-threshold": 30000, "enable-ecn": true})}}))
	const queue = "/queues/queue[name=small]/config/queue-management-profile"
	used := []*gpb.Update{element.Update("/qos/interfaces/interface[interface-id=two]/input"+queue, "early"), element.Update("/qos/interfaces/interface[interface-id=two]/output"+queue, "early")}
	r.t.Helper()
	if err := r.Configure(r.t.Context(), profiles); err != nil {
		r.t.Fatal(err)
	}
	err := r.Configure(r.t.Context(), used...)
	if err == nil {
		return nil
	}
	if !strings.Contains(err.Error(), "sch_red") {
		r.t.Fatal(err)
	}
	var ids []ocpath.ID
	for _, direction := range []string{"input", "output"} {
		for _, leaf := range []string{"config/queue-management-profile", "state/red-min-threshold", "state/red-max-threshold", "state/red-ecn"} {
			id, ok := ocpath.Lookup(strings.Split("qos/interfaces/interface/"+direction+"/queues/queue/"+leaf, "/")...)
			if !ok {
				r.t.Fatalf("%s has no %s", direction, leaf)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// withoutTwin are the leaves of classes and rates that are configured and have no
// leaf of their name in state: state tells the rates and queues that follow from
// them, which TestClassesInEffect compares.
func withoutTwin() []ocpath.ID {
	var ids []ocpath.ID
	for id := range ocpath.ID(ocpath.Len()) {
		path := ocpath.Path(id)
		before, after, ok := strings.Cut(path, "/config/")
		if !ok || !strings.HasPrefix(path, "/qos/") && !strings.HasPrefix(path, "/interfaces/interface/bandwidth/") {
			continue
		}
		if _, twin := ocpath.Lookup(strings.Split(strings.TrimPrefix(before+"/state/"+after, "/"), "/")...); !twin {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestClassesInEffect: what the kernel and the program have of classes and rates
// is what was configured, as near as they can come to it.
func TestClassesInEffect(t *testing.T) {
	r := runElement(t, 3)
	updates := append([]*gpb.Update{element.Access("p1", 10), element.Access("p2", 10), element.Access("p3", 10)}, classes()...)
	if err := r.Configure(t.Context(), updates...); err != nil {
		t.Fatal(err)
	}
	const two = "/qos/interfaces/interface[interface-id=two]"
	near := map[string]float64{
		two + "/input/scheduler-policy/state/rate": 9e6, two + "/output/scheduler-policy/state/rate": 9e6,
		two + "/output/queues/queue[name=voice]/state/ceiling-rate": 2e6, two + "/output/queues/queue[name=voice]/state/limit-pkts": 50,
		two + "/output/queues/queue[name=rest]/state/guaranteed-rate": 1e6, two + "/output/queues/queue[name=rest]/state/ceiling-rate": 4e6,
		two + "/output/queues/queue[name=rest]/state/burst": 6000, two + "/output/queues/queue[name=rest]/state/ceiling-burst": 7000,
		two + "/input/queues/queue[name=bulk]/state/limit-octets":                                       100000,
		two + "/input/scheduler-policy/schedulers/scheduler[sequence=6]/state/committed-rate":           50e6,
		two + "/input/scheduler-policy/schedulers/scheduler[sequence=6]/state/committed-burst":          20000,
		two + "/input/scheduler-policy/schedulers/scheduler[sequence=7]/state/peak-rate":                70e6,
		two + "/input/scheduler-policy/schedulers/scheduler[sequence=7]/state/peak-burst":               30000,
		"/interfaces/interface[name=p3]/bandwidth/state/input-rate":                                     50e6,
		"/interfaces/interface[name=p3]/bandwidth/state/output-rate":                                    50e6,
		"/qos/interfaces/interface[interface-id=p1]/output/queues/queue[name=p3]/state/guaranteed-rate": 1e6,
	}
	testenv.Within(t, bound, func() error {
		leaves, err := r.Leaves(t.Context(), "/qos/interfaces", "/interfaces/interface/bandwidth")
		if err != nil {
			return err
		}
		for path, want := range near {
			got := float64(leaves[path].GetUintVal())
			if got < want*0.99 || got > want*1.01 {
				return fmt.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		return nil
	})
}
