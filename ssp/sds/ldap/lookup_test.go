package ldap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
	"github.com/nrlgo/nrlgo/ssp/sds/ldap"
)

const interaction = ssp.InteractionID

// field is a directory with what the field has: organisations with one system
// and with several, systems that ask only, and names that are filters.
var field = strings.Join([]string{
	system(one, owner, "RR8-1", interaction, "urn:other"), endpoint("mhs1", owner, "RR8-1", "P1.canary.nhs.uk"),
	system(two, owner, "RR8-2", interaction), endpoint("mhs2", owner, "RR8-2", "p2.nhs.uk"),
	system("200000000888", owner, "RR8-2", "urn:other"), // of the same party, which only asks
	system("200000000001", "A1", "A1-1", interaction), endpoint("mhs3", "A1", "A1-1", "p1.canary.nhs.uk"),
	system("200000000002", "B2", "B2-1", interaction), system("200000000003", "B2", "B2-1", interaction), endpoint("mhs4", "B2", "B2-1", "p3.nhs.uk"),
	system("200000000004", "C3", "x*)(objectClass=*", interaction), endpoint("mhs5", "C3", "x*)(objectClass=*", "p4.nhs.uk"),
	system("200000000005", "D4", "D4-1", "urn:other"), endpoint("mhs6", "D4", "D4-1", "p5.nhs.uk"),
	system("200000000006", "E5", "E5-1", interaction),
}, "")

func TestSystemAtTheRecordsHostIsFound(t *testing.T) {
	t.Parallel()
	s := serve(t, field, "")
	for _, order := range []ldap.Order{ldap.EndpointsFirst, ldap.SystemsFirst} {
		d := directory(t, s.address, func(c *ldap.Config) { c.Order = order })
		for _, tt := range []struct {
			name, org, host string
			want            string // "": ErrNoASID
		}{
			{"by the host", owner, host, one},
			{"never just the first; one of a party, which has the interaction", owner, "p2.nhs.uk", two},
			{"none at that host", owner, "p9.nhs.uk", ""},
			{"of the organisation asked for", "A1", host, "200000000001"},
			{"none of two", "B2", "p3.nhs.uk", ""},
			{"a party key that is a filter", "C3", "p4.nhs.uk", "200000000004"},
			{"no endpoint", "E5", "p6.nhs.uk", ""},
			{"no such organisation", "Z9", host, ""},
		} {
			t.Run(fmt.Sprintf("order %d: %s", order, tt.name), func(t *testing.T) {
				t.Parallel()
				got, err := d.Lookup(t.Context(), ssp.Lookup{Organisation: nhs.MustParseODSCode(tt.org), InteractionID: interaction, Host: tt.host})
				if got.Digits() != tt.want || errors.Is(err, ssp.ErrNoASID) != (tt.want == "") || err == nil != (tt.want != "") {
					t.Fatal(got.Digits(), err)
				}
				if err != nil {
					quiet(t, err)
					if e, ok := errors.AsType[*spine.Error](err); !ok || e.Code != spine.CodeInvalid || e.Origin != spine.OriginDir || e.Op != ssp.OpLookup {
						t.Errorf("%v", err)
					}
				}
			})
		}
	}
}

