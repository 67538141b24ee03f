package config

// brokenQoS are Sets that break what openconfig-qos demands.
func brokenQoS() map[string][]string {
	const (
		classifier = "/qos/classifiers/classifier"
		iface      = "/qos/interfaces/interface"
		entry      = iface + "[interface-id=p1]"
		policy     = "/qos/scheduler-policies/scheduler-policy"
		inputs     = policy + "[name=s]/schedulers/scheduler[sequence=1]/inputs/input[id=a]/config "
		transport  = "/terms/term/conditions/transport/config/"
		term       = classifier + "[name=c]/terms/term[id=1]"
	)
	ipv4 := "update " + classifier + `[name=c]/config {"type":"IPV4"}`
	queue := "update /qos/queues/queue[name=q]/config {}"
	return map[string][]string{
		"leafref " + classifier + "/terms/term/actions/config/target-group":         {ipv4, "update " + term + `/actions/config {"target-group":"nowhere"}`},
		"leafref /qos/forwarding-groups/forwarding-group/config/output-queue":       {`update /qos/forwarding-groups/forwarding-group[name=g]/config {"output-queue":"nowhere"}`},
		"leafref " + iface + "/input/classifiers/classifier/config/name":            {port("p1"), "update " + entry + `/input/classifiers/classifier[type=IPV4]/config {"name":"nowhere"}`},
		"leafref " + iface + "/input/config/classifier":                             {port("p1"), "update " + entry + `/input/config {"classifier":"nowhere"}`},
		"leafref " + iface + "/input/queues/queue/config/queue-management-profile":  {port("p1"), "update " + entry + `/input/queues/queue[name=q]/config {"queue-management-profile":"nowhere"}`},
		"leafref " + iface + "/input/scheduler-policy/config/name":                  {port("p1"), "update " + entry + `/input/scheduler-policy/config {"name":"nowhere"}`},
		"leafref " + iface + "/interface-ref/config/interface":                      {"update " + entry + `/interface-ref/config {"interface":"nowhere"}`},
		"leafref " + iface + "/output/queues/queue/config/queue-management-profile": {port("p1"), "update " + entry + `/output/queues/queue[name=q]/config {"queue-management-profile":"nowhere"}`},
		"leafref " + iface + "/output/scheduler-policy/config/name":                 {port("p1"), "update " + entry + `/output/scheduler-policy/config {"name":"nowhere"}`},
		"leafref " + policy + "/config/default-queue":                               {queue, "update " + inputs + `{"input-type":"QUEUE","queue":"q"}`, "update " + policy + `[name=s]/config {"default-queue":"nowhere"}`},
		"leafref " + policy + "/schedulers/scheduler/inputs/input/config/queue":     {"update " + inputs + `{"input-type":"QUEUE","queue":"nowhere"}`},
		"when " + policy + "/schedulers/scheduler/inputs/input/config/queue":        {queue, "update " + inputs + `{"queue":"q"}`},
		"when " + classifier + transport + "explicit-detail-match-mode":             {ipv4, "update " + term + `/conditions/transport/config {"explicit-detail-match-mode":"ALL"}`},
		"when " + classifier + transport + "explicit-tcp-flags":                     {ipv4, "update " + term + `/conditions/transport/config {"explicit-tcp-flags":["TCP_SYN"]}`},
	}
}
