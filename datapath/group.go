package datapath

import (
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/netdev"
)

// A PDU that finds a queue full is sent again so often, after such a time.
const fullTries, fullWait = 3, 5 * time.Millisecond

// groupPort is where a protocol is spoken: a socket at an interface.
type groupPort struct {
	index  uint32
	socket *netdev.GroupSocket
	failed string // what was last said of it
}

// send puts a PDU on the wire. What fails is said once; a queue that is full may
// have room a moment later.
func (p *groupPort) send(log *slog.Logger, protocol, name string, pdu []byte) error {
	err := p.socket.Send(pdu)
	for i := 0; i < fullTries && errors.Is(err, unix.ENOBUFS); i++ {
		time.Sleep(fullWait)
		err = p.socket.Send(pdu)
	}
	text := ""
	if err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENXIO) {
		text = err.Error()
	}
	if text != p.failed && text != "" {
		log.Warn(protocol+": a PDU was not sent", "interface", name, "error", err)
	}
	p.failed = text
	return err
}

// inSteps calls step whenever it is woken, and when step said that something
// is due again (zero: never), until quit is closed. It closes done then.
func inSteps(quit, wake <-chan struct{}, done chan<- struct{}, step func(now time.Time) (next time.Time)) {
	defer close(done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-quit:
			return
		case <-wake:
		case <-timer.C:
		}
		if next := step(time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// closeSockets closes what is no longer spoken at. Errors are only said.
func closeSockets(log *slog.Logger, protocol string, sockets []*netdev.GroupSocket) {
	for _, s := range sockets {
		if err := s.Close(); err != nil {
			log.Warn(protocol, "error", err)
		}
	}
}