// The queries are the published ones, with what is special in them escaped.
func TestPublishedQueries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		order ldap.Order
		org   string
		host  string
		want  []string
	}{
		{ldap.EndpointsFirst, owner, host, []string{
			"(&(nhsIDCode=" + owner + ")(objectClass=nhsMHS)(nhsMhsSvcIA=" + interaction + "))",
			"(&(nhsIDCode=" + owner + ")(objectClass=nhsAS)(nhsMhsPartyKey=RR8-1))",
		}},
		{ldap.SystemsFirst, owner, host, []string{
			"(&(nhsIDCode=" + owner + ")(objectClass=nhsAS)(nhsAsSvcIA=" + interaction + "))",
			"(&(nhsMhsPartyKey=RR8-1)(objectClass=nhsMHS)(nhsMhsSvcIA=" + interaction + "))",
			"(&(nhsMhsPartyKey=RR8-2)(objectClass=nhsMHS)(nhsMhsSvcIA=" + interaction + "))",
		}},
		{ldap.EndpointsFirst, "C3", "p4.nhs.uk", []string{
			"(&(nhsIDCode=C3)(objectClass=nhsMHS)(nhsMhsSvcIA=" + interaction + "))",
			`(&(nhsIDCode=C3)(objectClass=nhsAS)(nhsMhsPartyKey=x\2A\29\28objectClass=\2A))`,
		}},
	} {
		t.Run(fmt.Sprint(tt.order, tt.org), func(t *testing.T) {
			t.Parallel()
			s := serve(t, field, "")
			d := directory(t, s.address, func(c *ldap.Config) { c.Order = tt.order })
			if _, err := d.Lookup(t.Context(), ssp.Lookup{Organisation: nhs.MustParseODSCode(tt.org), InteractionID: interaction, Host: tt.host}); err != nil {
				t.Fatal(err)
			}
			for i := range tt.want {
				tt.want[i] = strings.ToLower(tt.want[i])
			}
			if diff := cmp.Diff(tt.want, s.filters(t, len(tt.want))); diff != "" {
				t.Errorf("filters (-want +got)\n%s", diff)
			}
			if log := s.log.String(); !strings.Contains(log, `BIND dn="" method=128`) || !strings.Contains(log, `SRCH base="ou=services,o=nhs" scope=2 deref=0`) {
				t.Errorf("no anonymous bind, or another base:\n%s", log)
			}
		})
	}
}

// Neither a star nor brackets reach the server: no such ODS code can be made,
// and no such interaction is asked for.
func TestQuestionThatMustNotBeAskedIsNot(t *testing.T) {
	t.Parallel()
	s := serve(t, field, "")
	d := directory(t, s.address, nil)
	for _, bad := range []string{"*", ")(", "x)(objectClass=*"} {
		org, err := nhs.ParseODSCode(bad)
		if err == nil {
			t.Errorf("%q is an ODS code", bad)
		}
		for _, q := range []ssp.Lookup{{Organisation: org, InteractionID: interaction, Host: host}, {Organisation: question.Organisation, InteractionID: bad, Host: host}} {
			if _, err := d.Lookup(t.Context(), q); !errors.Is(err, ssp.ErrNoASID) || spine.CodeOf(err) != spine.CodeInvalid {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	if _, err := d.Lookup(t.Context(), question); err != nil {
		t.Fatal(err)
	}
	if all := s.filters(t, 2); len(all) != 2 || strings.ContainsAny(all[0]+all[1], `*\\`) {
		t.Errorf("asked %q, want the two of the good question only", all)
	}
}

func TestServerThatRefuses(t *testing.T) {
	t.Parallel()
	crowd := strings.Builder{}
	for n := range 101 {
		crowd.WriteString(endpoint(fmt.Sprintf("mhs%d", n), owner, fmt.Sprintf("RR8-%d", n), host))
	}
	for _, tt := range []struct {
		name, entries, further string
		code                   spine.Code
		text                   string
	}{
		{"no anonymous bind", field, "disallow bind_anon", spine.CodeDenied, "result 48"},
		{"nothing to be seen", field, "access to * by * none", spine.CodeUnexpected, "result 32"},
		{"a part of it elsewhere", field + "dn: ou=more,ou=Services,o=nhs\nobjectClass: referral\nobjectClass: extensibleObject\nou: more\nref: ldap://canary.example/\n\n", "", spine.CodeUnexpected, "another server"},
		{"more than can be", crowd.String(), "", spine.CodeUnexpected, "more entries"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.entries, tt.further)
			got, err := directory(t, s.address, nil).Lookup(t.Context(), question)
			if !got.IsZero() || spine.CodeOf(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.text) || (tt.code == spine.CodeUnexpected) != errors.Is(err, ssp.ErrDirectory) {
				t.Fatalf("%v, want code %q, %q", err, tt.code, tt.text)
			}
			quiet(t, err)
		})
	}
}

// The certificate is asked for and shown: the server lets nobody else in, and
// a server of another trust is not asked.
func TestConnectionIsMutualTLS(t *testing.T) {
	t.Parallel()
	s := serve(t, field, "")
	p := certificates(t)
	bare, err := (&tls.Dialer{Config: &tls.Config{RootCAs: p.Root.Pool(), MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}}).DialContext(t.Context(), "tcp", s.address)
	if err == nil {
		_ = bare.Close()
		t.Error("slapd lets in a client without a certificate")
	}
	_, err = directory(t, strings.Replace(s.address, "127.0.0.1", "localhost", 1), nil).Lookup(t.Context(), question)
	if spine.CodeOf(err) != spine.CodeCertificate || !errors.Is(err, auth.ErrUntrusted) {
		t.Errorf("a certificate for another host: %v", err)
	}
	s.wait(t, func(log string) bool {
		return strings.Count(log, "TLS negotiation failure") >= 2 && !strings.Contains(log, "SRCH")
	})
}

func TestLookupConcurrently(t *testing.T) {
	t.Parallel()
	d := directory(t, serve(t, field, "").address, nil)
	e := ssp.NewEncounter(d, 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := e.Lookup(t.Context(), question); got.Digits() != one || err != nil {
				t.Error(got.Digits(), err)
			}
		})
	}
	wg.Wait()
}

