package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// TestEveryFaultOfTheConfiguration is told at once, by base names only.
func TestEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := setup(t)
	empty := filepath.Join(w.dir, "empty")
	wantErr(t, os.Mkdir(empty, 0o700), nil)
	delta := func(l *tbsList) {
		l.Extensions = append(l.Extensions, extension(t, []int{2, 5, 29, 27}, true, 1))
	}
	large := w.file("large.crl", nil)
	wantErr(t, os.Truncate(large, 20<<20+1), nil)
	_, err := revocation.New(revocation.Config{
		Timeout: -1,
		Hosts:   []string{"crl.test", "http://crl.test", "crl.test/path", "a@crl.test", "crl.test:", "crl.test:http", "", "[::1]:80"},
		Proxy:   &url.URL{Scheme: "socks5", Host: "proxy"},
		Lists: []string{
			filepath.Join(w.dir, "missing.crl"), empty, large,
			w.file("page.crl", []byte("<html>secret")),
			w.file("cert.pem", w.Sub.PEM()),
			w.file("delta.crl", w.crl(w.Sub, delta)),
			w.file("second.pem", append(pemList(w.crl(w.Sub, nil)), pemList([]byte("secret"))...)),
		},
		CacheDir: filepath.Join(w.file("file", nil), "cache"),
	})
	want := []string{
		"revocation: a negative Timeout or Refresh",
		"Hosts[1] is not a host or host:port", "Hosts[2] is not a host or host:port", "Hosts[3] is not a host or host:port",
		"Hosts[4] is not a host or host:port", "Hosts[5] is not a host or host:port", "Hosts[6] is not a host or host:port",
		"the Proxy is not an address of http or https",
		"CacheDir: not a directory",
		`list file "missing.crl": no such file or directory`,
		`list file "large.crl": more than 20971520 bytes`,
		`list file "page.crl": malformed: no CRL in DER or PEM`,
		`list file "cert.pem": malformed: a PEM block that is no CRL`,
		`list file "delta.crl": it cannot be judged: a delta CRL`,
		`list file "second.pem": malformed: not a CRL`,
		`folder "empty" holds no list (*.crl, *.der, *.pem)`,
	}
	if err == nil {
		t.Fatal("no fault")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestPolicies are the short forms, which need no configuration.
func TestPolicies(t *testing.T) {
	t.Parallel()
	w := setupAt(t, time.Now())
	leaf := w.leaf("leaf.nhs.uk", nil)
	for _, tt := range []struct {
		checker *revocation.Checker
		text    string
		isOff   bool
		check   error
		recheck error
	}{
		{checker: revocation.Hard(), text: "hard", check: revocation.ErrNoSource, recheck: revocation.ErrNotAtHand},
		{checker: revocation.Soft(), text: "soft"},
		{checker: revocation.Off(" a test "), text: "off (a test)", isOff: true},
		{checker: revocation.Off(" "), text: "off ()", isOff: true, check: revocation.ErrReason, recheck: revocation.ErrReason},
		{checker: nil, text: "hard", check: revocation.ErrUnknown, recheck: revocation.ErrUnknown},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			defer tt.checker.Close()
			_, isOff := tt.checker.IsOff()
			if diff := cmp.Diff([]any{tt.text, tt.isOff}, []any{tt.checker.String(), isOff}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			_, err := tt.checker.Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, tt.check)
			wantErr(t, tt.checker.Recheck(w.chain(leaf)), tt.recheck)
		})
	}
}

// TestChainsThatWereNotVerified are refused, also under the soft policy.
func TestChainsThatWereNotVerified(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	for name, chain := range map[string][]*x509.Certificate{
		"none": nil, "one": {leaf.Cert}, "not in order": {leaf.Cert, w.Root.Cert, w.Sub.Cert},
	} {
		k := w.checker(revocation.Config{Soft: true})
		if _, err := k.Check(t.Context(), chain, nil); !errors.Is(err, revocation.ErrChain) {
			t.Errorf("%s: got %v, want %v", name, err, revocation.ErrChain)
		}
	}
}

