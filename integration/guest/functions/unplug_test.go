package functions

import (
	"os"
	"testing"
)

// TestUnplug pulls the cable of a physical function, then the device itself, and
// brings each back.
func TestUnplug(t *testing.T) {
	r := newRig(t)
	ok(t, r.replace(pf, config(2), full(0), full(1)))
	r.step("cable", func(t *testing.T) {
		user := r.netdev(t, pf, 0)
		ok(t, r.ns.SetUp(user, true))
		r.leaf(t, pf, "vfs/vf[id=0]/state/link-up", "true")
		monitor(t, `{"execute":"set_link","arguments":{"name":"igb0","up":false}}`)
		r.leafOf(t, "/interfaces/interface[name="+pf+"]/state/oper-status", "DOWN")
		r.leaf(t, pf, "state/pending-action", "NONE") // what is set stays set
		for id := range 2 {
			r.has(t, pf, id, fullText(id))
		}
		monitor(t, `{"execute":"set_link","arguments":{"name":"igb0","up":true}}`)
		r.leafOf(t, "/interfaces/interface[name="+pf+"]/state/oper-status", "UP")
		ok(t, r.ns.SetUp(user, false))
	})
	r.step("device", func(t *testing.T) {
		monitor(t, `{"execute":"device_del","arguments":{"id":"igb0"}}`)
		r.within(t, func() error {
			if _, err := os.Stat("/sys/class/net/" + pf); err == nil {
				return errStill
			}
			return nil
		})
		r.leaf(t, pf, "state/pending-action", "WAIT_FOR_INTERFACE")
		r.leafOf(t, "/interfaces/interface[name="+pf+"]/state/oper-status", "NOT_PRESENT")
		monitor(t, `{"execute":"device_add","arguments":{"driver":"igb","id":"igb0","netdev":"n0","bus":"rp0","mac":"52:54:00:aa:00:01","romfile":""}}`)
		r.leafOf(t, "/interfaces/interface[name="+pf+"]/state/oper-status", "UP")
		for id := range 2 {
			r.has(t, pf, id, fullText(id))
		}
		r.leaf(t, pf, "state/pending-action", "NONE")
	})
}
