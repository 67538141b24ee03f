package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/telemetry/schema"
)

const password = "correct horse"

// as is a context with a name and password as gnmic sends them.
func as(t *testing.T, name, password string) context.Context {
	return metadata.AppendToOutgoingContext(bounded(t), "username", name, "password", password)
}

// passwordHash is that of password, made once: it is slow to make.
var passwordHash = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

// addUsers writes a file of these users, all with the one password.
func addUsers(t *testing.T, dir string, names ...string) {
	t.Helper()
	text := ""
	for _, name := range names {
		text += name + ":" + passwordHash() + "\n"
	}
	place(t, dir, access.UsersFile, text)
}

// place replaces a file of the state folder.
func place(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Rename(path+".new", path))
	if err != nil {
		t.Fatal(err)
	}
}

func textPath(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func getPath(t *testing.T, v *served, ctx context.Context, path string) (*gpb.GetResponse, error) {
	t.Helper()
	return gpb.NewGNMIClient(v).Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{textPath(t, path)}, Encoding: gpb.Encoding_JSON_IETF})
}

// setLeaves sets leaves "path=value", and deletes paths "-path".
func setLeaves(t *testing.T, v *served, ctx context.Context, lines ...string) error {
	t.Helper()
	req := &gpb.SetRequest{}
	for _, line := range lines {
		if gone, ok := strings.CutPrefix(line, "-"); ok {
			req.Delete = append(req.Delete, textPath(t, gone))
			continue
		}
		at := strings.LastIndex(line, "=")
		req.Update = append(req.Update, &gpb.Update{Path: textPath(t, line[:at]),
			Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(line[at+1:])}}})
	}
	_, err := gpb.NewGNMIClient(v).Set(ctx, req)
	return err
}

// ethernet makes an interface.
func ethernet(name string) string {
	return "/interfaces/interface[name=" + name + `]/config/type="iana-if-type:ethernetCsmacd"`
}

func wantCode(t *testing.T, what string, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%s: %v, want %v", what, err, code)
	}
}

func listServices(v *served, ctx context.Context) error {
	stream, err := reflectionpb.NewServerReflectionClient(v).ServerReflectionInfo(ctx)
	if err == nil {
		err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	}
	if err == nil || errors.Is(err, io.EOF) {
		_, err = stream.Recv()
	}
	return err
}

func TestG41_Passwords(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "alice", "bob")
	v := serveIdle(t, o)
	twice := metadata.AppendToOutgoingContext(as(t, "alice", password), "username", "bob")
	tests := []struct {
		name string
		ctx  context.Context
		code codes.Code
	}{
		{"nothing", bounded(t), codes.Unauthenticated},
		{"a wrong password", as(t, "alice", "wrong"), codes.Unauthenticated},
		{"an unknown name", as(t, "eve", password), codes.Unauthenticated},
		{"no password", metadata.AppendToOutgoingContext(bounded(t), "username", "alice"), codes.Unauthenticated},
		{"no name", metadata.AppendToOutgoingContext(bounded(t), "password", password), codes.Unauthenticated},
		{"two names", twice, codes.Unauthenticated},
		{"keys that mean nothing", metadata.AppendToOutgoingContext(bounded(t), "authorization", "Bearer x", "x-forwarded-user", "alice", "user", "alice", "no-auth", "1"), codes.Unauthenticated},
		{"right", as(t, "alice", password), codes.OK},
		{"right, again", as(t, "alice", password), codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := gpb.NewGNMIClient(v).Capabilities(tt.ctx, &gpb.CapabilityRequest{})
			wantCode(t, "Capabilities", err, tt.code)
			wantCode(t, "reflection", listServices(v, tt.ctx), tt.code)
			_, err = getPath(t, v, tt.ctx, "/system/state/boot-time")
			wantCode(t, "Get", err, tt.code)
			_, err = healthpb.NewHealthClient(v).Check(tt.ctx, &healthpb.HealthCheckRequest{})
			wantCode(t, "health", err, codes.OK)
		})
	}
}

// subscribed opens a STREAM and waits until it is synchronised.
func subscribed(t *testing.T, v *served, ctx context.Context, path string) gpb.GNMI_SubscribeClient {
	t.Helper()
	stream, err := gpb.NewGNMIClient(v).Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Subscription: []*gpb.Subscription{{Path: textPath(t, path), Mode: gpb.SubscriptionMode_ON_CHANGE}}}}})
	for err == nil {
		var resp *gpb.SubscribeResponse
		if resp, err = stream.Recv(); resp.GetSyncResponse() {
			return stream
		}
	}
	t.Fatal(err)
	return nil
}

// ends reads a stream until it ends.
func ends(stream gpb.GNMI_SubscribeClient) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// TestG41_RemovedUser: whoever is taken out of the file while the element runs
// is out at once, and nobody else.
func TestG41_RemovedUser(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "alice", "bob")
	v := serveIdle(t, o)
	alice, bob := subscribed(t, v, as(t, "alice", password), "/system"), subscribed(t, v, as(t, "bob", password), "/system")
	if err := access.RemoveUser(o.StateDir, "alice"); err != nil {
		t.Fatal(err)
	}
	_, err := getPath(t, v, as(t, "alice", password), "/system")
	wantCode(t, "a call of the removed user", err, codes.Unauthenticated)
	wantCode(t, "a stream of the removed user", ends(alice), codes.Unauthenticated)
	_, err = getPath(t, v, as(t, "bob", password), "/system/state/boot-time")
	wantCode(t, "a call of another", err, codes.OK)
	if _, err := access.AddUser(o.StateDir, "bob", []byte("another one")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a stream with the password before", ends(bob), codes.Unauthenticated)
	_, err = getPath(t, v, as(t, "bob", password), "/system/state/boot-time")
	wantCode(t, "a call with the password before", err, codes.Unauthenticated)
}

