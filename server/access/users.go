package access

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The cost of bcrypt: what new hashes have, and what is taken. A check at the
// highest takes about a second.
const (
	hashCost    = 10
	minHashCost = 10
	maxHashCost = 14
)

// MaxPasswordBytes is the longest password, in octets: bcrypt looks at no more.
const MaxPasswordBytes = 72

const (
	// trustTime is how long a password that was right is not checked again.
	trustTime = time.Minute
	// maxTrusted bounds how many of them are remembered.
	maxTrusted = 4096
)

// users are the names and password hashes of one version of the file.
type users struct {
	hashes map[string][]byte
	any    []byte // one of the hashes: what costs a check for a name that is not there

	key     [32]byte   // of the digests of trusted passwords
	mu      sync.Mutex // guards trusted
	trusted map[[sha256.Size]byte]time.Time
}

// parseUsers reads lines of NAME:HASH, as htpasswd -B writes them; empty lines
// and those that begin with # say nothing.
func parseUsers(content []byte) (*users, error) {
	u := &users{hashes: map[string][]byte{}, trusted: map[[sha256.Size]byte]time.Time{}}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, hash, _ := bytes.Cut(line, []byte(":"))
		if err := checkName(string(name)); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if err := checkHash(hash); err != nil {
			return nil, fmt.Errorf("line %d: user %s: %w", number, name, err)
		}
		if _, twice := u.hashes[string(name)]; twice {
			return nil, fmt.Errorf("line %d: user %s stands twice", number, name)
		}
		u.hashes[string(name)] = bytes.Clone(hash)
		u.any = u.hashes[string(name)]
	}
	if _, err := rand.Read(u.key[:]); err != nil {
		return nil, err
	}
	return u, nil
}

// checkName takes the names that cannot be mistaken for anything else, such as
// a SPIFFE ID.
func checkName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$`).MatchString(name) {
		return fmt.Errorf("user name %q: want 1 to 64 letters, digits and . _ @ -, beginning with a letter, digit or _", clip(name, 80))
	}
	return nil
}

func checkHash(hash []byte) error {
	cost, err := bcrypt.Cost(hash)
	switch {
	case err != nil:
		return fmt.Errorf("no bcrypt hash: %w", err)
	case cost < minHashCost || cost > maxHashCost:
		return fmt.Errorf("bcrypt cost %d: want %d to %d", cost, minHashCost, maxHashCost)
	}
	return nil
}

// format is the file's text, by name.
func (u *users) format() []byte {
	var b bytes.Buffer
	b.WriteString("# NAME:BCRYPT-HASH; \"signalbox user\" edits this file.\n")
	for _, name := range u.names() {
		fmt.Fprintf(&b, "%s:%s\n", name, u.hashes[name])
	}
	return b.Bytes()
}

func (u *users) names() []string { return slices.Sorted(maps.Keys(u.hashes)) }

// verify compares a password with the hash of a user, which is meant to be
// slow. It takes as long for a name that is not there.
func (u *users) verify(name, password string) bool {
	hash, known := u.hashes[name]
	if !known {
		hash = u.any
	}
	// bcrypt would take a longer one for its beginning.
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known && len(password) <= MaxPasswordBytes
}

// digest is what is remembered of a password that was right.
func (u *users) digest(name, password string) [sha256.Size]byte {
	h := hmac.New(sha256.New, u.key[:])
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(name)))
	h.Write(size[:])
	h.Write([]byte(name))
	h.Write([]byte(password))
	return [sha256.Size]byte(h.Sum(nil))
}

// trusts reports that a password was found right not long ago.
func (u *users) trusts(name, password string, now time.Time) bool {
	digest := u.digest(name, password)
	u.mu.Lock()
	defer u.mu.Unlock()
	until, ok := u.trusted[digest]
	return ok && now.Before(until)
}

func (u *users) trust(name, password string, now time.Time) {
	digest := u.digest(name, password)
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.trusted) >= maxTrusted {
		maps.DeleteFunc(u.trusted, func(_ [sha256.Size]byte, until time.Time) bool { return !now.Before(until) })
	}
	if len(u.trusted) < maxTrusted {
		u.trusted[digest] = now.Add(trustTime)
	}
}

// same reports that a user has the same password in another version of the
// file.
func (u *users) same(name string, other *users) bool {
	hash, ok := u.hashes[name]
	return ok && other != nil && bytes.Equal(hash, other.hashes[name])
}

// clip bounds a text that somebody else wrote.
func clip(text string, size int) string {
	if len(text) > size {
		text = text[:size] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
