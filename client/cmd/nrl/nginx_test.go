package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// nginxConfig plays the locator and the SSP of one patient. A location matches
// the decoded path, which is why the SSP's is told by $request_uri.
const nginxConfig = `
daemon off;
USER
pid nginx.pid;
error_log error.log warn;
events {}
http {
	log_format tls '$ssl_client_verify "$ssl_client_s_dn" $ssl_protocol $ssl_cipher $status "$request" $http_ssp_to';
	access_log access.log tls;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	map_hash_bucket_size 512;
	map $request_uri $found {
		"/STU3/DocumentReference?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9876543210" /search.xml;
		"/https%3A%2F%2Fp1.nhs.uk%2FMentalhealthCrisisPlanReport.pdf" /plan.pdf;
		default /none;
	}
	server {
		listen ADDRESS ssl;
		ssl_protocols TLSv1.2;
		ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256;
		ssl_certificate server.pem;
		ssl_certificate_key server.key;
		ssl_client_certificate ca.pem;
		ssl_verify_client on;
		ssl_verify_depth 2;
		root www;
		location / {
			types { application/fhir+xml xml; application/pdf pdf; }
			try_files $found =404;
		}
	}
}
`

// nginx is a running server. Its folder has the files of the clients too.
type nginx struct {
	dir, address string
	ca           *pki.PKI
	stop         func()
}

// nginxProgram finds nginx, which CI must have.
func nginxProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "nginx is missing: apt-get install -y --no-install-recommends nginx"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// startNginx serves a search answer and a PDF to clients that have a
// certificate of the throw-away CA. nginx inherits the listening socket, so
// no port is raced for and no start is waited for.
func startNginx(t *testing.T, search, pdf []byte) *nginx {
	t.Helper()
	program, n := nginxProgram(t), &nginx{dir: t.TempDir()}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	n.address = l.Addr().String()
	n.writeFiles(t, search, pdf)

	var said bytes.Buffer
	check := exec.CommandContext(t.Context(), program, "-t", "-e", "error.log", "-p", n.dir, "-c", "check.conf")
	check.Stdout, check.Stderr = &said, &said
	if err := check.Run(); err != nil {
		t.Fatalf("nginx refuses its configuration: %v\n%s", err, said.String())
	}
	cmd := exec.Command(program, "-e", "error.log", "-p", n.dir, "-c", "nginx.conf") //nolint:noctx // it is stopped by stop, which wants its log whole
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Env = append(os.Environ(), "NGINX=3;")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	n.stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			if err := cmd.Wait(); err != nil {
				t.Errorf("nginx: %v\n%s", err, said.String())
			}
		}
	}
	t.Cleanup(n.stop)
	return n
}

