package property

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	seedVariable = "SIGNALBOX_PROPERTY_SEED"
	timeVariable = "SIGNALBOX_PROPERTY_TIME"
	// usualTime is how long a run lasts in make test.
	usualTime = 25 * time.Second
	// soon bounds what must come to be; a busy machine, and the kernel, which
	// tells of a carrier up to a second late, have room in it.
	soon = 10 * time.Second
	// between two looks at a condition.
	between = 20 * time.Millisecond
)

// run is one run of the property test.
type run struct {
	*testing.T
	*element.Process
	options element.Options
	dice    *dice
	links   *links
	files   *files
	model   tree
	// collector follows everything; nil while no element runs.
	collector *collector
	// last are the operations that were sent last.
	last []operation

	accepted, refused, restarts, checks int
}

func TestG11_G17_G25_RandomSetsAgainstTheSpecification(t *testing.T) {
	testenv.NeedRoot(t)
	seed, lasts := settings(t)
	t.Logf("seed %d, set %s to repeat it", seed, seedVariable)
	binary, err := testenv.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &run{T: t, dice: newDice(seed), model: tree{}}
	r.options = element.Options{Binary: binary, Namespace: testenv.Namespace(t), StateDir: t.TempDir(), Insecure: true}
	r.files = &files{models: r.dice.models, folder: r.options.StateDir}
	r.links, err = newLinks(r.options.Namespace, testenv.Namespace(t), seed)
	r.ok(err)
	r.start()
	defer r.finish()
	for deadline := time.Now().Add(lasts); time.Now().Before(deadline); {
		r.links.disturb()
		for n := 400 + r.dice.IntN(400); n > 0 && time.Now().Before(deadline); n-- {
			r.transaction()
		}
		if r.dice.one(2) {
			r.restart()
		}
		r.ok(r.links.rest())
		r.settled()
	}
	r.Logf("%d transactions accepted and %d refused, %d restarts, %d times everything compared", r.accepted, r.refused, r.restarts, r.checks)
	if r.accepted < (r.accepted+r.refused)/5 || r.refused < (r.accepted+r.refused)/10 {
		t.Error("nearly all of one kind: the test tests little")
	}
}

// settings are those of the environment.
func settings(t *testing.T) (seed uint64, lasts time.Duration) {
	t.Helper()
	seed, lasts = uint64(time.Now().UnixNano()), usualTime
	var err error
	if text := os.Getenv(seedVariable); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	if text := os.Getenv(timeVariable); text != "" {
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", timeVariable, err)
		}
	}
	return seed, lasts
}

// ok ends the run at an error, with what was sent last.
func (r *run) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v\nafter %d transactions; the last one:\n%s", err, r.accepted+r.refused, describe(r.last))
	}
}

func (r *run) start() {
	r.Helper()
	var err error
	r.Process, err = element.Start(r.Context(), r.options)
	r.ok(err)
	r.collector, err = subscribe(r.Context(), r.Client)
	r.ok(err)
}

