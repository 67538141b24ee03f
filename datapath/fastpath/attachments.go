package fastpath

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attachment is the program at the tcx ingress of one interface.
type Attachment struct {
	// Current is false where an earlier process's program is attached: it works
	// on the same maps, and Put replaces it without losing a frame.
	Current bool
}

// Attachments is the table of the interfaces that the program is attached to,
// by ifindex.
type Attachments struct{ o *Objects }

// Attachments is the table of attached programs.
func (o *Objects) Attachments() Attachments { return Attachments{o} }

// List looks at every link and forgets those whose interface has gone.
func (t Attachments) List() (map[uint32]Attachment, error) {
	all := make(map[uint32]Attachment, len(t.o.links))
	for ifindex, l := range t.o.links {
		at, program, err := linkInfo(l)
		if err != nil {
			return nil, fmt.Errorf("attachment to interface %d: %w", ifindex, err)
		}
		if at != ifindex {
			if err := t.Delete(ifindex); err != nil {
				return nil, err
			}
			continue
		}
		all[ifindex] = Attachment{Current: program == t.o.current}
	}
	return all, nil
}

// Put attaches the current program to an interface, or replaces the program
// that is attached. The value is always taken as Current.
func (t Attachments) Put(ifindex uint32, _ Attachment) error {
	if l, ok := t.o.links[ifindex]; ok {
		if at, _, err := linkInfo(l); err == nil && at == ifindex {
			if err := l.Update(t.o.program); err != nil {
				return fmt.Errorf("replace program at interface %d: %w", ifindex, err)
			}
			return nil
		}
		if err := t.Delete(ifindex); err != nil {
			return err
		}
	}
	l, err := link.AttachTCX(link.TCXOptions{
		Interface: int(ifindex), Program: t.o.program, Attach: ebpf.AttachTCXIngress,
	})
	if err != nil {
		return withRemedy(fmt.Errorf("attach program to interface %d: %w", ifindex, err))
	}
	if err := l.Pin(t.path(ifindex)); err != nil {
		return errors.Join(fmt.Errorf("pin link of interface %d: %w", ifindex, err), l.Close())
	}
	t.o.links[ifindex] = l
	return nil
}

// Delete detaches the program from an interface; what is not attached is no
// error. When it returns, the host has the interface's frames again.
func (t Attachments) Delete(ifindex uint32) error {
	l, ok := t.o.links[ifindex]
	if !ok {
		return nil
	}
	if err := detach(l); err != nil {
		return fmt.Errorf("detach from interface %d: %w", ifindex, err)
	}
	if err := os.Remove(t.path(ifindex)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("unpin link of interface %d: %w", ifindex, err)
	}
	delete(t.o.links, ifindex)
	return l.Close()
}

func (t Attachments) path(ifindex uint32) string {
	return filepath.Join(t.o.dir, linkDir, strconv.FormatUint(uint64(ifindex), 10))
}

// detach takes the program off at once; unpinning alone does so later.
func detach(l link.Link) error {
	err := l.Detach()
	if errors.Is(err, unix.ENOLINK) || errors.Is(err, unix.ENODEV) {
		return nil // the interface has gone
	}
	return err
}

// linkInfo is the interface that a link is attached to, 0 where it has gone,
// and its program.
func linkInfo(l link.Link) (uint32, ebpf.ProgramID, error) {
	info, err := l.Info()
	if err != nil {
		return 0, 0, err
	}
	tcx := info.TCX()
	if tcx == nil {
		return 0, 0, fmt.Errorf("link of type %d is no tcx link", info.Type)
	}
	return tcx.Ifindex, info.Program, nil
}