func (n *nginx) writeFiles(t *testing.T, search, pdf []byte) {
	t.Helper()
	var err error
	if n.ca, err = pki.New(pki.Options{}); err != nil {
		t.Fatal(err)
	}
	server, err := n.ca.Server("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client, err := n.ca.Client(mocks.ConsumerFQDN)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.New(pki.Options{KeySet: "foreign"})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Client(mocks.ConsumerFQDN)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(n.dir, "www"), 0o755), os.Mkdir(filepath.Join(n.dir, "records"), 0o755)); err != nil {
		t.Fatal(err)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // another could not read the folder
	}
	config := func(address string) []byte {
		return []byte(strings.NewReplacer("USER", user, "ADDRESS", address).Replace(nginxConfig))
	}
	for name, content := range map[string][]byte{
		"nginx.conf": config(n.address),
		"check.conf": config("unix:check.sock"), // the port is taken already
		"ca.pem":     n.ca.BundlePEM(), "server.pem": server.ChainPEM(), "server.key": server.KeyPEM(),
		"client.pem": client.ChainPEM(), "client.key": client.KeyPEM(),
		"foreign.pem": foreign.ChainPEM(), "foreign.key": foreign.KeyPEM(),
		"www/search.xml": search, "www/plan.pdf": pdf,
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// log stops nginx and gives its access log, line by line.
func (n *nginx) log(t *testing.T) []string {
	t.Helper()
	n.stop()
	text, err := os.ReadFile(filepath.Join(n.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// nrl runs the command against nginx.
func (n *nginx) nrl(ctx context.Context, edit map[string]string, args ...string) result {
	origin := "https://" + n.address
	env := settings(origin+"/STU3", origin, n.dir)
	maps.Copy(env, edit)
	return runWith(ctx, env, args...)
}

// searchAnswer is the published answer where the fixtures are, else our own.
func searchAnswer(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join("testdata", "search.xml")
	if fixtures := os.Getenv("NRL_FIXTURES"); fixtures != "" {
		file = filepath.Join(fixtures, "nrl-stu3", "search_response_single_pointer.xml")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSearchAndRetrieveThroughNginx(t *testing.T) {
	t.Parallel()
	pdf := append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte{0, 1, 0xfe, 0xff, '\r', '\n'}, 50_000)...)
	n := startNginx(t, searchAnswer(t), pdf)

	found := n.nrl(t.Context(), nil, "search", "--patient", "9876543210", "-o", "ndjson")
	if found.status != statusDone || found.errout != "" || strings.Count(found.out, "\n") != 1 ||
		!strings.Contains(found.out, `"url":"https://p1.nhs.uk/MentalhealthCrisisPlanReport.pdf"`) ||
		!strings.Contains(found.out, `"patient":"9876543210"`) || !strings.Contains(found.out, `"custodian":"RR8"`) ||
		!strings.Contains(found.out, `"masterIdentifier":{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.`) {
		t.Fatalf("search: %+v", found)
	}
	records := filepath.Join(n.dir, "records")
	saved := n.nrl(t.Context(), nil, "retrieve", "--patient", "9876543210", "--out", records)
	if saved.status != statusDone || saved.errout != "" {
		t.Fatalf("retrieve: %+v", saved)
	}
	entries, err := os.ReadDir(records)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v (%v), want one record", entries, err)
	}
	got, err := os.ReadFile(filepath.Join(records, entries[0].Name()))
	if err != nil || !bytes.Equal(got, pdf) {
		t.Errorf("the saved PDF has %d bytes and differs from the %d served (%v)", len(got), len(pdf), err)
	}
	if !strings.HasPrefix(saved.out, filepath.Join(records, entries[0].Name())+"  (application/pdf, ") {
		t.Errorf("retrieve printed %q", saved.out)
	}

	const (
		secured = `SUCCESS "CN=` + mocks.ConsumerFQDN + `,OU=Devices,O=nhs" TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384 200 `
		search  = secured + `"GET /STU3/DocumentReference?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9876543210 HTTP/1.1" -`
		record  = secured + `"GET /https%3A%2F%2Fp1.nhs.uk%2FMentalhealthCrisisPlanReport.pdf HTTP/1.1" ` + mocks.ProviderASID
	)
	if diff := cmp.Diff([]string{search, search, record}, n.log(t)); diff != "" {
		t.Errorf("nginx's log (-want +got):\n%s", diff)
	}
}

// nginx lets the handshake pass and answers 400 to a certificate that it does
// not accept.
func TestNginxRefusesOtherCertificates(t *testing.T) {
	t.Parallel()
	n := startNginx(t, searchAnswer(t), []byte("%PDF-1.4\n"))

	foreign := n.nrl(t.Context(), map[string]string{
		"NRL_CERT": filepath.Join(n.dir, "foreign.pem"), "NRL_KEY": filepath.Join(n.dir, "foreign.key"),
	}, "search", "--patient", "9876543210")
	if foreign.status != statusCertificate || foreign.out != "" ||
		!strings.Contains(foreign.errout, ": the server refused our certificate") ||
		!strings.Contains(foreign.errout, "nrl: hint: is --cert issued for this environment") {
		t.Errorf("a foreign certificate: %+v", foreign)
	}
	none := n.nrl(t.Context(), map[string]string{"NRL_CERT": "", "NRL_KEY": ""}, "search", "--patient", "9876543210")
	if none.status != statusUsage || none.out != "" || none.errout != "nrl: --cert is missing: the certificate that the DIR team issued\n" {
		t.Errorf("without certificate: %+v", none)
	}
	// The refusal is nginx's own: without our command too.
	roots, _ := n.ca.Pools()
	if status := bareGet(t, "https://"+n.address+"/STU3/DocumentReference", roots); status != http.StatusBadRequest {
		t.Errorf("a client without certificate: status %d, want 400", status)
	}

	log := n.log(t)
	want := []string{"FAILED:", "NONE"}
	if len(log) != len(want) || !slices.EqualFunc(log, want, strings.HasPrefix) {
		t.Errorf("nginx's log is %q, want lines that begin with %q", log, want)
	}
	if strings.Contains(strings.Join(log, "\n"), " 200 ") {
		t.Errorf("nginx served someone: %q", log)
	}
}

// bareGet asks without a client certificate.
func bareGet(t *testing.T, url string, roots *x509.CertPool) int {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