// finish takes the element off the host.
func (r *run) finish() {
	if r.Failed() {
		r.Logf("the element's log:\n%s", tail(r.Log(), 40))
	}
	r.collector.close()
	_ = r.Process.Stop() // it may have ended before
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := element.Flush(ctx, r.options.Binary, r.options.Namespace); err != nil {
		r.Errorf("flush: %v", err)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// transaction makes one random Set, and compares everything with the model.
func (r *run) transaction() {
	r.Helper()
	operations, prefix := r.dice.transaction(r.model)
	r.last = operations
	next, faults := carryOut(r.dice.models, r.model, operations)
	req := request(operations, prefix)
	answer, err := r.Set(r.Context(), req)
	r.answered(err, faults)
	before := r.model
	if err == nil {
		r.accepted++
		r.model = next
		r.ok(checkResults(answer, results(operations, prefix), req.GetPrefix()))
	} else {
		r.refused++
	}
	r.got()
	r.onDisk()
	if err == nil {
		r.told(before)
	}
}

// answered holds the answer to a Set against what the model found wrong with
// it.
func (r *run) answered(err error, faults faults) {
	r.Helper()
	code := status.Code(err)
	_, expected := faults[code]
	if expected || err == nil && len(faults) == 0 {
		return
	}
	r.Fatalf("answer %v %v, want %v\nafter %d transactions\n%s", code, err, faults, r.accepted+r.refused, describe(r.last))
}

// checkResults compares the results of a Set, in their order.
func checkResults(answer *gpb.SetResponse, want []string, prefix *gpb.Path) error {
	var got []string
	for _, r := range answer.GetResponse() {
		got = append(got, r.GetOp().String()+" "+fromProto(r.GetPath()).String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		return fmt.Errorf("results %q, want %q", got, want)
	}
	if answer.GetTimestamp() == 0 || answer.GetPrefix().GetTarget() != prefix.GetTarget() {
		return fmt.Errorf("timestamp %d, prefix %v, want that of %v", answer.GetTimestamp(), answer.GetPrefix(), prefix)
	}
	return nil
}

// got compares what Get gives of the configuration.
func (r *run) got() {
	r.Helper()
	got, err := r.configuration()
	r.ok(err)
	if diff := difference(r.model.seen(r.dice.models), got); diff != "" {
		r.ok(errors.New("Get of the configuration:\n" + diff))
	}
}

// configuration is what Get gives of it, in one of the encodings.
func (r *run) configuration() (tree, error) {
	req := &gpb.GetRequest{Path: []*gpb.Path{{}}, Type: gpb.GetRequest_CONFIG,
		Encoding: pick(r.dice, gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO, gpb.Encoding_ASCII)}
	return get(r.Context(), r.Client, r.dice.models, req)
}

// get makes a Get and gives the leaves of its answer; none of them is no
// error. What is in JSON must be of the models.
func get(ctx context.Context, c *element.Client, models *node, req *gpb.GetRequest) (tree, error) {
	answer, err := c.Get(ctx, req)
	if status.Code(err) == codes.NotFound {
		return tree{}, nil
	}
	all := tree{}
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			at := fromProto(n.GetPrefix(), u.GetPath())
			text := u.GetVal().GetJsonIetfVal()
			if text == nil {
				text = u.GetVal().GetJsonVal()
			}
			if text == nil {
				value, err := lexical(u.GetVal())
				if err != nil {
					return nil, fmt.Errorf("%s: %w", at, err)
				}
				all[at.String()] = value
				continue
			}
			doc, err := decode(text)
			if err == nil {
				err = flatten(models, at, doc, all)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", at, err)
			}
		}
	}
	return all, err
}

// onDisk compares the files.
func (r *run) onDisk() {
	r.Helper()
	deadline := time.Now().Add(soon)
	for {
		got, err := r.files.read()
		if errors.Is(err, errBetween) && time.Now().Before(deadline) {
			time.Sleep(between)
			continue
		}
		r.ok(err)
		if diff := difference(r.model, got); diff != "" {
			r.ok(errors.New("the files:\n" + diff))
		}
		return
	}
}

// told waits until the collector has the configuration, and wants it to have
// been told of what changed, and of nothing else.
func (r *run) told(before tree) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), soon)
	defer cancel()
	want, was := r.model.seen(r.dice.models).configured(), before.seen(r.dice.models)
	r.ok(r.collector.until(ctx, func(have tree) string {
		return difference(want, have.configured())
	}))
	touched, idle := r.collector.take()
	for leaf := range touched {
		if strings.Contains(leaf, "/mac-table/") {
			continue // it is told anew as a whole where changes of it were missed
		}
		_, is := want[leaf]
		if _, had := was[leaf]; is == had && want[leaf] == was[leaf] {
			idle = append(idle, "told, and did not change: "+leaf+" = "+want[leaf])
		}
	}
	if len(idle) > 0 {
		r.ok(fmt.Errorf("the subscriber was told what is no news:\n  %s", strings.Join(idle, "\n  ")))
	}
}

