//go:build cgo && linux

package openssl_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

const nginxConfig = `
daemon off; %[8]s error_log stderr crit; pid %[1]s/pid;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	ssl_certificate %[2]s; ssl_certificate_key %[3]s; ssl_client_certificate %[4]s; ssl_verify_client on; ssl_verify_depth 3;
	ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384; root %[1]s;
	server { listen %[5]s ssl; ssl_session_tickets off; ssl_session_cache off; }
	server { listen %[6]s ssl; ssl_session_tickets on; ssl_session_cache off; }
	server { listen %[7]s ssl; ssl_session_tickets off; ssl_session_cache shared:x:100m; }
}
`

// nginx is three servers with mutual TLS: one resumes nothing, two by ticket
// or by id.
type nginx struct{ full, ticket, id string }

// startNginx serves /small, of 2 KiB, and /large, of 100 MiB. nginx inherits
// the listening sockets, so nothing is waited for.
func startNginx(b *testing.B, k *kit) nginx {
	b.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	dir := b.TempDir()
	for name, size := range map[string]int{"small": 2 << 10, "large": 100 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cert, key, ca := k.files(b)
	config := filepath.Join(dir, "nginx.conf")
	cmd := exec.CommandContext(b.Context(), program, "-e", "stderr", "-p", dir, "-c", config)
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), "NGINX=3;4;5;")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // ends its worker too
	var at [3]string
	for i := range at {
		l := must[net.Listener](b)(new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0"))
		at[i] = l.Addr().String()
		cmd.ExtraFiles = append(cmd.ExtraFiles, must[*os.File](b)(l.(*net.TCPListener).File()))
		_ = l.Close()
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // another could not read the folder
	}
	text := fmt.Sprintf(nginxConfig, dir, cert, key, ca, at[0], at[1], at[2], user)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatalf("the comparison needs nginx: %v", err)
	}
	for _, f := range cmd.ExtraFiles {
		_ = f.Close()
	}
	b.Cleanup(func() { _ = cmd.Wait() }) // b.Context has ended by then
	return nginx{at[0], at[1], at[2]}
}

// contender is one of those that a benchmark compares.
type contender struct {
	name string
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// contenders are crypto/tls with its own verification and no more, and both
// engines.
func contenders(b *testing.B, k *kit) []contender {
	b.Helper()
	plain := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		RootCAs: k.pki.Root.Pool(), Certificates: []tls.Certificate{k.client.TLS()}, ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}}
	all := []contender{{"crypto/tls", plain.DialContext}}
	for _, name := range []string{"go", "openssl"} {
		d := must[auth.Dialer](b)(engines[name](k.policy))
		b.Cleanup(func() { _ = d.Close() })
		all = append(all, contender{name, d.DialTLSContext})
	}
	return all
}

// spent is what one contender took.
type spent struct {
	wall []time.Duration
	cpu  time.Duration
}

// cpu is the processor time that this process has used, nginx apart.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// beside lets the contenders take turns, so that a busy machine is busy for
// all. It reports a turn's median real time and mean processor time in µs, and
// beside the first contender: speed (more is better) and processor time (less
// is better).
func beside(b *testing.B, all []contender, turn []func()) {
	b.Helper()
	took := make([]spent, len(all))
	for i := 0; b.Loop(); i++ {
		for j := range all {
			at := (i + j) % len(all)
			begun, used := time.Now(), cpu(b)
			turn[at]()
			took[at].wall = append(took[at].wall, time.Since(begun))
			took[at].cpu += cpu(b) - used
		}
	}
	b.ReportMetric(0, "ns/op") // of all together, which says nothing
	median := func(s spent) float64 {
		slices.Sort(s.wall)
		return float64(s.wall[len(s.wall)/2])
	}
	for i, s := range took {
		b.ReportMetric(median(s)/1e3, all[i].name+"-µs")
		b.ReportMetric(float64(s.cpu)/1e3/float64(len(s.wall)), all[i].name+"-cpu-µs")
		if i > 0 {
			b.ReportMetric(median(took[0])/median(s), all[i].name+"-speed-×")
			b.ReportMetric(float64(s.cpu)/float64(took[0].cpu), all[i].name+"-cpu-×")
		}
	}
}

// BenchmarkHandshake: dial, mutual TLS, verdict, close.
func BenchmarkHandshake(b *testing.B) {
	k := assets(b)
	s := startNginx(b, k)
	for _, bm := range []struct {
		name, addr string
		resumes    map[string]bool
	}{
		{"full", s.full, nil},
		{"by-ticket", s.ticket, map[string]bool{"crypto/tls": true, "go": true, "openssl": true}},
		{"by-id", s.id, map[string]bool{"openssl": true}}, // crypto/tls has no such thing
	} {
		b.Run(bm.name, func(b *testing.B) {
			all := contenders(b, k)
			turn := make([]func(), len(all))
			for i, c := range all {
				first := true
				turn[i] = func() {
					if again := handshake(b, c, bm.addr); again != (bm.resumes[c.name] && !first) {
						b.Fatalf("%s: resumed %v", c.name, again)
					}
					first = false
				}
				turn[i]() // the first is never resumed
			}
			beside(b, all, turn)
		})
	}
}

// handshake says whether a session was resumed.
func handshake(b *testing.B, c contender, addr string) bool {
	b.Helper()
	conn, err := c.dial(b.Context(), "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if plain, ok := conn.(*tls.Conn); ok {
		return plain.ConnectionState().DidResume
	}
	return conn.(auth.Conn).ConnState().Resumed
}

// BenchmarkGet: 500 small pages over one connection that is kept.
func BenchmarkGet(b *testing.B) { gets(b, "/small", 500, 2<<10) }

// BenchmarkDownload: 100 MiB over one connection that is kept.
func BenchmarkDownload(b *testing.B) { gets(b, "/large", 1, 100<<20) }

func gets(b *testing.B, path string, times int, size int64) {
	b.Helper()
	k := assets(b)
	url := "https://" + startNginx(b, k).full + path
	all := contenders(b, k)
	turn := make([]func(), len(all))
	for i, c := range all {
		t := &http.Transport{DialTLSContext: c.dial}
		b.Cleanup(t.CloseIdleConnections)
		turn[i] = func() {
			for range times {
				get(b, t, url, size)
			}
		}
		turn[i]() // connects
	}
	beside(b, all, turn)
}

func get(b *testing.B, t *http.Transport, url string, size int64) {
	b.Helper()
	resp, err := t.RoundTrip(must[*http.Request](b)(http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)))
	if err != nil {
		b.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err = cmp.Or(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK || n != size {
		b.Fatalf("status %d, %d bytes, %v", resp.StatusCode, n, err)
	}
}
