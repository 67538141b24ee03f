package datapath

import "time"

// hold delays what is told and done about a carrier
// (/interfaces/interface/hold-time). The zero value tells "down" and waits for
// nothing.
type hold struct {
	up    bool      // what is told
	since time.Time // when the carrier began to be the other; zero: it is what is told
}

// observe takes what the carrier is now and returns when to look again; zero
// where there is nothing to wait for.
func (h *hold) observe(now time.Time, up bool, waitUp, waitDown time.Duration) time.Time {
	if up == h.up {
		h.since = time.Time{}
		return time.Time{}
	}
	if h.since.IsZero() {
		h.since = now
	}
	wait := waitDown
	if up {
		wait = waitUp
	}
	if due := h.since.Add(wait); now.Before(due) {
		return due
	}
	h.reset(up)
	return time.Time{}
}

// reset tells at once.
func (h *hold) reset(up bool) { *h = hold{up: up} }
