package property

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
)

// links are the cables between the switch's namespace and another one: cable
// n goes from p<n> to far<n>.
type links struct {
	sw, far *topology.Namespace
	mu      sync.Mutex // held while something is done to a cable
	rand    *rand.Rand
	// names are what the ends at the switch are called now, "" for a cable that
	// is not there.
	names [4]string
	// made says which interfaces nobody has renamed since they were made, and
	// with which address.
	made map[string]string

	end  chan struct{}
	done chan error
}

// newLinks lays the cables.
func newLinks(sw, far *topology.Namespace, seed uint64) (*links, error) {
	l := &links{sw: sw, far: far, rand: rand.New(rand.NewPCG(seed, 7)), made: map[string]string{}}
	for i := range l.names {
		if err := l.lay(i); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// lay makes a cable. Its end at the switch is down until the element wants it
// up: what is done to it by hand would count as somebody else's wish.
func (l *links) lay(i int) error {
	name := fmt.Sprintf("p%d", i)
	if err := topology.Cable(topology.End{Namespace: l.sw, Name: name, Down: true}, topology.End{Namespace: l.far, Name: fmt.Sprintf("far%d", i)}); err != nil {
		return err
	}
	link, err := l.sw.Link(name)
	if err != nil {
		return err
	}
	l.names[i], l.made[name] = name, link.Attrs().HardwareAddr.String()
	return nil
}

// disturb begins to do something to a cable every few milliseconds.
func (l *links) disturb() {
	l.end, l.done = make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-l.end:
				l.done <- nil
				return
			case <-time.After(time.Duration(1+l.rand.IntN(40)) * time.Millisecond):
			}
			if err := l.step(); err != nil {
				l.done <- err
				return
			}
		}
	}()
}

// rest ends what disturb began.
func (l *links) rest() error {
	close(l.end)
	return <-l.done
}

// step does one thing to one cable.
func (l *links) step() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.rand.IntN(len(l.names))
	far := fmt.Sprintf("far%d", i)
	switch {
	case l.names[i] == "":
		return l.lay(i)
	case l.rand.IntN(12) == 0:
		name := l.names[i]
		delete(l.made, name)
		l.names[i] = ""
		return l.sw.DeleteLink(name)
	case l.rand.IntN(12) == 0:
		return l.rename(i)
	}
	return l.far.SetUp(far, l.rand.IntN(2) == 0)
}

// rename gives a cable's end the name p4, where no other one has it, or its
// own name back.
func (l *links) rename(i int) error {
	own, now := fmt.Sprintf("p%d", i), l.names[i]
	to := own
	if now == own {
		to = "p4"
		for _, name := range l.names {
			if name == to {
				return nil
			}
		}
	}
	delete(l.made, now)
	l.names[i] = to
	return l.sw.Rename(now, to)
}