// TestG41_Guessing sends a thousand wrong passwords at once: they cost the work
// of some, and a collector that is known goes on.
func TestG41_Guessing(t *testing.T) {
	o := options(t, Transport{})
	var said lockedBuffer
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	addUsers(t, o.StateDir, "alice")
	v := serveIdle(t, o)
	_, err := getPath(t, v, as(t, "alice", password), "/system/state/boot-time")
	wantCode(t, "before", err, codes.OK)
	var wrong, throttled, other atomic.Int32
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			_, err := gpb.NewGNMIClient(v).Capabilities(as(t, "alice", fmt.Sprint("guess ", i)), &gpb.CapabilityRequest{})
			switch status.Code(err) {
			case codes.Unauthenticated:
				wrong.Add(1)
			case codes.ResourceExhausted:
				throttled.Add(1)
			case codes.DeadlineExceeded: // waited for a turn: checks are slow under the race detector
			default:
				other.Add(1)
			}
		})
	}
	for range 20 {
		_, err := getPath(t, v, as(t, "alice", password), "/system/state/boot-time")
		wantCode(t, "the known collector meanwhile", err, codes.OK)
	}
	all.Wait()
	if other.Load() > 0 || throttled.Load() == 0 || wrong.Load() == 0 || wrong.Load() > 100 {
		t.Errorf("%d were wrong, %d throttled, %d something else", wrong.Load(), throttled.Load(), other.Load())
	}
	if lines := strings.Count(said.String(), "call refused"); lines == 0 || lines > 4 {
		t.Errorf("the log has %d lines about it:\n%s", lines, said.String())
	}
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// authority signs client certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = a.sign(template, template, key.Public())
	if err := os.WriteFile(a.file, pemOf("CERTIFICATE", a.cert.Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, public any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// client connects with a certificate of a common name and URIs.
func (a *authority) client(v *served, o Options, name string, uris ...string) *served {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			a.t.Fatal(err)
		}
		template.URIs = append(template.URIs, u)
	}
	leaf := a.sign(template, a.cert, key.Public())
	config := trusting(a.t, o)
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}
	conn, err := grpc.NewClient(v.Target(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	return &served{ClientConn: conn}
}

func trusting(t *testing.T, o Options) *tls.Config {
	t.Helper()
	own, err := os.ReadFile(filepath.Join(o.StateDir, CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	return &tls.Config{RootCAs: pool}
}

// TestG41_Certificates has identities of certificates, told apart by a policy
// of calls.
func TestG41_Certificates(t *testing.T) {
	ca := newAuthority(t)
	o := options(t, Transport{ClientCA: ca.file})
	place(t, o.StateDir, access.AuthzFile, `{"name": "p", "allow_rules": [
		{"name": "a", "source": {"principals": ["spiffe://example.net/collector", "carol", "alice"]}, "request": {"paths": ["/gnmi.gNMI/Capabilities"]}}]}`)
	v := serveIdle(t, o)
	tests := []struct {
		name, common string
		uris         []string
		code         codes.Code
	}{
		{"a SPIFFE ID", "x", []string{"spiffe://example.net/collector"}, codes.OK},
		{"another SPIFFE ID", "x", []string{"spiffe://example.net/other"}, codes.PermissionDenied},
		{"a common name", "carol", nil, codes.OK},
		{"another common name", "caroline", nil, codes.PermissionDenied},
		{"no name", "", nil, codes.PermissionDenied},
		{"a SPIFFE ID goes before the common name", "carol", []string{"spiffe://example.net/other"}, codes.PermissionDenied},
		{"two SPIFFE IDs are none", "carol", []string{"spiffe://example.net/collector", "spiffe://example.net/other"}, codes.PermissionDenied},
		{"a SPIFFE ID as common name", "spiffe://example.net/collector", nil, codes.PermissionDenied},
		{"another URI", "carol", []string{"https://example.net/"}, codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mine := ca.client(v, o, tt.common, tt.uris...)
			_, err := gpb.NewGNMIClient(mine).Capabilities(bounded(t), &gpb.CapabilityRequest{})
			wantCode(t, "Capabilities", err, tt.code)
			_, err = gpb.NewGNMIClient(mine).Get(bounded(t), &gpb.GetRequest{})
			wantCode(t, "Get", err, codes.PermissionDenied)
		})
	}
	// With users, a certificate is still enough, and a name that is given must
	// be proved.
	addUsers(t, o.StateDir, "alice")
	carol := ca.client(v, o, "carol")
	for _, tt := range []struct {
		name string
		ctx  context.Context
		code codes.Code
	}{
		{"a certificate alone", bounded(t), codes.OK},
		{"with a wrong password", as(t, "alice", "wrong"), codes.Unauthenticated},
		{"with a right one", as(t, "alice", password), codes.OK},
	} {
		_, err := gpb.NewGNMIClient(carol).Capabilities(tt.ctx, &gpb.CapabilityRequest{})
		wantCode(t, tt.name, err, tt.code)
	}
	nameless := ca.client(v, o, "")
	_, err := gpb.NewGNMIClient(nameless).Capabilities(bounded(t), &gpb.CapabilityRequest{})
	wantCode(t, "a certificate without a name, with users", err, codes.Unauthenticated)
}
