package main

// row is one thing that a gNMI target must do. Tests name it by its number.
type row struct {
	number int
	area   string
	says   string
	lacks  string // what of it is not proved, where its tests leave something out
}

// rows are all, in their order on the page.
func rows() []row {
	var all []row
	add := func(area string, of ...row) {
		for _, r := range of {
			r.area = area
			all = append(all, r)
		}
	}
	add("Capabilities and Get", reading()...)
	add("Set", writing()...)
	add("Subscribe", subscribing()...)
	add("Transport and access", reaching()...)
	return all
}

func reading() []row {
	return []row{
		{number: 1, says: "Capabilities tells models with organisation and version, encodings, the version 0.10.0, and the extensions"},
		{number: 2, says: "One Notification for each path; nothing there, not in the schema, and not supported are told apart by their codes"},
		{number: 3, says: "The types ALL, CONFIG, STATE and OPERATIONAL, on containers, lists and leaves"},
		{number: 4, says: "JSON, JSON_IETF, PROTO and ASCII for each YANG type; another encoding is UNIMPLEMENTED"},
		{number: 5, says: "`use_models` gives those modules only; an unknown one is named"},
		{number: 6, says: "Prefix and path are joined; the target is echoed when it was sent; no origin in both"},
		{number: 7, says: "Wildcards: a name, a key, left out keys, `...`, some keys of several"},
		{number: 8, says: "The depth extension on Get and Subscribe; an error elsewhere"},
		{number: 9, says: "An answer that is too large is RESOURCE_EXHAUSTED and says how to get it; Subscribe ONCE streams it in pieces",
			lacks: "the element cannot know a client's own limit; the client tells that one"},
	}
}

func writing() []row {
	return []row{
		{number: 10, says: "Delete, replace, update, in that order; a result for each, with path and operation; a timestamp"},
		{number: 11, says: "All or nothing, in tree, kernel and on disk; nobody is told of what is not accepted"},
		{number: 12, says: "Replace gives back defaults and leaves siblings alone; at the root it replaces everything"},
		{number: 13, says: "Delete takes wildcards, and what is absent; of state it is INVALID_ARGUMENT"},
		{number: 14, says: "An update of a leaf-list adds, a replace replaces"},
		{number: 15, says: "JSON, JSON_IETF, scalars, leaf-lists and ASCII; keys that conflict or lack, and unknown fields, name the path"},
		{number: 16, says: "One table of codes; a message has the path and the reason, also as google.rpc.BadRequest"},
		{number: 17, says: "`union_replace`, across origins, with no other operation beside it"},
		{number: 18, says: "The origin `signalbox_cli`: configuration as commands, in the same transaction"},
		{number: 19, says: "Confirmed commits: confirm, cancel, a new deadline; the deadline outlives a restart"},
		{number: 20, says: "Master arbitration for each role"},
		{number: 21, says: "An empty Set is fine; writes of state are not; the models' constraints hold"},
		{number: 22, says: "Sets at the same time come one after the other; 10,000 leaves are one transaction"},
	}
}

func subscribing() []row {
	return []row{
		{number: 23, says: "ONCE: everything, the sync, the end with OK"},
		{number: 24, says: "POLL: everything and a sync, at first and at each poll"},
		{number: 25, says: "ON_CHANGE for each leaf that changes by an event; heartbeats"},
		{number: 26, says: "SAMPLE from 100 ms up, `suppress_redundant`, heartbeats, the time at which a value was read"},
		{number: 27, says: "TARGET_DEFINED: counters are sampled, the rest is told on change"},
		{number: 28, says: "`updates_only`: the sync comes first"},
		{number: 29, says: "One delete for what went; a leaf that returns to its default is an update"},
		{number: 30, says: "A path that holds nothing yet stays open; an unknown or unsupported one is refused"},
		{number: 31, says: "A second list, a poll on a stream, a list without subscriptions are refused"},
		{number: 32, says: "A slow reader has a bounded queue, coalesced, with `duplicates`; past the bound it is ended, others see nothing of it; queues and what was sent are telemetry"},
		{number: 33, says: "Containers that models mark as atomic; aggregation", lacks: "the one Notification that Get has for each path is atomic where it tells of no more than one container"},
		{number: 34, says: "The config subscription extension: the end of each commit is told"},
		{number: 35, says: "The history extension: a snapshot and a range of time, from a bounded journal", lacks: "counters, gauges and tables, which are read when asked for, are not kept"},
		{number: 36, says: "Each wildcard in each mode; several subscriptions in a list; a prefix with a target"},
		{number: 37, says: "Subscribers of the same at the same interval share one read and one encoding"},
	}
}

func reaching() []row {
	return []row{
		{number: 40, says: "TLS 1.3, 1.2 where allowed, a certificate made at the first start, client certificates, plain text only on loopback"},
		{number: 41, says: "Users and passwords, hashed; failures are slowed down; identities of certificates"},
		{number: 42, says: "Who may call what, and read and write which paths; broken rules let nobody in"},
		{number: 43, says: "Reflection, health, and pings as often as each second"},
		{number: 44, says: "Dial-out through grpctunnel"},
		{number: 45, says: "A record of each write and each refused call"},
	}
}
