package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
)

// Options are what an Access needs.
type Options struct {
	// StateDir is the element's state folder; the folder of the access files in
	// it is made where it is missing.
	StateDir string
	// Certificates says that TLS demands client certificates.
	Certificates bool
	// Open says that others than this machine can connect.
	Open bool
	Log  *slog.Logger
	// Status turns an error of a call into the one that the client gets.
	Status func(error) error
}

// Access decides who may do what. It is made by Open; its methods may be
// called at any time from any goroutine.
type Access struct {
	options  Options
	failures *failures
	audit    *audit
	streams  streams

	mu    sync.Mutex // guards the files
	users watched[*users]
	authz watched[*authz]
	pathz watched[*pathzPolicy]
}

// Open reads the files. One that is there and cannot be used is an error: the
// element must not serve more than it is meant to. Close must follow.
func Open(o Options) (*Access, error) {
	folder, err := openFolder(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	if err := folder.Close(); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	a := &Access{
		options:  o,
		failures: newFailures(),
		streams:  streams{all: map[*stream]struct{}{}},
		users:    watched[*users]{path: filepath.Join(o.StateDir, UsersFile), parse: parseUsers, private: true},
		authz:    watched[*authz]{path: filepath.Join(o.StateDir, AuthzFile), parse: parseAuthz},
		pathz:    watched[*pathzPolicy]{path: filepath.Join(o.StateDir, PathzFile), parse: parsePathz},
	}
	a.look()
	if err := errors.Join(a.users.broken, a.authz.broken, a.pathz.broken); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	if a.audit, err = openAudit(filepath.Join(o.StateDir, AuditFile), o.Log); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	a.greet()
	return a, nil
}

// greet says in one line who may do what.
func (a *Access) greet() {
	level, said := slog.LevelInfo, "calls are restricted"
	if !a.users.good && !a.options.Certificates && !a.authz.good && !a.pathz.good {
		said = "everybody who can connect may do everything: \"signalbox user add\" lets in by name and password"
		if a.options.Open {
			level = slog.LevelWarn
		}
	}
	a.options.Log.Log(context.Background(), level, said, "users", a.users.good, "certificates", a.options.Certificates,
		"authz", a.authz.good, "pathz", a.pathz.good)
}

// Close writes what is left to be written. No call may be under way.
func (a *Access) Close() error { return a.audit.close() }

// rules are the files at one moment; nil are those that are not there.
type rules struct {
	users *users
	authz *authz
	pathz *pathzPolicy
}

// rules gives what is in force, after a look at the files.
func (a *Access) rules() (rules, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.look()
	if !a.users.usable() || !a.authz.usable() || !a.pathz.usable() {
		return rules{}, ErrUnusable
	}
	return rules{a.users.value, a.authz.value, a.pathz.value}, nil
}

// look reads the files that changed. The caller holds mu, or is the only one.
func (a *Access) look() {
	if a.users.look() {
		a.users.tell(a.options.Log)
	}
	if a.authz.look() {
		a.authz.tell(a.options.Log)
	}
	if a.pathz.look() {
		a.pathz.tell(a.options.Log)
	}
}
