package access

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Proof is how somebody proved who they are.
type Proof string

// The proofs.
const (
	Nothing     Proof = "nothing"     // nobody asked
	Password    Proof = "password"    // a user of the file
	Certificate Proof = "certificate" // a client certificate of the given authorities
)

// Identity is who calls.
type Identity struct {
	// Name is the user's, the certificate's SPIFFE ID, or without one its
	// common name; "" for nobody in particular. Policies know it by this name,
	// whatever it was proved with.
	Name  string
	Proof Proof
}

// caller is a call's other end.
type caller struct {
	Identity
	address string       // with the port
	peer    netip.Prefix // what is held to one allowance
	claimed string       // the name in the metadata, proved or not
}

// Metadata keys of a name and password (gNMI authentication, as gnmic sends
// them).
const (
	usernameKey = "username"
	passwordKey = "password"
)

// callerOf tells who calls, as far as it can be told without a look at a
// password.
func callerOf(ctx context.Context) caller {
	c := caller{Identity: Identity{Proof: Nothing}}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return c
	}
	if p.Addr != nil {
		c.address, c.peer = p.Addr.String(), peerPrefix(p.Addr)
	}
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		if name := certificateName(info); name != "" {
			c.Identity = Identity{name, Certificate}
		}
	}
	return c
}

// certificateName is the identity in a client certificate that the authorities
// vouch for: its SPIFFE ID (X.509-SVID), or the common name. A certificate
// whose SPIFFE ID is not valid, or a common name that looks like one, is no
// identity.
func certificateName(info credentials.TLSInfo) string {
	if len(info.State.VerifiedChains) == 0 || len(info.State.PeerCertificates) == 0 {
		return ""
	}
	if info.SPIFFEID != nil {
		return info.SPIFFEID.String()
	}
	leaf := info.State.PeerCertificates[0]
	for _, uri := range leaf.URIs {
		if uri.Scheme == "spiffe" {
			return ""
		}
	}
	if name := leaf.Subject.CommonName; !isURI(name) {
		return name
	}
	return ""
}

func isURI(name string) bool {
	for i, c := range name {
		if c == ':' {
			return i > 0
		}
	}
	return false
}

// given are the name and password in a call's metadata; empty ones are none.
func given(ctx context.Context) (name, password string, ok bool, err error) {
	md, _ := metadata.FromIncomingContext(ctx)
	names, passwords := md.Get(usernameKey), md.Get(passwordKey)
	if len(names) > 1 || len(passwords) > 1 {
		return "", "", false, fmt.Errorf("%w: more than one name or password", ErrUnauthenticated)
	}
	name, password = first(names), first(passwords)
	return name, password, name != "" || password != "", nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// authenticate tells who calls. Where there is a file of users, a call must
// have a name and password of it, or a client certificate; a name that is
// given must be proved also by somebody with a certificate, and then goes
// before that.
func (a *Access) authenticate(ctx context.Context, u *users) (caller, error) {
	c := callerOf(ctx)
	if u == nil {
		return c, nil
	}
	name, password, some, err := given(ctx)
	c.claimed = clip(name, 64)
	switch {
	case err != nil:
		return c, err
	case some && (name == "" || password == ""):
		return c, fmt.Errorf("%w: a name and a password are needed", ErrUnauthenticated)
	case some:
		if err := a.checkPassword(ctx, u, c, name, password); err != nil {
			return c, err
		}
		c.Identity = Identity{name, Password}
	case c.Name == "":
		return c, fmt.Errorf("%w: want metadata %s and %s", ErrUnauthenticated, usernameKey, passwordKey)
	}
	return c, nil
}

// checkPassword checks one that was not found right a short while ago.
func (a *Access) checkPassword(ctx context.Context, u *users, c caller, name, password string) error {
	if u.trusts(name, password, time.Now()) {
		return nil
	}
	if !a.failures.may(c.peer, time.Now()) {
		return fmt.Errorf("%w of this peer failed: wait", ErrThrottled)
	}
	done, err := a.failures.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	switch { // again: others of the same peer had their turn meanwhile
	case u.trusts(name, password, time.Now()):
		return nil
	case !a.failures.may(c.peer, time.Now()):
		return fmt.Errorf("%w of this peer failed: wait", ErrThrottled)
	}
	if !u.verify(name, password) {
		a.failures.failed(c.peer, time.Now())
		return fmt.Errorf("%w: wrong name or password", ErrUnauthenticated)
	}
	u.trust(name, password, time.Now())
	return nil
}
