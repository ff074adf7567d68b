package enginetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// Rotation replaces our certificate and key again and again, in every way that
// is usual, while many dial: no handshake fails, the server sees each new
// certificate, and each is told of once.
func Rotation(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error)) {
	t.Helper()
	p := must[*pki.PKI](t)(pki.New(pki.Options{}))
	us := must[*pki.Leaf](t)(p.Client("consumer.example.nhs.uk"))
	f := newMounted(t, us)
	c := must[*auth.Credentials](t)(auth.LoadCredentials(f.cert, f.key))
	var mu sync.Mutex
	var told []auth.NoticeKind
	c.OnNotice(func(n auth.Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n.Kind)
	})
	seen, addr := serveClients(t, p)
	d := must[auth.Dialer](t)(engine(auth.TLSPolicy{
		Credentials: c, Trust: must[*auth.Trust](t)(auth.ParseTrust(p.BundlePEM())).WithRevocation(revocation.Off("test")),
	}))
	defer func() { _ = d.Close() }()
	stop := load(t, d, addr)
	defer stop()
	ways := []func(*pki.Leaf){f.swap, f.rename, f.inPlace}
	var want []auth.NoticeKind
	for i := range 3 {
		for j, replace := range ways { // another key than the last one: the new halves fit nothing else
			next := must[*pki.Leaf](t)(p.Issue("consumer.example.nhs.uk", nil, pki.Named([]string{"odd", "even"}[(i+j)%2])))
			replace(next)
			seen.await(t, next.Cert.SerialNumber.String())
			want = append(want, auth.Reloaded)
		}
	}
	stop()
	if !slices.Equal(want, told) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

// load dials all the time, until stop is called.
func load(t *testing.T, d auth.Dialer, addr string) (stop func()) {
	t.Helper()
	var dialling sync.WaitGroup
	enough := make(chan struct{})
	for range 64 {
		dialling.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
				}
				conn, err := d.DialTLSContext(t.Context(), "tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.Close()
			}
		})
	}
	return sync.OnceFunc(func() {
		close(enough)
		dialling.Wait()
	})
}

// mounted is a pair in a folder as an orchestrator mounts it: the names are
// links into ..data, and that is a link to the folder of a version.
type mounted struct {
	tb             testing.TB
	dir, cert, key string
	version        string
}

func newMounted(tb testing.TB, l *pki.Leaf) *mounted {
	tb.Helper()
	dir := tb.TempDir()
	m := &mounted{tb: tb, dir: dir, cert: filepath.Join(dir, "client.pem"), key: filepath.Join(dir, "client.key")}
	m.swap(l)
	return m
}

func (m *mounted) do(steps ...error) {
	m.tb.Helper()
	if err := errors.Join(steps...); err != nil {
		m.tb.Fatal(err)
	}
}

// swap replaces both files at once.
func (m *mounted) swap(l *pki.Leaf) {
	m.tb.Helper()
	m.version += "v"
	to, next := filepath.Join(m.dir, m.version), filepath.Join(m.dir, "..next")
	m.do(os.Mkdir(to, 0o700))
	write(m.tb, to, "client.pem", l.ChainPEM())
	write(m.tb, to, "client.key", l.KeyPEM())
	m.do(os.Symlink(m.version, next), os.Rename(next, filepath.Join(m.dir, "..data")))
	for _, name := range []string{"client.pem", "client.key"} { // the other ways put files in the place of the links
		m.do(os.Symlink(filepath.Join("..data", name), next), os.Rename(next, filepath.Join(m.dir, name)))
	}
}

// rename replaces one file after the other.
func (m *mounted) rename(l *pki.Leaf) {
	m.tb.Helper()
	m.do(os.Rename(write(m.tb, m.dir, "new", l.ChainPEM()), m.cert))
	m.do(os.Rename(write(m.tb, m.dir, "new", l.KeyPEM()), m.key))
}

// inPlace writes over the files, first the key and then the certificate, in
// two halves.
func (m *mounted) inPlace(l *pki.Leaf) {
	m.tb.Helper()
	write(m.tb, m.dir, "client.key", l.KeyPEM())
	chain := bytes.TrimSpace(l.ChainPEM())
	file := must[*os.File](m.tb)(os.Create(m.cert))
	for _, half := range [][]byte{chain[:len(chain)/2], chain[len(chain)/2:]} {
		_, err := file.Write(half)
		m.do(err)
	}
	m.do(file.Close())
}

// clients are the serial numbers of the client certificates that a server saw.
type clients struct {
	mu   sync.Mutex
	seen map[string]bool
	came chan struct{}
}

// serveClients shakes hands with whoever comes and has a certificate.
func serveClients(tb testing.TB, p *pki.PKI) (seen *clients, addr string) {
	tb.Helper()
	seen = &clients{seen: map[string]bool{}, came: make(chan struct{}, 1)}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{must[*pki.Leaf](tb)(p.Server("localhost", "127.0.0.1")).TLS()},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.Root.Pool(), VerifyConnection: seen.note,
	}
	l := must[net.Listener](tb)((&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0"))
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				conn := tls.Server(raw, config)
				_ = conn.HandshakeContext(tb.Context())
				_, _ = conn.Read(make([]byte, 1)) // until the client leaves
				_ = conn.Close()
			}()
		}
	}()
	return seen, l.Addr().String()
}

func (c *clients) note(s tls.ConnectionState) error {
	c.mu.Lock()
	c.seen[s.PeerCertificates[0].SerialNumber.String()] = true
	c.mu.Unlock()
	select {
	case c.came <- struct{}{}:
	default:
	}
	return nil
}

// await waits until the server saw a serial number.
func (c *clients) await(tb testing.TB, serial string) {
	tb.Helper()
	for end := after(); ; {
		c.mu.Lock()
		ok := c.seen[serial]
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.came:
		case <-end:
			tb.Fatal("the server never saw the new certificate")
		}
	}
}
