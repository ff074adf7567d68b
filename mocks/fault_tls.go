package mocks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"time"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// errDropped is what the server's log says of a handshake that a fault ended.
var errDropped = errors.New("ended by a fault of the mock")

// Alert answers the next ClientHello with a fatal TLS alert of that code (RFC
// 5246, section 7.2), such as 42 (bad_certificate) or 40 (handshake_failure).
func Alert(code uint8) Fault {
	return dropped("alert", func(c *conn) {
		_, _ = c.tcp.Write([]byte{21, 3, 3, 0, 2, 2, code})
		_ = c.tcp.closeWrite()
	})
}

// PlainText answers a ClientHello with these bytes and ends the connection:
// plain HTTP on the TLS port, say.
func PlainText(text string) Fault {
	return dropped("plain-text", func(c *conn) {
		_, _ = io.WriteString(c.tcp, text)
		_ = c.tcp.closeWrite()
	})
}

// HandshakeReset resets the connection after the ClientHello.
func HandshakeReset() Fault { return dropped("handshake-reset", (*conn).reset) }

// HandshakeHangup ends the connection after the ClientHello by a FIN.
func HandshakeHangup() Fault {
	return dropped("handshake-hangup", func(c *conn) { _ = c.tcp.closeWrite() })
}

// HandshakeStall answers a ClientHello with nothing until the client leaves
// or the mock closes.
func HandshakeStall() Fault {
	return dropped("handshake-stall", func(c *conn) {
		_ = c.tcp.SetReadDeadline(time.Time{}) // net/http has set one
		_, _ = io.Copy(io.Discard, c.tcp)
	})
}

// dropped ends a handshake once the ClientHello has come.
func dropped(name string, end func(*conn)) Fault {
	return Fault{name: name, shake: func(c *conn) error {
		end(c)
		return errDropped
	}}
}

// Certificate presents this one in the next handshake, which is a full one
// even where the client could resume.
func Certificate(c tls.Certificate) Fault {
	return presenting("certificate", 0, func(*Spine) (*tls.Certificate, error) { return &c, nil })
}

// ExpiredCertificate presents a server certificate that expired a minute ago.
func ExpiredCertificate() Fault {
	return issuing("expired-certificate", dutyServerValidity, localhost, func(s *Spine, c *x509.Certificate) {
		pki.Hosts(hosts...)(c)
		c.NotAfter = s.options.now().Add(-time.Minute)
	})
}

// NotYetValidCertificate presents a server certificate that is valid from
// tomorrow.
func NotYetValidCertificate() Fault {
	return issuing("not-yet-valid-certificate", dutyServerValidity, localhost, func(s *Spine, c *x509.Certificate) {
		pki.Hosts(hosts...)(c)
		c.NotBefore = s.options.now().AddDate(0, 0, 1)
	})
}

// WrongNameCertificate presents a server certificate of another host.
func WrongNameCertificate() Fault {
	return issuing("wrong-name-certificate", dutyServerName, "elsewhere.nhs.uk", func(_ *Spine, c *x509.Certificate) {
		pki.Hosts("elsewhere.nhs.uk")(c)
	})
}

// CommonNameCertificate presents a server certificate that names 127.0.0.1 in
// the common name only, as those of HSCN hosts do (security page).
func CommonNameCertificate() Fault {
	return issuing("common-name-certificate", 0, "127.0.0.1", func(*Spine, *x509.Certificate) {})
}

// RevokedCertificate presents a server certificate that is on the mock's CRL
// and that its OCSP responder calls revoked. It names both, also without
// [WithRevocationLists].
func RevokedCertificate() Fault {
	return presenting("revoked-certificate", dutyServerRevoked, func(s *Spine) (*tls.Certificate, error) {
		leaf, err := s.pki.Issue(localhost, func(c *x509.Certificate) {
			pki.Hosts(hosts...)(c)
			c.CRLDistributionPoints, c.OCSPServer = []string{s.CRLURL()}, []string{s.OCSPURL()}
		}, pki.Named("server"))
		if err != nil {
			return nil, err
		}
		s.Revoke(leaf.Cert)
		return new(leaf.TLS()), nil
	})
}

// SelfSignedCertificate presents a server certificate outside the Spine PKI.
func SelfSignedCertificate() Fault {
	return presenting("self-signed-certificate", dutyServerChain, func(*Spine) (*tls.Certificate, error) {
		leaf, err := pki.SelfSigned(localhost, pki.Hosts(hosts...))
		if err != nil {
			return nil, err
		}
		return new(leaf.TLS()), nil
	})
}

// WeakCertificate presents a server certificate whose RSA key has 1024 bits.
func WeakCertificate() Fault {
	return issuing("weak-certificate", dutyServerChain, localhost, func(_ *Spine, c *x509.Certificate) {
		pki.Hosts(hosts...)(c)
	}, pki.RSA(1024))
}

const localhost = "localhost"

// hosts are those that the mock's certificates name.
var hosts = []string{localhost, "127.0.0.1"}

// issuing presents a certificate of the mock's sub CA. A client that uses the
// connection breaks the duty.
func issuing(name string, d duty, cn string, edit func(*Spine, *x509.Certificate), options ...pki.KeyOption) Fault {
	return presenting(name, d, func(s *Spine) (*tls.Certificate, error) {
		options := options
		if len(options) == 0 {
			options = []pki.KeyOption{pki.Named("server")} // made already
		}
		leaf, err := s.pki.Issue(cn, func(c *x509.Certificate) { edit(s, c) }, options...)
		if err != nil {
			return nil, err
		}
		return new(leaf.TLS()), nil
	})
}

func presenting(name string, d duty, issue func(*Spine) (*tls.Certificate, error)) Fault {
	return Fault{name: name, shake: func(c *conn) (err error) {
		c.tcp.bait = d
		c.tcp.present, err = issue(c.spine)
		return err
	}}
}
