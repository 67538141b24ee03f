package element

import (
	"fmt"
	"strconv"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Classes are the traffic classes: class n is the queue and the forwarding group
// Queue(n), for packets with the DSCP n<<3 where marks are trusted.
const Classes = 8

// Queue is the name of the queue of a traffic class.
func Queue(class int) string { return fmt.Sprintf("queue%d", class) }

// Queues makes the queue and the forwarding group of each traffic class.
func Queues() []*gpb.Update {
	var queues, groups []any
	for class := range Classes {
		name := Queue(class)
		queues = append(queues, map[string]any{"name": name, "config": map[string]any{"name": name}})
		groups = append(groups, map[string]any{"name": name, "config": map[string]any{
			"name": name, "output-queue": name, "signalbox-qos:traffic-class": class,
		}})
	}
	return []*gpb.Update{
		Update("/qos/queues", map[string]any{"queue": queues}),
		Update("/qos/forwarding-groups", map[string]any{"forwarding-group": groups}),
	}
}

// SchedulerGroup is a scheduler of a policy.
type SchedulerGroup struct {
	Strict bool
	// Minimum and Maximum in bit/s; 0 is none.
	Minimum, Maximum uint64
	// Weights of the traffic classes that it serves; none bounds the port.
	Weights map[int]int
}

// Policy is a scheduler policy.
type Policy struct {
	Name string
	// Default is the traffic class whose queue takes what is in none; a negative
	// number leaves that to a class of its own.
	Default int
	Groups  []SchedulerGroup // the most urgent first
}

// Update makes the policy.
func (p Policy) Update() *gpb.Update {
	var schedulers []any
	for i, g := range p.Groups {
		schedulers = append(schedulers, g.scheduler(i+1))
	}
	config := map[string]any{"name": p.Name}
	if p.Default >= 0 {
		config["signalbox-qos:default-queue"] = Queue(p.Default)
	}
	return Update("/qos/scheduler-policies/scheduler-policy[name="+p.Name+"]", map[string]any{
		"name": p.Name, "config": config, "schedulers": map[string]any{"scheduler": schedulers},
	})
}

func (g SchedulerGroup) scheduler(sequence int) map[string]any {
	config := map[string]any{"sequence": sequence}
	if g.Strict {
		config["priority"] = "STRICT"
	}
	s := map[string]any{"sequence": sequence, "config": config}
	var inputs []any
	for class, weight := range g.Weights {
		id := Queue(class)
		inputs = append(inputs, map[string]any{"id": id, "config": map[string]any{
			"id": id, "input-type": "QUEUE", "queue": id, "weight": strconv.Itoa(weight),
		}})
	}
	if len(inputs) > 0 {
		s["inputs"] = map[string]any{"input": inputs}
	}
	bits := func(v uint64) string { return strconv.FormatUint(v, 10) }
	switch {
	case g.Minimum != 0:
		rates := map[string]any{"cir": bits(g.Minimum)}
		if g.Maximum != 0 {
			rates["pir"] = bits(g.Maximum)
		}
		s["two-rate-three-color"] = map[string]any{"config": rates}
	case g.Maximum != 0:
		s["one-rate-two-color"] = map[string]any{"config": map[string]any{"cir": bits(g.Maximum), "queuing-behavior": "SHAPE"}}
	}
	return s
}

// Trusts has what comes in at a port be of the traffic class that its DSCP says.
func Trusts(port string) *gpb.Update {
	return qosInterface(port, map[string]any{"input": map[string]any{"config": map[string]any{"signalbox-qos:trust": "DSCP"}}})
}

// Schedules has a policy divide what leaves by a port.
func Schedules(port, policy string) *gpb.Update {
	return qosInterface(port, map[string]any{"output": map[string]any{"scheduler-policy": map[string]any{"config": map[string]any{"name": policy}}}})
}

func qosInterface(port string, v map[string]any) *gpb.Update {
	v["config"] = map[string]any{"interface-id": port}
	v["interface-id"] = port
	return Update("/qos/interfaces/interface[interface-id="+port+"]", v)
}

// Bandwidth sets leaves of the simple form at a port; a number is in bit/s.
func Bandwidth(port string, leaves map[string]any) *gpb.Update {
	for name, v := range leaves {
		if n, ok := v.(uint64); ok {
			leaves[name] = strconv.FormatUint(n, 10)
		}
	}
	return Update("/interfaces/interface[name="+port+"]/bandwidth/config", leaves)
}

// Classifies has the UDP over IPv4 that comes in at a port be of a traffic
// class, by a classifier of its own.
func Classifies(port string, class int) []*gpb.Update {
	name := "of-" + port
	return []*gpb.Update{
		Update("/qos/classifiers/classifier[name="+name+"]", map[string]any{
			"name": name, "config": map[string]any{"name": name, "type": "IPV4"},
			"terms": map[string]any{"term": []any{map[string]any{
				"id": "1", "config": map[string]any{"id": "1"},
				"conditions": map[string]any{"ipv4": map[string]any{"config": map[string]any{"protocol": 17}}},
				"actions":    map[string]any{"config": map[string]any{"target-group": Queue(class)}},
			}}},
		}),
		qosInterface(port, map[string]any{"input": map[string]any{"classifiers": map[string]any{"classifier": []any{
			map[string]any{"type": "IPV4", "config": map[string]any{"type": "IPV4", "name": name}},
		}}}}),
	}
}
