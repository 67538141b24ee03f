package datapath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/reconcile"
)

const (
	// expedited asks the kernel to end RCU grace periods at once, at the price
	// of interrupting all CPUs (kernel/rcu/update.c). It is the whole host's.
	expedited = "/sys/kernel/rcu_expedited"
	// expediteFrom is the number of programs to attach or detach from which
	// that is worth while: each waits for a grace period, some 10 ms.
	expediteFrom = 16
	// hurryAgain is how often the setting is looked at meanwhile.
	hurryAgain = 20 * time.Millisecond
)

// hurry shortens the kernel's grace periods for as long as many programs are
// attached or detached. A mark beside the record outlives a kill, so that the
// next instance gives the host's setting back.
type hurry struct {
	setting string // expedited, but in tests
	mark    string
}

func newHurry(stateDir string) hurry {
	return hurry{setting: expedited, mark: filepath.Join(stateDir, "rcu-expedited")}
}

// begin hurries the kernel and gives what ends it. Where the host hurries
// already, or can't, nothing is done. The setting is looked at from time to
// time: another element of the host may have hurried, and have ended.
func (h hurry) begin() (end func() error) {
	h.take()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(hurryAgain)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				h.take()
			}
		}
	}()
	return func() error {
		close(quit)
		<-done
		return h.restore()
	}
}

// take hurries the kernel where nobody does.
func (h hurry) take() {
	now, err := os.ReadFile(h.setting)
	if err != nil || strings.TrimSpace(string(now)) != "0" {
		return
	}
	if os.WriteFile(h.mark, nil, 0o600) != nil || os.WriteFile(h.setting, []byte("1"), 0) != nil {
		_ = os.Remove(h.mark)
	}
}

// restore gives the host's setting back where a mark says that it is ours.
func (h hurry) restore() error {
	if _, err := os.Stat(h.mark); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.WriteFile(h.setting, []byte("0"), 0); err != nil {
		return fmt.Errorf("end the hurry of the kernel's grace periods: %w", err)
	}
	return os.Remove(h.mark)
}

// sync brings the touched keys of all tables to what is wanted (tables.sync),
// many programs at the kernel's best speed, and lets be announced what moved.
func (d *Datapath) sync(undo *reconcile.Undo) error {
	was := d.announcing()
	err := d.syncFast(undo)
	if err == nil {
		d.announceMoves(was)
	}
	return err
}

func (d *Datapath) syncFast(undo *reconcile.Undo) error {
	between := func() error {
		d.dismiss()
		d.emptyQueues()
		return d.purge()
	}
	if d.attachmentsDue() < expediteFrom {
		return d.tables.sync(d.model, undo, between)
	}
	end := d.hurry.begin()
	err := d.tables.sync(d.model, undo, between)
	if ended := end(); ended != nil {
		d.log.Warn("the host keeps a setting of ours", "error", ended)
	}
	return err
}

// attachmentsDue counts the programs to be attached and detached.
func (d *Datapath) attachmentsDue() (n int) {
	for _, index := range slices.Concat(d.model.touched.links.All(), d.model.touched.detourEnds.All()) {
		_, want := d.model.wantAttachment(index)
		if _, have := d.tables.attachments.Get(index); want != have {
			n++
		}
	}
	return n
}
