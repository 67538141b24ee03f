package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/bcrypt"

	"github.com/signalbox/signalbox/server/file"
)

// The files, below the element's state folder.
const (
	Folder    = "access"
	UsersFile = "access/users"
	AuthzFile = "access/authz.json"
	PathzFile = "access/pathz.json"
	AuditFile = "audit.log"
)

// minPasswordBytes is the shortest password, in octets.
const minPasswordBytes = 8

// ErrNoUser is a user that is not in the file.
var ErrNoUser = errors.New("no such user")

// AddUser gives a user of the state folder a password, and reports whether the
// user is new. The element, where one runs, takes the change up at once.
func AddUser(stateDir, name string, password []byte) (added bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	if len(password) < minPasswordBytes || len(password) > MaxPasswordBytes {
		return false, fmt.Errorf("password of %d octets: want %d to %d", len(password), minPasswordBytes, MaxPasswordBytes)
	}
	hash, err := bcrypt.GenerateFromPassword(password, hashCost)
	if err != nil {
		return false, fmt.Errorf("password: %w", err)
	}
	err = edit(stateDir, func(u *users) error {
		_, known := u.hashes[name]
		u.hashes[name], added = hash, !known
		return nil
	})
	return added, err
}

// RemoveUser takes a user out of the file. The file stays when it was the last
// one: then nobody is let in by password. ErrNoUser is one that is not there.
func RemoveUser(stateDir, name string) error {
	return edit(stateDir, func(u *users) error {
		if _, known := u.hashes[name]; !known {
			return fmt.Errorf("user %s: %w", clip(name, 80), ErrNoUser)
		}
		delete(u.hashes, name)
		return nil
	})
}

// ListUsers gives the names in the file, sorted; none where there is no file.
func ListUsers(stateDir string) ([]string, error) {
	u, err := loadUsers(stateDir)
	if err != nil {
		return nil, err
	}
	return u.names(), nil
}

func loadUsers(stateDir string) (*users, error) {
	path := filepath.Join(stateDir, UsersFile)
	content, _, err := readFile(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return parseUsers(nil)
	}
	if err != nil {
		return nil, err
	}
	u, err := parseUsers(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return u, nil
}

// edit changes the file of users: who reads it finds the old one or the new
// one. Others who edit wait.
func edit(stateDir string, change func(*users) error) (err error) {
	folder, err := openFolder(stateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }() // and unlocks it
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", folder.Name(), err)
	}
	u, err := loadUsers(stateDir)
	if err != nil {
		return err
	}
	if err := change(u); err != nil {
		return err
	}
	if err := file.Replace(filepath.Join(stateDir, UsersFile), u.format(), 0o600); err != nil {
		return err
	}
	return folder.Sync()
}

// openFolder opens the folder of the files, made where it is missing.
func openFolder(stateDir string) (*os.File, error) {
	path := filepath.Join(stateDir, Folder)
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.Open(path)
}
