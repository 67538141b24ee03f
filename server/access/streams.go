package access

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// streams are those that are under way.
type streams struct {
	mu  sync.Mutex // guards all
	all map[*stream]struct{}
}

func (s *streams) add(one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[one] = struct{}{}
}

func (s *streams) remove(one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one)
}

// check ends the streams that the rules do not let in as they are any more.
func (s *streams) check(now rules, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.all {
		one.check(now, err)
	}
}

// stream is a stream that was let in.
type stream struct {
	grpc.ServerStream
	ctx  context.Context
	call *call
	end  context.CancelCauseFunc
}

// Context has the call that the stream is.
func (s *stream) Context() context.Context { return s.ctx }

// RecvMsg fails once the stream must end.
func (s *stream) RecvMsg(m any) error {
	if err := s.ended(); err != nil {
		return err
	}
	return s.ServerStream.RecvMsg(m)
}

// refusal is why a stream must end.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// ended is why the stream must end, nil where it need not.
func (s *stream) ended() error {
	if r := (*refusal)(nil); errors.As(context.Cause(s.ctx), &r) {
		return r.error
	}
	return nil
}

// check ends the stream where it would not be let in now, or not with the same
// rights.
func (s *stream) check(now rules, err error) {
	if err == nil {
		err = s.call.still(now)
	}
	if err != nil {
		s.end(&refusal{err})
	}
}

// still reports why a call that was let in would not be let in any more.
func (c *call) still(now rules) error {
	switch {
	case now.users == nil || c.Proof == Certificate:
	case c.Proof == Password && !now.users.same(c.Name, c.rules.users):
		return fmt.Errorf("%w: user %s was removed or has another password", ErrUnauthenticated, c.Name)
	case c.Proof == Nothing:
		return fmt.Errorf("%w: names and passwords are demanded now", ErrUnauthenticated)
	}
	next := &call{caller: c.caller, method: c.method, rules: now}
	if err := next.authorize(); err != nil {
		return err
	}
	if next.read.ID() != c.read.ID() {
		return ErrChanged
	}
	return nil
}

// changes are what a folder is watched for.
const changes = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_DELETE_SELF

// Run follows the files until the context ends, and ends the streams that
// changes are about.
func (a *Access) Run(ctx context.Context) error {
	folder, err := openFolder(a.options.StateDir)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	defer folder.Close()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("access: watch %s: %w", folder.Name(), err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	if _, err := unix.InotifyAddWatch(fd, folder.Name(), changes); err != nil {
		return fmt.Errorf("access: watch %s: %w", folder.Name(), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = events.Close() }) // ends Read
	defer stop()
	buffer := make([]byte, 4096)
	for {
		now, err := a.rules()
		a.streams.check(now, err)
		n, err := events.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("access: watch %s: %w", folder.Name(), err)
		case ignored(buffer[:n]):
			return fmt.Errorf("access: %s was removed: streams do not learn of changes before a restart", folder.Name())
		}
	}
}

// ignored reports that the kernel watches no more (inotify(7)).
//
//	| watch (4) | mask (4) | cookie (4) | length of the name (4) | name |
func ignored(events []byte) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		if binary.NativeEndian.Uint32(events[4:])&unix.IN_IGNORED != 0 {
			return true
		}
		name := int(binary.NativeEndian.Uint32(events[12:]))
		events = events[min(len(events), unix.SizeofInotifyEvent+name):]
	}
	return false
}
