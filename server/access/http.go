package access

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Handler lets in the HTTP requests that may be made, as Unary does calls.
// Policies know them by the method. The name and password are those of HTTP's
// basic authentication (RFC 7617), or a client certificate tells who calls.
func (a *Access) Handler(method string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := incoming(r)
		c, err := a.admit(ctx, method)
		if err != nil {
			a.refused(ctx, c, a.options.Status(err))
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	})
}

// incoming has of a request what a call brings with it.
func incoming(r *http.Request) context.Context {
	p := &peer.Peer{}
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		p.Addr = net.TCPAddrFromAddrPort(addr)
	}
	if r.TLS != nil {
		p.AuthInfo = credentials.TLSInfo{State: *r.TLS, SPIFFEID: spiffeID(r.TLS)}
	}
	ctx := peer.NewContext(r.Context(), p)
	if name, password, ok := r.BasicAuth(); ok {
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(usernameKey, name, passwordKey, password))
	}
	return ctx
}

// refuse answers a request that is not let in.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrUnauthenticated):
		code = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="signalbox"`)
	case errors.Is(err, ErrForbidden):
		code = http.StatusForbidden
	case errors.Is(err, ErrThrottled):
		code = http.StatusTooManyRequests
	case errors.Is(err, ErrUnusable):
		code = http.StatusServiceUnavailable
	}
	http.Error(w, err.Error(), code)
}

// maxSPIFFEID is the length of the longest SPIFFE ID in octets (SPIFFE-ID, 2.3).
const maxSPIFFEID = 2048

// spiffeID is that of a client certificate, nil where it has none or more URIs
// than the one that an X.509-SVID has (X509-SVID, 2). gRPC finds it by itself.
func spiffeID(state *tls.ConnectionState) *url.URL {
	if len(state.PeerCertificates) == 0 || len(state.PeerCertificates[0].URIs) != 1 {
		return nil
	}
	id := state.PeerCertificates[0].URIs[0]
	if id.Scheme != "spiffe" || id.Host == "" || id.User != nil || id.RawQuery != "" || id.Fragment != "" || len(id.String()) > maxSPIFFEID {
		return nil
	}
	return id
}
