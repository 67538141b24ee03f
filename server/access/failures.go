package access

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// How often a peer may fail to prove who it is, and how much work that may be.
const (
	failuresAtOnce = 10
	failureEvery   = 2 * time.Second // one more is allowed
	maxPeers       = 4096            // those beyond share one allowance
	maxWaiting     = 256             // checks of passwords that wait their turn
)

// failures bounds what wrong passwords cost: how many each peer may send, and
// how many passwords are checked at a time.
type failures struct {
	turns   chan struct{} // one token for each check that may run
	waiting atomic.Int32

	mu    sync.Mutex // guards the fields below
	peers map[netip.Prefix]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time // when peers were forgotten last
}

func newFailures() *failures {
	f := &failures{
		turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/4)),
		peers: map[netip.Prefix]*rate.Limiter{},
		rest:  newAllowance(),
	}
	for range cap(f.turns) {
		f.turns <- struct{}{}
	}
	return f
}

func newAllowance() *rate.Limiter { return rate.NewLimiter(rate.Every(failureEvery), failuresAtOnce) }

// may reports whether a peer has failed so seldom that it is looked at.
func (f *failures) may(peer netip.Prefix, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.peers[peer]
	switch {
	case l == nil && len(f.peers) < maxPeers:
		return true
	case l == nil:
		l = f.rest
	}
	return l.TokensAt(now) >= 1
}

// failed counts a failure of a peer.
func (f *failures) failed(peer netip.Prefix, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.peers[peer]
	if l == nil && len(f.peers) >= maxPeers && now.Sub(f.swept) >= failureEvery {
		f.forget(now)
	}
	switch {
	case l == nil && len(f.peers) >= maxPeers:
		l = f.rest
	case l == nil:
		l = newAllowance()
		f.peers[peer] = l
	}
	l.AllowN(now, 1)
}

// forget takes out the peers that have their whole allowance again. The caller
// holds mu.
func (f *failures) forget(now time.Time) {
	f.swept = now
	for peer, l := range f.peers {
		if l.TokensAt(now) >= failuresAtOnce {
			delete(f.peers, peer)
		}
	}
}

// turn waits for a turn to check a password; done gives it back.
func (f *failures) turn(ctx context.Context) (done func(), err error) {
	defer f.waiting.Add(-1)
	if f.waiting.Add(1) > maxWaiting {
		return nil, ErrThrottled
	}
	select {
	case token := <-f.turns:
		return func() { f.turns <- token }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// peerPrefix is what counts as one peer: an IPv4 address, or the /64 of an
// IPv6 address, which one host can have all of. Addresses of other kinds are
// one peer together.
func peerPrefix(addr net.Addr) netip.Prefix {
	internet, ok := addr.(interface{ AddrPort() netip.AddrPort }) // *net.TCPAddr, or a collector's
	if !ok {
		return netip.Prefix{}
	}
	ip := internet.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
