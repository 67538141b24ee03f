package config

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/signalbox/signalbox/server/config/journal"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
)

// with adds a commit extension.
func with(req *gpb.SetRequest, c *gnmi_ext.Commit) *gpb.SetRequest {
	req.Extension = append(req.Extension, &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_Commit{Commit: c}})
	return req
}

func begin(id string, rollback time.Duration) *gnmi_ext.Commit {
	r := &gnmi_ext.CommitRequest{}
	if rollback != 0 {
		r.RollbackDuration = durationpb.New(rollback)
	}
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Commit{Commit: r}}
}

func confirm(id string) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Confirm{}}
}

func cancel(id string) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Cancel{}}
}

func reset(id string, rollback *durationpb.Duration) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_SetRollbackDuration{
		SetRollbackDuration: &gnmi_ext.CommitSetRollbackDuration{RollbackDuration: rollback},
	}}
}

func (e *element) send(t *testing.T, req *gpb.SetRequest) {
	t.Helper()
	if _, err := e.Set(context.Background(), req); err != nil {
		t.Fatal(err)
	}
}

// pendingID is the id of the commit that waits, "" for none.
func (e *element) pendingID(t *testing.T) string {
	t.Helper()
	if err := e.take(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() { e.turn <- struct{}{} }()
	if e.pending == nil {
		return ""
	}
	return e.pending.id
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// begun is an element with a configuration and another one that waits for its
// confirmation, and what both look like.
func begun(t *testing.T, rollback time.Duration, adjust ...func(*Options)) (e *element, before, after string) {
	t.Helper()
	e = open(t, t.TempDir(), adjust...)
	e.set(t, port("p1"), port("p2"), l2, "update "+p1+"/config/mtu 1400", "update "+p1sw+`/interface-mode "TRUNK"`, "update "+p1sw+`/trunk-vlans [10,"20..30"]`)
	before = e.text()
	e.send(t, with(request(t,
		"delete /interfaces/interface[name=p2]", "delete "+p1+"/config/mtu", port("p3"), "update "+p1sw+"/trunk-vlans [40]",
		"update "+blue+`/vlans/vlan[vlan-id=10]/config/name "ten"`), begin("c1", rollback)))
	return e, before, e.text()
}

func TestG19_Confirm(t *testing.T) {
	e, _, after := begun(t, 0)
	if length := time.Until(e.pending.deadline); length > 10*time.Minute || length < 9*time.Minute {
		t.Errorf("default rollback duration: %v, want 10 min", length)
	}
	told := len(e.commits)
	e.send(t, with(request(t), confirm("c1")))
	if e.pendingID(t) != "" || e.text() != after || len(e.commits) != told {
		t.Errorf("after confirm: pending %q, told %d more times, tree %s", e.pendingID(t), len(e.commits)-told, cmp.Diff(after, e.text()))
	}
	e.set(t, "update "+p1+"/config/mtu 1500")
	want := e.text()
	if again := reopen(t, e); again.text() != want || again.pendingID(t) != "" {
		t.Errorf("after a restart: pending %q, %s", again.pendingID(t), cmp.Diff(want, again.text()))
	}
}

func TestG19_CancelTakesBackEverywhere(t *testing.T) {
	e, before, _ := begun(t, time.Hour)
	if last := e.commits[len(e.commits)-1]; last.ConfirmID != "c1" || last.ID == 0 {
		t.Errorf("told commit %d %q, want one of c1", last.ID, last.ConfirmID)
	}
	e.send(t, with(request(t), cancel("c1")))
	if e.pendingID(t) != "" || e.text() != before {
		t.Errorf("after cancel: pending %q, %s", e.pendingID(t), cmp.Diff(before, e.text()))
	}
	last := e.commits[len(e.commits)-1]
	if last.ConfirmID != "c1" || len(last.Updates) == 0 || len(last.Deletes) == 0 {
		t.Errorf("told of the rollback: %+v", last)
	}
	again := reopen(t, e)
	if again.text() != before {
		t.Errorf("after a restart: %s", cmp.Diff(before, again.text()))
	}
	if diff := cmp.Diff(again.device.wanted(), e.device.wanted()); diff != "" {
		t.Errorf("the datapath after cancel: %s", diff)
	}
}

func TestG19_DeadlineRollsBack(t *testing.T) {
	e, before, _ := begun(t, time.Hour)
	e.send(t, with(request(t), reset("c1", durationpb.New(time.Millisecond))))
	until(t, "rollback", func() bool { return e.pendingID(t) == "" })
	if e.text() != before {
		t.Errorf("after the deadline: %s", cmp.Diff(before, e.text()))
	}
	e.set(t, "update "+p1+"/config/mtu 1500") // all is open again
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.log.String(), "not confirmed in time") {
		t.Errorf("log: %s", e.log)
	}
}

func TestG19_DeadlineAndConfigurationSurvive(t *testing.T) {
	stop := map[string]func(*testing.T, *element) *element{
		"kill":    reopen,
		"restart": func(t *testing.T, e *element) *element { must(t, e.Close()); return open(t, e.dir) },
		"rotation, then kill": func(t *testing.T, e *element) *element {
			must(t, e.rotate())
			return reopen(t, e)
		},
	}
	for name, again := range stop {
		t.Run(name+" before the deadline", func(t *testing.T) {
			e, before, after := begun(t, time.Hour)
			deadline := e.pending.deadline
			e = again(t, e)
			if e.pendingID(t) != "c1" || e.text() != after || !e.pending.deadline.Equal(deadline) {
				t.Fatalf("pending %q at %v, want c1 at %v; %s", e.pendingID(t), e.pending.deadline, deadline, cmp.Diff(after, e.text()))
			}
			_, err := e.Set(context.Background(), request(t, port("p9")))
			e.refused(t, err, openconfig.FailedPrecondition, "c1")
			e.send(t, with(request(t), cancel("c1")))
			if e.text() != before {
				t.Errorf("after cancel: %s", cmp.Diff(before, e.text()))
			}
		})
		t.Run(name+" past the deadline", func(t *testing.T) {
			e, before, _ := begun(t, time.Hour)
			past := *e.pending
			past.deadline = time.Now().Add(-time.Second)
			must(t, e.persist(new(tree.Difference), &past, time.Now(), ""))
			e.pending = &past // a rotation notes it
			e = again(t, e)
			if e.pendingID(t) != "" || e.text() != before {
				t.Fatalf("pending %q, %s", e.pendingID(t), cmp.Diff(before, e.text()))
			}
			if e.device.applied != 1 || e.device.wanted().Ports["p3"] != nil {
				t.Errorf("applied %d times, the configuration that was not confirmed too", e.device.applied)
			}
			e = reopen(t, e)
			if e.text() != before || e.pendingID(t) != "" {
				t.Errorf("after another restart: %s", cmp.Diff(before, e.text()))
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestG19_Refused(t *testing.T) {
	var (
		invalid, precondition = openconfig.Invalid, openconfig.FailedPrecondition
		change                = port("p9")
	)
	tests := []struct {
		name    string
		waiting bool // a commit c1 waits for its confirmation
		set     []string
		commit  *gnmi_ext.Commit
		kind    openconfig.Kind
		reason  string
	}{
		{"a Set without the extension meanwhile", true, []string{change}, nil, precondition, "c1"},
		{"a Set of nothing meanwhile", true, nil, nil, precondition, "c1"},
		{"another commit meanwhile", true, []string{change}, begin("c2", 0), precondition, "c1"},
		{"the same commit again", true, []string{change}, begin("c1", 0), precondition, "c1"},
		{"confirm of another", true, nil, confirm("c2"), invalid, "c2"},
		{"cancel of another", true, nil, cancel("c2"), invalid, "c2"},
		{"duration of another", true, nil, reset("c2", durationpb.New(time.Second)), invalid, "c2"},
		{"confirm of none", false, nil, confirm("c1"), precondition, "no commit waits"},
		{"cancel of none", false, nil, cancel("c1"), precondition, "no commit waits"},
		{"duration of none", false, nil, reset("c1", durationpb.New(time.Second)), precondition, "no commit waits"},
		{"commit without id", false, []string{change}, begin("", 0), invalid, "no id"},
		{"confirm without id", true, nil, confirm(""), invalid, "no id"},
		{"no action", true, nil, &gnmi_ext.Commit{Id: "c1"}, invalid, "neither commit"},
		{"duration 0", true, nil, reset("c1", &durationpb.Duration{}), invalid, "more than 0"},
		{"no duration", true, nil, reset("c1", nil), invalid, "more than 0"},
		{"negative duration", true, nil, reset("c1", durationpb.New(-time.Second)), invalid, "negative"},
		{"duration out of range", false, nil, begin("c1", 1), invalid, ""},
		{"confirm that amends", true, []string{change}, confirm("c1"), invalid, "amended"},
		{"a long id", false, nil, begin(strings.Repeat("x", 257), 0), invalid, "257 octets"},
	}
	tests[16].commit.GetCommit().RollbackDuration = &durationpb.Duration{Seconds: 1 << 60}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			if tt.waiting {
				e, _, _ = begun(t, time.Hour)
			}
			want, waits := e.text(), e.pendingID(t)
			req := request(t, tt.set...)
			if tt.commit != nil {
				with(req, tt.commit)
			}
			_, err := e.Set(context.Background(), req)
			e.refused(t, err, tt.kind, tt.reason)
			if e.text() != want || e.pendingID(t) != waits {
				t.Errorf("a refused Set changed something: pending %q, %s", e.pendingID(t), cmp.Diff(want, e.text()))
			}
		})
	}
}

func TestG19_ACommitThatFailsWaitsForNothing(t *testing.T) {
	disk := &faulty{}
	e := open(t, t.TempDir(), func(o *Options) { disk.FS = journal.Dir(o.Dir); o.fs = disk })
	disk.fail = func(op string) error {
		if strings.HasPrefix(op, "write journal") {
			return syscall.ENOSPC
		}
		return nil
	}
	_, err := e.Set(context.Background(), with(request(t, port("p1")), begin("c1", time.Hour)))
	e.refused(t, err, openconfig.Exhausted, "no space")
	if e.pendingID(t) != "" || e.text() != "" {
		t.Errorf("pending %q, tree %s", e.pendingID(t), e.text())
	}
	disk.fail = nil
	e.send(t, with(request(t, port("p1")), begin("c1", time.Hour)))
	disk.fail = func(op string) error {
		if strings.HasPrefix(op, "write journal") {
			return syscall.ENOSPC
		}
		return nil
	}
	_, err = e.Set(context.Background(), with(request(t), confirm("c1")))
	e.refused(t, err, openconfig.Exhausted, "no space")
	if e.pendingID(t) != "c1" {
		t.Error("a confirmation that is not durable was taken")
	}
	disk.fail = nil
}

func TestG19_RollbackIsTriedAgain(t *testing.T) {
	e, before, _ := begun(t, time.Hour)
	refuse := errors.New("not now")
	e.device.mu.Lock()
	e.device.apply = refuse
	e.device.mu.Unlock()
	e.send(t, with(request(t), reset("c1", durationpb.New(time.Millisecond))))
	until(t, "first attempt", func() bool {
		if err := e.take(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer func() { e.turn <- struct{}{} }()
		return strings.Contains(e.log.String(), "cannot be rolled back")
	})
	e.device.mu.Lock()
	e.device.apply = nil
	e.device.mu.Unlock()
	until(t, "second attempt", func() bool { return e.pendingID(t) == "" })
	if e.text() != before {
		t.Errorf("after the rollback: %s", cmp.Diff(before, e.text()))
	}
}

func TestG20_MasterArbitration(t *testing.T) {
	type set struct {
		role      string
		id        *gnmi_ext.Uint128
		extension bool
		kind      openconfig.Kind // of the refusal
		ok        bool
	}
	id := func(high, low uint64) *gnmi_ext.Uint128 { return &gnmi_ext.Uint128{High: high, Low: low} }
	tests := []struct {
		name string
		sets []set
	}{
		{"no arbitration", []set{{ok: true}, {ok: true}}},
		{"the same and a higher master", []set{{"", id(0, 5), true, 0, true}, {"", id(0, 5), true, 0, true}, {"", id(0, 6), true, 0, true}}},
		{"a lower one is denied", []set{{"", id(0, 5), true, 0, true}, {"", id(0, 4), true, openconfig.Denied, false}}},
		{"the high half counts first", []set{{"", id(1, 0), true, 0, true}, {"", id(0, 9), true, openconfig.Denied, false}, {"", id(2, 0), true, 0, true}}},
		{"without an id", []set{{"", nil, true, openconfig.Invalid, false}}},
		{"without the extension once there is a master", []set{{"", id(0, 0), true, 0, true}, {kind: openconfig.Invalid}}},
		{"roles are arbitrated apart", []set{{"a", id(0, 5), true, 0, true}, {"b", id(0, 1), true, 0, true}, {"a", id(0, 4), true, openconfig.Denied, false}, {ok: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			for i, s := range tt.sets {
				req := request(t, port("p1"))
				if s.extension {
					a := &gnmi_ext.MasterArbitration{ElectionId: s.id}
					if s.role != "" {
						a.Role = &gnmi_ext.Role{Id: s.role}
					}
					req.Extension = []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: a}}}
				}
				_, err := e.Set(context.Background(), req)
				if s.ok && err != nil {
					t.Errorf("Set %d: %v", i, err)
				} else if !s.ok {
					e.refused(t, err, s.kind, "election")
				}
			}
		})
	}
}

func TestG20_AMasterCanTellOfItselfMeanwhile(t *testing.T) {
	e, _, _ := begun(t, time.Hour)
	announce := request(t)
	announce.Extension = []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{
		MasterArbitration: &gnmi_ext.MasterArbitration{ElectionId: &gnmi_ext.Uint128{Low: 7}},
	}}}
	e.send(t, announce)
	if e.masters[""] != (electionID{0, 7}) {
		t.Errorf("masters %v", e.masters)
	}
}
