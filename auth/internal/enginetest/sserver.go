package enginetest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// SServer is a running `openssl s_server`: mutual TLS as another
// implementation does it.
type SServer struct {
	*program
	// Addr is host:port, with the name localhost.
	Addr string
}

// ServeOpenSSL starts a server with that certificate, which verifies clients
// by the PKI. More arguments come behind those.
func ServeOpenSSL(tb testing.TB, p *pki.PKI, leaf *pki.Leaf, args ...string) *SServer {
	tb.Helper()
	dir := tb.TempDir()
	cert := write(tb, dir, "cert.pem", leaf.CertPEM())
	args = append([]string{
		"s_server", "-accept", "127.0.0.1:0",
		"-cert", cert, "-cert_chain", write(tb, dir, "chain.pem", leaf.ChainPEM()), "-key", write(tb, dir, "key.pem", leaf.KeyPEM()),
		"-CAfile", write(tb, dir, "ca.pem", p.BundlePEM()), "-Verify", "1", "-verify_return_error",
	}, args...)
	s := &SServer{program: start(tb, "ACCEPT ", args...)}
	_, port, _ := net.SplitHostPort(s.ready)
	s.Addr = net.JoinHostPort("localhost", port)
	return s
}

func write(tb testing.TB, dir, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// openssl is the program, which the tests need.
func openssl(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("the program openssl is not installed: these tests need it (apt-get install openssl)")
		}
		tb.Skip("the program openssl is not installed")
	}
	return path
}

// program is openssl as a server.
type program struct {
	// Stdin is what it reads commands from.
	Stdin io.Writer
	ready string // what followed the word that says so
	ended chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// start runs openssl until the end of the test, and waits for a line with that
// beginning.
func start(tb testing.TB, ready string, args ...string) *program {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), openssl(tb), args...)
	cmd.Env = []string{"OPENSSL_CONF=" + filepath.Join(tb.TempDir(), "none")}
	p := &program{ended: make(chan struct{})}
	p.Stdin = must[io.WriteCloser](tb)(cmd.StdinPipe())
	stdout := must[io.ReadCloser](tb)(cmd.StdoutPipe())
	stderr := must[io.ReadCloser](tb)(cmd.StderrPipe())
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	lines := make(chan string, 1)
	var group sync.WaitGroup
	for _, r := range []io.Reader{stdout, stderr} {
		group.Go(func() { p.keep(r, ready, lines) })
	}
	go func() {
		group.Wait()
		_ = cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
	})
	select {
	case p.ready = <-lines:
	case <-p.ended:
		tb.Fatalf("openssl %s did not start: %s", args[0], p.Log())
	case <-after():
		tb.Fatalf("openssl %s was not ready in time: %s", args[0], p.Log())
	}
	return p
}

// keep keeps what it prints.
func (p *program) keep(r io.Reader, ready string, found chan<- string) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		p.mu.Lock()
		p.out.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if rest, ok := strings.CutPrefix(lines.Text(), ready); ok {
			select {
			case found <- rest:
			default: // it was ready before
			}
		}
	}
}

// Log is what it has printed.
func (p *program) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// End waits for its end and is all that it printed.
func (p *program) End(tb testing.TB) string {
	tb.Helper()
	select {
	case <-p.ended:
	case <-after():
		tb.Fatalf("openssl did not end: %s", p.Log())
	}
	return p.Log()
}
