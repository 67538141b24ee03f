package debian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Set is a set of packages that is unpacked into one folder.
type Set struct {
	Name     string // of the folder
	Packages []string
	// Alone leaves out what the packages depend on.
	Alone bool
	// Newest takes packages from backports where the release is too old for
	// what they are needed for.
	Newest bool
}

// Root is a folder with unpacked packages.
type Root struct{ Dir string }

// layout is part of each folder's name: another way of unpacking is another
// folder.
const layout = "1"

// ErrUnavailable says that packages cannot be had on this machine.
var ErrUnavailable = errors.New("packages cannot be had here")

// Cache is the folder of this project in the user's cache.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return filepath.Join(dir, "signalbox"), nil
}

// Unpack gives the folder of a set; what is there already is used. The error is
// ErrUnavailable where this is no Debian, or the mirror does not answer.
func Unpack(ctx context.Context, s Set) (*Root, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	suites := []string{release("VERSION_CODENAME")}
	if s.Newest && suites[0] == "bookworm" {
		suites = append(suites, "bookworm-backports")
	}
	key := sha256.Sum256(fmt.Append(nil, layout, s, suites))
	dir := filepath.Join(cache, fmt.Sprintf("%s-%x", s.Name, key[:4]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	root := &Root{Dir: filepath.Join(dir, "root")}
	if _, err := os.Stat(root.Dir); err == nil {
		return root, nil
	}
	return root, s.fetch(ctx, dir, suites, root.Dir)
}

// lock waits for other processes that unpack into the folder.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
	}
}

// fetch downloads into dir/apt and unpacks into root, which appears as a whole.
func (s Set) fetch(ctx context.Context, dir string, suites []string, root string) error {
	if id := release("ID"); id != "debian" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: this is %q on %s, not Debian on amd64", ErrUnavailable, id, runtime.GOARCH)
	}
	for _, program := range []string{"apt-get", "dpkg-deb", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	from, err := mirror(suites[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	a := apt{dir: filepath.Join(dir, "apt")}
	defer os.RemoveAll(a.dir)
	if err := a.prepare(from, suites); err != nil {
		return err
	}
	debs, err := a.download(ctx, s, suites[len(suites)-1])
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, strings.Join(s.Packages, " "), err)
	}
	fresh := root + ".new"
	if err := errors.Join(os.RemoveAll(fresh), unpack(ctx, fresh, debs)); err != nil {
		return err
	}
	return os.Rename(fresh, root)
}

// unpack puts packages into a folder in which /bin is /usr/bin, as on any
// Debian of today, without what only people read.
func unpack(ctx context.Context, root string, debs []string) error {
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", name), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	const script = `dpkg-deb --fsys-tarfile "$1" | tar -x --no-same-owner --keep-directory-symlink -C "$2" ` +
		`--exclude=./usr/share/doc --exclude=./usr/share/locale --exclude=./usr/share/man --exclude=./dev`
	for _, deb := range debs {
		if _, err := run(ctx, "", nil, "bash", "-o", "pipefail", "-c", script, "unpack", deb, root); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
		}
	}
	return nil
}

// Path is a file of the folder; it is named as it would be if it were installed.
func (r *Root) Path(name string) string { return filepath.Join(r.Dir, name) }

// Args are the words that run a program of the folder by its own loader and
// libraries, whatever the machine has. Folders of libraries that the loader
// does not know by itself follow.
func (r *Root) Args(program string, libraries ...string) []string {
	path := []string{r.Path("usr/lib/x86_64-linux-gnu")}
	for _, l := range libraries {
		path = append(path, r.Path(l))
	}
	return []string{
		r.Path("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), "--argv0", filepath.Base(program),
		"--library-path", strings.Join(path, ":"), r.Path(program),
	}
}

// run runs a command in a folder to its end; what it wrote is in the error too.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
