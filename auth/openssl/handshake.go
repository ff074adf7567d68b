//go:build cgo && linux

package openssl

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// past is a deadline that ends what waits.
var past = time.Unix(1, 0)

// badCertificate is the alert (RFC 5246) for a refused server, sent by hand:
// it precedes our ChangeCipherSpec, so it goes in the clear.
var badCertificate = []byte{21, 3, 3, 0, 2, 2, 42}

// errUnjudged guards against a mistake here: it does not happen.
var errUnjudged = errors.New("the handshake went on without a verdict on the server")

// handshake is one handshake. OpenSSL works in memory: what it wants to send
// is held back until the server was judged.
type handshake struct {
	raw     net.Conn
	host    string
	trust   *auth.Trust
	link    link
	in      []byte // buffer of the network
	rest    []byte // part of in that OpenSSL has not taken
	first   []byte // the first bytes that the server sent, at most two
	session session

	offered   bool
	offer     session
	offerPeer auth.Peer

	judged  bool
	resumed bool
	peer    auth.Peer
}

// run ends when the handshake is finished and the server verified. The error
// is an *auth.VerifyError or an *auth.HandshakeError.
func (h *handshake) run(ctx context.Context) error {
	for {
		s := h.link.handshake(h.rest)
		h.rest = h.rest[s.used:]
		if err := h.gate(ctx, s); err != nil {
			h.link.fatal()
			return err
		}
		if s.pending > 0 {
			if _, err := h.raw.Write(h.link.take()); err != nil && !s.failed() {
				return fault(h.host, err)
			}
		}
		switch s.err {
		case wantNothing:
			return nil
		case wantRead:
			if err := h.fill(); err != nil {
				return err
			}
		default:
			return h.failure(s)
		}
	}
}

// gate lets nothing but the ClientHello, and alerts, go out before the
// verdict. The verdict waits for the end of the server's messages, because
// the OCSP answer follows the chain.
func (h *handshake) gate(ctx context.Context, s step) error {
	switch {
	case h.judged:
		return nil
	case s.err == wantRead && s.pending == 0: // more is to come
		return nil
	case s.chains > 0:
		return h.judge(ctx)
	case s.reused:
		if !h.offered {
			return fault(h.host, errUnjudged)
		}
		h.judged, h.resumed, h.peer = true, true, h.offerPeer
		h.session.chain, h.session.staple, h.session.born = h.offer.chain, h.offer.staple, h.offer.born
		return nil
	case s.failed(), s.err == wantRead && len(h.first) == 0:
		return nil // an alert, the ClientHello
	}
	return fault(h.host, errUnjudged)
}

// judge has the server's chain verified. A refused server gets an alert in
// place of what OpenSSL wanted to send.
func (h *handshake) judge(ctx context.Context) error {
	der, staple := h.link.peer()
	chain, err := x509.ParseCertificates(der)
	if err != nil {
		err = h.malformed() // err may quote it
	} else {
		h.peer, err = h.trust.Verify(ctx, h.host, chain, staple)
	}
	if err != nil {
		_, _ = h.raw.Write(badCertificate)
		return err
	}
	h.judged, h.session.chain, h.session.staple = true, chain, staple
	return nil
}

// fill reads from the network.
func (h *handshake) fill() error {
	n, err := h.raw.Read(h.in)
	if n == 0 && err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fault(h.host, err)
	}
	h.rest = h.in[:n]
	h.first = append(h.first, h.rest[:min(n, 2-len(h.first))]...)
	return nil
}

func (h *handshake) malformed() error {
	return &auth.VerifyError{Stage: auth.StageChain, Host: h.host, Reason: errMalformed.Error()}
}

// failure says what a fatal end means.
func (h *handshake) failure(s step) error {
	alert, why := reading(s.code)
	if errors.Is(why, errMalformed) {
		return h.malformed()
	}
	e := &auth.HandshakeError{Host: h.host, Engine: engineName, Alert: alert, Err: why}
	switch {
	case notTLS(h.first):
		e.Err = auth.ErrNotTLS
	case alert != 0 && errors.Is(why, auth.ErrNoSuite) && s.answered:
		e.Err = auth.ErrRefused // a suite was agreed: what came since is our certificate
	}
	return e
}

// notTLS reports whether a stream begins with something else than a record
// type and the major version of TLS (RFC 5246).
func notTLS(b []byte) bool {
	return len(b) > 0 && (b[0] < 20 || b[0] > 23) || len(b) > 1 && b[1] != 3
}

// conn is the verified connection.
func (h *handshake) conn() *conn {
	return newConn(h.raw, h.link, h.in, h.rest, auth.ConnState{
		Engine: engineName, Version: h.link.protocol(), CipherSuite: h.link.suite(), Resumed: h.resumed, Peer: h.peer,
	})
}
