package mockstest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// network serves the records of a [Fake]: those of the SSP in memory, contact
// pages by a listener on the loopback.
type network struct {
	fake     *Fake
	exchange *spine.Client
	records  *ssp.Client
	pages    string // origin of contact pages
	server   *http.Server
	serving  sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn // the far ends: a record that nobody closed keeps its own
}

// connect makes the network of a fake once.
func (f *Fake) connect(ctx context.Context) (*network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.network != nil {
		return f.network, nil
	}
	n := &network{fake: f}
	exchange, err := spine.New(spine.Config{
		Dialer: n, SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://" + mocks.ConsumerFQDN,
		Audit: spine.NoAudit{Reason: "a fake"}, Limits: spine.Limits{Retries: -1},
	})
	if err != nil {
		return nil, err
	}
	records, err := ssp.New(ssp.Config{
		Exchange: exchange, Base: &url.URL{Scheme: "https", Host: "ssp.invalid"},
		Directory: ssp.SingleASID(nhs.MustParseASID(mocks.ProviderASID)), AllowPrivate: true,
	})
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.WithoutCancel(ctx), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.exchange, n.records, n.pages = exchange, records, "http://"+l.Addr().String()
	n.server = &http.Server{Handler: http.HandlerFunc(n.page), ReadHeaderTimeout: time.Minute}
	n.serving.Go(func() { _ = n.server.Serve(l) })
	f.t.Cleanup(n.end)
	f.network = n
	return n, nil
}

// end closes everything and waits until nothing of it runs.
func (n *network) end() {
	_ = n.exchange.Close()
	_ = n.server.Close()
	n.mu.Lock()
	for _, c := range n.open {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.serving.Wait()
}

// contactFormat is the format code of contact details.
const contactFormat = mocks.FormatContact

// reachable is the pointer with its contact pages on the loopback.
func (n *network) reachable(p nrl.Pointer) nrl.Pointer {
	p.Contents = slices.Clone(p.Contents)
	for i, c := range p.Contents {
		if c.Format.Code == contactFormat {
			p.Contents[i].URL = n.pages + "/" + url.PathEscape(c.URL)
		}
	}
	return p
}

// at is the document of a URL that was percent-encoded behind "/".
func (n *network) at(target string) (document, bool) {
	address, err := url.PathUnescape(strings.TrimPrefix(target, "/"))
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	d, ok := n.fake.records[address]
	if !ok { // a raw space of a pointer's URL is asked for as %20
		d, ok = n.fake.records[strings.ReplaceAll(address, "%20", " ")]
	}
	return d, ok && err == nil
}

func (n *network) page(w http.ResponseWriter, r *http.Request) {
	d, ok := n.at(r.URL.EscapedPath())
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", d.contentType)
	_, _ = w.Write(d.body)
}

// DialTLSContext makes a connection in memory, at whose other end the records
// are served.
func (n *network) DialTLSContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	n.mu.Lock()
	n.open = append(n.open, far)
	n.mu.Unlock()
	n.serving.Go(func() { n.serve(far) })
	return &memory{near}, nil
}

// Engine is the name that a record's connection says.
func (*network) Engine() string { return "fake" }

// Close closes nothing: the connections end with their clients.
func (*network) Close() error { return nil }

const missing = `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><code value="not-found"/><details><coding>` +
	`<system value="https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"/><code value="NO_RECORD_FOUND"/></coding></details></issue></OperationOutcome>`

// serve answers the requests of one connection.
func (n *network) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for in := bufio.NewReader(c); ; {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		status := "200 OK"
		d, ok := n.at(request.URL.EscapedPath())
		if !ok {
			status, d = "404 Not Found", document{"application/fhir+xml", []byte(missing)}
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", status, d.contentType, len(d.body)); err != nil {
			return
		}
		if _, err := c.Write(d.body); err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
	}
}

// memory is a connection that says that it is secured.
type memory struct{ net.Conn }

// ConnState is that of a good connection to Spine.
func (*memory) ConnState() auth.ConnState {
	return auth.ConnState{Engine: "fake", Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
}