// broken is a TLS server that talks nonsense.
func broken(t *testing.T, talk func(net.Conn)) (address string) {
	t.Helper()
	p := certificates(t)
	leaf, err := p.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{leaf.TLS()}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				if _, err := conn.Read(make([]byte, 1)); err == nil { // of the bind
					talk(conn)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func TestServerThatIsBroken(t *testing.T) {
	t.Parallel()
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	for _, tt := range []struct {
		name   string
		talk   func(net.Conn)
		edit   func(*ldap.Config)
		cancel bool
		code   spine.Code
		err    error
	}{
		{"silent", silent, func(c *ldap.Config) { c.Timeout = 300 * time.Millisecond }, false, spine.CodeTimeout, context.DeadlineExceeded},
		{"silent, and the caller leaves", silent, nil, true, spine.CodeCanceled, context.Canceled},
		{"it hangs up", func(net.Conn) {}, nil, false, spine.CodeUnavailable, spine.ErrConnection},
		{"it speaks HTTP", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n"+strings.Repeat("canary ", 9999))
		}, nil, false, spine.CodeUnexpected, ssp.ErrDirectory},
		{"it does not end", func(conn net.Conn) { // an LDAP message of 2 GiB
			_, _ = conn.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0, 0x04, 0x84, 0x7f, 0xff, 0xff, 0x00})
			for block := make([]byte, 64<<10); ; {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		}, nil, false, spine.CodeUnexpected, spine.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancel {
				defer time.AfterFunc(200*time.Millisecond, cancel).Stop()
			}
			_, err := directory(t, broken(t, tt.talk), tt.edit).Lookup(ctx, question)
			if spine.CodeOf(err) != tt.code || !errors.Is(err, tt.err) {
				t.Fatalf("%v, want code %q, %v", err, tt.code, tt.err)
			}
			quiet(t, err)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if _, err := directory(t, address, nil).Lookup(t.Context(), question); spine.CodeOf(err) != spine.CodeUnavailable {
		t.Error(err)
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		c      ldap.Config
		faults []string
	}{
		{"nothing given", ldap.Config{Timeout: -1, Order: 7}, []string{"URL is missing", "Dialer is missing", "Timeout", "Order"}},
		{"ldap", ldap.Config{URL: &url.URL{Scheme: "ldap", Host: "x"}}, []string{"ldaps://host:port"}},
		{"a base", ldap.Config{URL: &url.URL{Scheme: "ldaps", Host: "x", Path: "/o=nhs"}}, []string{"ldaps://host:port"}},
		{"a user", ldap.Config{URL: &url.URL{Scheme: "ldaps", Host: "x", User: url.User("u")}}, []string{"ldaps://host:port"}},
	} {
		_, err := ldap.New(tt.c)
		for _, f := range tt.faults {
			if !strings.Contains(fmt.Sprint(err), f) {
				t.Errorf("%s: %q is not in %v", tt.name, f, err)
			}
		}
	}
}