// configured are the leaves of the configuration, without those of keys.
func (t tree) configured() tree {
	own := tree{}
	for leaf, value := range t {
		if configured(leaf) {
			own[leaf] = value
		}
	}
	return own
}

// restart ends the element, sometimes in the middle of a Set, and starts it
// again.
func (r *run) restart() {
	r.Helper()
	r.restarts++
	switch r.dice.IntN(3) {
	case 0:
		r.ok(r.Stop())
	case 1:
		r.ok(r.Kill())
	default:
		r.killed()
		return
	}
	r.collector.close()
	r.start()
	r.got()
	r.onDisk()
}

// killed kills the element at any moment of a Set, which then was made or was
// not; one that was answered was made.
func (r *run) killed() {
	r.Helper()
	operations, prefix := r.dice.transaction(r.model)
	r.last = operations
	next, faults := carryOut(r.dice.models, r.model, operations)
	answered := make(chan error, 1)
	go func() {
		_, err := r.Set(r.Context(), request(operations, prefix))
		answered <- err
	}()
	time.Sleep(time.Duration(r.dice.IntN(3000)) * time.Microsecond) // any moment will do
	r.ok(r.Kill())
	err := <-answered
	r.collector.close()
	r.start()
	got, failed := r.configuration()
	r.ok(failed)
	if len(faults) == 0 && (err == nil || difference(r.model.seen(r.dice.models), got) != "") {
		r.model = next
	}
	r.got()
	r.onDisk()
}

// settled waits, while nothing happens, until state is what follows from the
// configuration and the interfaces, the kernel has what is configured, and the
// collector has what Get gives.
func (r *run) settled() {
	r.Helper()
	r.checks++
	r.files.journal = nil // read all of it again
	r.onDisk()
	r.within(func() (string, error) { return r.model.kernel(r.options.Namespace, r.links.made) })
	r.within(func() (string, error) {
		want, err := r.model.observed(r.options.Namespace)
		if err != nil {
			return "", err
		}
		got, err := r.state(false)
		return difference(want, got), err
	})
	r.within(func() (string, error) {
		want, err := r.state(true)
		return difference(want.lasting(), r.collector.copy().lasting()), err
	})
}

// within waits until a comparison finds no difference.
func (r *run) within(compare func() (string, error)) {
	r.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(between) {
		diff, err := compare()
		r.ok(err)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			r.ok(fmt.Errorf("still different after %s:\n%s", soon, diff))
		}
	}
}

// state is what Get gives: of everything, or of the leaves of interfaces and
// network instances that the test knows.
func (r *run) state(everything bool) (tree, error) {
	if everything {
		return get(r.Context(), r.Client, r.dice.models, &gpb.GetRequest{Path: []*gpb.Path{{}}, Encoding: gpb.Encoding_PROTO})
	}
	all := tree{}
	for _, top := range []string{"/interfaces", "/network-instances"} { // either may hold nothing
		req := &gpb.GetRequest{Path: []*gpb.Path{parse(top).proto()}, Type: gpb.GetRequest_STATE, Encoding: gpb.Encoding_PROTO}
		got, err := get(r.Context(), r.Client, r.dice.models, req)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, got)
	}
	maps.DeleteFunc(all, func(leaf, _ string) bool { return unchecked(leaf) })
	return all, nil
}

// lasting are the leaves whose values do not go on by themselves; of the
// others only that they are there.
func (t tree) lasting() tree {
	out := tree{}
	for leaf, value := range t {
		switch {
		case strings.HasPrefix(leaf, "/interfaces/interface[name=lo]/state/counters/"), strings.HasPrefix(leaf, "/system/processes/"), strings.HasPrefix(leaf, "/system/cpus/"), strings.HasPrefix(leaf, "/system/memory/"),
			strings.Contains(leaf, "/utilization/"), strings.Contains(leaf, "/subscriptions/"), strings.Contains(leaf, "/rates/state/"),
			leaf == "/system/state/current-datetime", leaf == "/system/state/up-time":
			value = "it is there"
		}
		out[leaf] = value
	}
	return out
}
