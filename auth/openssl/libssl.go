//go:build cgo && linux

package openssl

/*
#cgo CFLAGS: -std=gnu11
#cgo LDFLAGS: -ldl
#cgo noescape nrl_handshake
#cgo nocallback nrl_handshake
#cgo noescape nrl_read
#cgo nocallback nrl_read
#cgo noescape nrl_write
#cgo nocallback nrl_write
#cgo noescape nrl_take
#cgo nocallback nrl_take
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"github.com/nrlgo/nrlgo/auth"
)

// This file is the only one that calls C: the C side is static, and a second
// file would get a second copy of it.

// library is the state of the process: a library, once opened, stays.
var library struct {
	sync.Mutex
	open   bool
	folder string
	broken bool // opened, but not to be initialised
}

// load opens libssl from a folder, "" for where the system looks.
func load(folder string) error {
	library.Lock()
	defer library.Unlock()
	switch {
	case library.broken:
		return fmt.Errorf("openssl: %w: it cannot be initialised", ErrNotAvailable)
	case library.open && library.folder != folder:
		return fmt.Errorf("openssl: %w: libssl was opened from another folder before", ErrNotAvailable)
	case library.open:
		return nil
	}
	if err := open(folder); err != nil {
		return err
	}
	if C.nrl_init() != 1 {
		library.broken = true
		return fmt.Errorf("openssl: %w: it cannot be initialised", ErrNotAvailable)
	}
	library.open, library.folder = true, folder
	return nil
}

// open fills the C side's table of functions, or leaves it as it was.
func open(folder string) error {
	if folder != "" { // "." must not become a bare name, which dlopen looks for in the system
		var err error
		if folder, err = filepath.Abs(folder); err != nil {
			return fmt.Errorf("openssl: %w: %w", ErrNotAvailable, err)
		}
	}
	tls := C.CString(filepath.Join(folder, "libssl.so.3"))
	defer C.free(unsafe.Pointer(tls))
	var crypto *C.char
	if folder != "" { // else libssl finds its own
		crypto = C.CString(filepath.Join(folder, "libcrypto.so.3"))
		defer C.free(unsafe.Pointer(crypto))
	}
	var why [256]C.char
	if e := C.nrl_open(crypto, tls, &why[0], C.size_t(len(why))); e != nil {
		err := fmt.Errorf("openssl: %w: libssl.so.3: %s", ErrNotAvailable, C.GoString(e))
		if detail := C.GoString(&why[0]); detail != "" {
			err = fmt.Errorf("%w (%s)", err, detail)
		}
		return err
	}
	return nil
}

// version is the number of the loaded library, such as 0x30000020 for 3.0.2.
func version() uint { return uint(C.nrl_version_num()) }

// versionText is OpenSSL's name for itself, once it is loaded.
func versionText() string { return C.GoString(C.nrl_version()) }

// reason is OpenSSL's fixed text for a code; it holds no data.
func reason(code uint) string {
	if s := C.nrl_reason(C.ulong(code)); s != nil {
		return C.GoString(s)
	}
	return "unknown reason"
}

// A setupError says which step of making a context failed.
type setupError struct {
	step string
	code uint
}

func (e *setupError) Error() string { return e.step + ": " + reason(e.code) }

func done(r C.nrl_setup) error {
	if r.step == nil {
		return nil
	}
	return &setupError{C.GoString(r.step), uint(r.code)}
}

// tlsContext is an SSL_CTX.
type tlsContext struct{ p *C.SSL_CTX }

// newContext makes a context of these suites, and checks that they and no
// others would be offered: OpenSSL leaves out names that it does not know
// without a word.
func newContext(ciphers, groups, sigalgs string, want []auth.Suite) (tlsContext, error) {
	var c tlsContext
	args := [3]*C.char{C.CString(ciphers), C.CString(groups), C.CString(sigalgs)}
	defer func() {
		for _, a := range args {
			C.free(unsafe.Pointer(a))
		}
	}()
	r := C.nrl_ctx_new(&c.p, args[0], args[1], args[2]) //nolint:gocritic // what cgo makes of it compares a thing with itself
	if err := done(r); err != nil {
		return tlsContext{}, err
	}
	ids := make([]C.uint16_t, len(want)+1)
	n := int(C.nrl_ctx_suites(c.p, &ids[0], C.int(len(ids))))
	same := n == len(want)
	for i := 0; same && i < n; i++ {
		same = uint16(ids[i]) == want[i].ID
	}
	if !same {
		c.free()
		return tlsContext{}, fmt.Errorf("it does not offer exactly the %d cipher suites in their order", len(want))
	}
	return c, nil
}

// own sets our certificates, leaf first, and the key in DER.
func (c tlsContext) own(chain [][]byte, key []byte) error {
	for i, der := range chain {
		leaf := C.int(0)
		if i == 0 {
			leaf = 1
		}
		if err := done(C.nrl_ctx_add_cert(c.p, ptr(der), C.size_t(len(der)), leaf)); err != nil {
			return err
		}
	}
	return done(C.nrl_ctx_set_key(c.p, ptr(key), C.size_t(len(key))))
}

func (c tlsContext) free() { C.nrl_ctx_free(c.p) }

// tlsSession is an SSL_SESSION; the zero value is none.
type tlsSession struct{ p *C.SSL_SESSION }

func (s tlsSession) usable() bool { return C.nrl_session_usable(s.p) == 1 }

// another is a second reference to s.
func (s tlsSession) another() tlsSession {
	C.nrl_session_ref(s.p)
	return s
}

func (s tlsSession) free() {
	if s.p != nil {
		C.nrl_session_free(s.p)
	}
}

// link is the SSL object of a connection with its buffers; one call at a time.
type link struct{ p *C.nrl_conn }

// newLink makes the client's side; name is for SNI, "" for none. ok is false
// when OpenSSL has no memory or refuses the name.
func (c tlsContext) newLink(name string, s tlsSession) (l link, ok bool) {
	var sni *C.char
	if name != "" {
		sni = C.CString(name)
		defer C.free(unsafe.Pointer(sni))
	}
	l.p = C.nrl_new(c.p, sni, s.p)
	return l, l.p != nil
}

func (l link) free() { C.nrl_free(l.p) }

// Results of SSL_get_error.
const (
	wantNothing = C.NRL_SSL_ERROR_NONE
	wantRead    = C.NRL_SSL_ERROR_WANT_READ
	zeroReturn  = C.NRL_SSL_ERROR_ZERO_RETURN
)

// Parts of an error code, and reasons of libssl.
const (
	libSSL              = C.NRL_ERR_LIB_SSL
	libOffset           = C.NRL_ERR_LIB_OFFSET
	libMask             = C.NRL_ERR_LIB_MASK
	reasonMask          = C.NRL_ERR_REASON_MASK
	alertOffset         = C.NRL_SSL_AD_REASON_OFFSET
	unknownCipher       = C.NRL_SSL_R_UNKNOWN_CIPHER_RETURNED
	wrongCipher         = C.NRL_SSL_R_WRONG_CIPHER_RETURNED
	unsupportedProtocol = C.NRL_SSL_R_UNSUPPORTED_PROTOCOL
	unknownVersion      = C.NRL_SSL_R_UNKNOWN_SSL_VERSION
	wrongVersion        = C.NRL_SSL_R_WRONG_SSL_VERSION
	wrongRecordVersion  = C.NRL_SSL_R_WRONG_VERSION_NUMBER
	asn1                = C.NRL_ERR_R_ASN1_LIB
	certLength          = C.NRL_SSL_R_CERT_LENGTH_MISMATCH
)

// step is what a call did: why it ended, the error code of a fatal end, bytes
// of data moved, bytes of the network used and waiting to be sent, the
// server's certificate messages so far, whether a session is resumed, whether
// the ServerHello has come.
type step struct {
	err              int
	code             uint
	n, used, pending int
	chains           int
	reused, answered bool
}

// failed reports whether nothing can follow.
func (s step) failed() bool { return s.err != wantNothing && s.err != wantRead }

func stepOf(r C.nrl_result) step {
	return step{int(r.err), uint(r.code), int(r.n), int(r.used), int(r.pending), int(r.chains), r.reused == 1, r.answered == 1}
}

// ptr is for byte pointers of C, which cgo passes without looking at what
// else the memory around them holds.
func ptr(b []byte) *C.uchar { return (*C.uchar)(unsafe.SliceData(b)) }

func (l link) handshake(in []byte) step {
	return stepOf(C.nrl_handshake(l.p, ptr(in), C.size_t(len(in))))
}

func (l link) read(in, out []byte) step {
	return stepOf(C.nrl_read(l.p, ptr(in), C.size_t(len(in)), ptr(out), C.size_t(len(out))))
}

// write gives what waits for the network too, as take does.
func (l link) write(b []byte) (s step, out []byte) {
	r := C.nrl_write(l.p, ptr(b), C.size_t(len(b)))
	return stepOf(r.result), borrowed(r.out)
}

func (l link) closeNotify() { C.nrl_close_notify(l.p) }

func (l link) fatal() { C.nrl_fatal(l.p) }

// take gives what waits for the network, in C memory that is valid until the
// next take.
func (l link) take() []byte { return borrowed(C.nrl_take(l.p)) }

func borrowed(b C.nrl_bytes) []byte {
	return unsafe.Slice((*byte)(b.p), int(b.n))
}

// peer copies the server's certificates, one behind the other in DER, and its
// OCSP answer.
func (l link) peer() (chain, staple []byte) {
	c := C.nrl_chain(l.p)
	defer C.free(unsafe.Pointer(c.p))
	return append([]byte(nil), borrowed(c)...), append([]byte(nil), borrowed(C.nrl_staple(l.p))...)
}

func (l link) suite() uint16    { return uint16(C.nrl_suite(l.p)) }
func (l link) protocol() uint16 { return uint16(C.nrl_protocol(l.p)) }

// session is a reference to the session of a finished handshake.
func (l link) session() tlsSession { return tlsSession{C.nrl_session(l.p)} }