// TestSoftStillRefuses what is revoked, and a caller who is out of time.
func TestSoftStillRefuses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := newGate(t, nil)
	bad := w.leaf("bad.nhs.uk", nil)
	slow := w.leaf("slow.nhs.uk", named(g.URL, ""))
	list := w.file("sub.crl", w.crl(w.Sub, nil, bad.Cert))
	k := w.checker(revocation.Config{Soft: true, Lists: []string{list}})
	_, err := k.Check(t.Context(), w.chain(bad), nil)
	wantErr(t, err, revocation.ErrRevoked)
	wantErr(t, k.Recheck(w.chain(bad)), revocation.ErrRevoked)

	k = w.checker(revocation.Config{Soft: true, Hosts: []string{g.host}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = k.Check(ctx, w.chain(slow), nil)
	wantErr(t, err, context.Canceled)
}

// TestTexts are what logs, audit trails and operators read.
func TestTexts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var list, answer []byte
	c := serve(t, bytesOf(func() []byte { return list }))
	o := responder(t, func([]byte) []byte { return answer })
	list = w.crl(w.Sub, nil)
	plain := w.leaf("plain\n.nhs.uk", named(c.URL, ""))
	asked := w.leaf("asked.nhs.uk", named("", o.URL))
	answer = w.goodReply(w.Sub, asked.Cert).der(t)
	bad := w.leaf("bad.nhs.uk", nil)
	hosts := []string{c.host, o.host}
	dates := ", issued 2026-03-02T08:00:00Z, next update "
	root := `; "NHS Test Authentication": CRL file root.crl` + dates + "2027-03-02T09:00:00Z"
	text := func(k *revocation.Checker, l []*x509.Certificate, staple []byte) string {
		r, err := k.Check(t.Context(), l, staple)
		if err != nil {
			return err.Error()
		}
		return r.String()
	}
	k := w.checker(revocation.Config{Hosts: hosts})
	revoked := w.file("revoked.crl", w.crl(w.Sub, func(l *tbsList) {
		l.Revoked[0].Extensions = append(l.Revoked[0].Extensions, extension(t, oidReason, false, []int(nil)))
		l.Revoked[0].Extensions[0].Value = []byte{10, 1, 1}
	}, bad.Cert))
	want := []string{
		`"plain\n.nhs.uk": CRL ` + c.host + dates + "2026-03-03T09:00:00Z" + root,
		`"asked.nhs.uk": OCSP ` + o.host + dates + "2026-03-03T09:00:00Z" + root,
		`"bad.nhs.uk": OCSP staple` + dates + "2026-03-03T09:00:00Z" + root,
		`revocation: "bad.nhs.uk": revoked on 2026-03-02 (keyCompromise), says CRL file revoked.crl`,
		`revocation: "bad.nhs.uk": revocation status unknown: it names neither a CRL nor a responder, and no list file covers it`,
		`accepted by the soft policy: revocation: "plain\n.nhs.uk": revocation status unknown: CRL ` + c.host + ": not on the allow-list" + root,
		"off (why)",
	}
	got := []string{
		text(k, w.chain(plain), nil),
		text(k, w.chain(asked), nil),
		text(k, w.chain(bad), w.goodReply(w.Sub, bad.Cert).der(t)),
		text(w.checker(revocation.Config{Lists: []string{revoked}}), w.chain(bad), nil),
		text(w.checker(revocation.Config{}), w.chain(bad), nil),
		text(w.checker(revocation.Config{Soft: true}), w.chain(plain), nil),
		text(revocation.Off("why"), w.chain(plain), nil),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestRevokedIsTyped says who, why and since when.
func TestRevokedIsTyped(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	r := w.goodReply(w.Sub, leaf.Cert)
	r.Singles[0].Status = revokedFor(t, 9)
	_, err := w.checker(revocation.Config{}).Check(t.Context(), w.chain(leaf), r.der(t))
	got, ok := errors.AsType[*revocation.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := revocation.Error{
		Cert: "leaf.nhs.uk", Kind: revocation.ErrRevoked, By: revocation.ByStaple,
		Reason: revocation.PrivilegeWithdrawn, At: start.Add(-2 * time.Hour),
	}
	same := cmp.Comparer(errors.Is)
	if diff := cmp.Diff(want, *got, same); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
