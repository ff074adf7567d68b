package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// openssl is a CA of the openssl command over the sub CA's key: it makes lists
// and answers by its own code and clock.
type openssl struct{ *world }

func newOpenSSL(t *testing.T) *openssl {
	t.Helper()
	w := setupAt(t, time.Now().Truncate(time.Second))
	o := &openssl{w}
	sub := &pki.Leaf{Cert: w.Sub.Cert, Key: w.Sub.Key}
	w.file("ca.pem", sub.CertPEM())
	w.file("ca.key", sub.KeyPEM())
	w.file("number", []byte("01\n"))
	w.file("ca.cnf", []byte(strings.ReplaceAll(`
[ca]
default_ca = it
[it]
database = DIR/index.txt
crlnumber = DIR/number
certificate = DIR/ca.pem
private_key = DIR/ca.key
default_md = sha256
default_crl_days = 1
crl_extensions = plain
[plain]
authorityKeyIdentifier = keyid
[partition]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@point
[point]
fullname = URI:http://crl.nhs.uk/int/1c/crlc7.crl
`, "DIR", w.dir)))
	return o
}

// database writes openssl's index of issued and revoked certificates.
func (o *openssl) database(issued []*x509.Certificate, revoked ...*x509.Certificate) {
	o.t.Helper()
	var b bytes.Buffer
	const when = "060102150405Z"
	line := func(state string, c *x509.Certificate, at string) {
		serial := strings.ToUpper(c.SerialNumber.Text(16))
		if len(serial)%2 == 1 {
			serial = "0" + serial
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\tunknown\t/CN=%s\n", state, c.NotAfter.Format(when), at, serial, c.Subject.CommonName)
	}
	for _, c := range issued {
		line("V", c, "")
	}
	for _, c := range revoked {
		line("R", c, o.now().Add(-time.Hour).UTC().Format(when)+",keyCompromise")
	}
	o.file("index.txt", b.Bytes())
}

func (o *openssl) run(ctx context.Context, args ...string) {
	o.t.Helper()
	out, err := exec.CommandContext(ctx, "openssl", args...).CombinedOutput()
	if err != nil {
		o.t.Errorf("openssl %s: %v\n%s", args[0], err, out)
	}
}

func (o *openssl) at(name string) string { return filepath.Join(o.dir, name) }

// TestOpenSSLLists reads lists that `openssl ca -gencrl` made.
func TestOpenSSLLists(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	const partition = "http://crl.nhs.uk/int/1c/crlc7.crl"
	ok, bad := o.leaf("ok.nhs.uk", named(partition, "")), o.leaf("bad.nhs.uk", named(partition, ""))
	elsewhere := o.leaf("elsewhere.nhs.uk", named("http://other.test/a.crl", ""))
	o.database([]*x509.Certificate{ok.Cert, elsewhere.Cert}, bad.Cert)
	for _, form := range []string{"PEM", "DER"} {
		for _, part := range []string{"plain", "partition"} {
			list := o.at(part + form + ".crl")
			o.run(t.Context(), "ca", "-config", o.at("ca.cnf"), "-gencrl", "-crlexts", part, "-out", o.at("list.pem"))
			o.run(t.Context(), "crl", "-in", o.at("list.pem"), "-outform", form, "-out", list)
			k := o.checker(revocation.Config{Lists: []string{list}})
			check := func(l *pki.Leaf, want error) {
				t.Helper()
				_, err := k.Check(t.Context(), o.chain(l), nil)
				wantErr(t, err, want)
			}
			check(ok, nil)
			check(bad, revocation.ErrRevoked)
			if part == "partition" {
				check(elsewhere, revocation.ErrNotAllowed)
			} else {
				check(elsewhere, nil)
			}
		}
	}
}

// TestOpenSSLResponder asks `openssl ocsp` over HTTP.
func TestOpenSSLResponder(t *testing.T) {
	t.Parallel()
	o := newOpenSSL(t)
	server := must[*pki.Leaf](t)(o.Server("server.nhs.uk"))
	expired := func(c *x509.Certificate) { c.NotAfter = o.now().Add(-time.Minute) }
	for i, tt := range []struct {
		name           string
		signer         *pki.Leaf // nil: the CA
		options        []string
		known, revoked bool
		later          time.Duration
		want           error
	}{
		{name: "good", known: true},
		{name: "revoked", revoked: true, want: revocation.ErrRevoked},
		{name: "unknown", want: revocation.ErrNotKnown},
		{name: "a delegated responder", known: true, signer: o.delegate(nil)},
		{name: "a delegated responder, named by its key", known: true, signer: o.delegate(nil), options: []string{"-resp_key_id"}},
		{name: "a delegated responder that is not enclosed", known: true, signer: o.delegate(nil), options: []string{"-resp_no_certs"}, want: revocation.ErrResponder},
		{name: "an ordinary server", known: true, signer: server, want: revocation.ErrResponder},
		{name: "an expired responder", known: true, signer: o.delegate(expired), want: revocation.ErrResponder},
		{name: "a signature with SHA-1", known: true, options: []string{"-rmd", "sha1"}, want: revocation.ErrSignature},
		{name: "read after its next update", known: true, later: 49 * time.Hour, want: revocation.ErrStale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signer := tt.signer
			if signer == nil {
				signer = &pki.Leaf{Cert: o.Sub.Cert, Key: o.Sub.Key}
			}
			file := func(kind string) string { return o.at(fmt.Sprintf("%d.%s", i, kind)) }
			o.file(filepath.Base(file("pem")), signer.CertPEM())
			o.file(filepath.Base(file("key")), signer.KeyPEM())
			responder := serve(t, opensslHandler(o, file, tt.options))
			leaf := o.leaf("leaf.nhs.uk", named("", responder.URL))
			var issued, revoked []*x509.Certificate
			if tt.known {
				issued = append(issued, leaf.Cert)
			}
			if tt.revoked {
				revoked = append(revoked, leaf.Cert)
			}
			o.database(issued, revoked...)
			later := func() time.Time { return o.now().Add(tt.later) }
			k, err := revocation.New(revocation.Config{Hosts: []string{responder.host}, Lists: []string{o.root}, Now: later})
			wantErr(t, err, nil)
			defer k.Close()
			_, err = k.Check(t.Context(), o.chain(leaf), nil)
			wantErr(t, err, tt.want)
		})
	}
}

// opensslHandler hands each request to `openssl ocsp`, which checks it and
// echoes its nonce.
func opensslHandler(o *openssl, file func(string) string, options []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(r.Body)
		if err != nil {
			o.t.Error(err)
		}
		o.file(filepath.Base(file("req")), request)
		o.run(r.Context(), append([]string{
			"ocsp", "-index", o.at("index.txt"), "-CA", o.at("ca.pem"), "-rsigner", file("pem"), "-rkey", file("key"),
			"-reqin", file("req"), "-respout", file("resp"), "-ndays", "2",
		}, options...)...)
		answer, err := os.ReadFile(file("resp"))
		if err != nil {
			o.t.Error(err)
		}
		if !bytes.Contains(answer, nonceOf(o.t, request)) {
			o.t.Error("openssl gave the nonce not back")
		}
		_, _ = w.Write(answer)
	}
}
