/* The engine's C side. Everything is static: the symbols of a C library are
 * global, and two versions of this package in one program must not meet.
 *
 * OpenSSL's error queue belongs to the thread, and a goroutine may move to
 * another thread between two calls into C. So each function here clears the
 * queue, does its work and reads the result by itself. */
#ifndef NRL_SHIM_H
#define NRL_SHIM_H

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

#define NRL_POINTER(name, result, parameters) result (*name) parameters;
typedef struct {
	NRL_FUNCTIONS(NRL_POINTER)
} nrl_api;
#undef NRL_POINTER
static nrl_api ossl;

static BIO_METHOD *nrl_method;

/* A connection. in is Go memory and set during one call only. out holds
 * records for the network; spare is the buffer whose content nrl_take gave
 * away before. */
typedef struct {
	SSL *ssl;
	const unsigned char *in;
	size_t inlen;
	unsigned char *out, *spare;
	size_t outlen, outcap, sparecap;
	int chains; /* certificate messages of the server */
	int fatal;
} nrl_conn;

/* What one step did: an SSL_ERROR_ number, the last entry of the error queue,
 * application bytes moved, network bytes consumed, network bytes waiting. */
typedef struct {
	int err;
	unsigned long code;
	size_t n, used, pending;
	int chains, reused, answered;
} nrl_result;

typedef struct {
	const unsigned char *p;
	size_t n;
} nrl_bytes;

/* The result of setting something up: what failed, NULL for nothing. */
typedef struct {
	const char *step;
	unsigned long code;
} nrl_setup;

static nrl_setup nrl_failed(const char *step) {
	nrl_setup r = {step, ossl.ERR_peek_last_error()};
	return r;
}

static const nrl_setup nrl_done;

/* --- memory BIO ------------------------------------------------------- */

static void nrl_retry(BIO *b, int flags) {
	ossl.BIO_clear_flags(b, NRL_BIO_FLAGS_RWS | NRL_BIO_FLAGS_SHOULD_RETRY);
	if (flags) ossl.BIO_set_flags(b, flags);
}

static int nrl_bio_read(BIO *b, char *dst, int n) {
	nrl_conn *c = ossl.BIO_get_data(b);
	nrl_retry(b, 0);
	if (n <= 0) return 0;
	if (c->inlen == 0) {
		nrl_retry(b, NRL_BIO_FLAGS_READ | NRL_BIO_FLAGS_SHOULD_RETRY);
		return -1;
	}
	size_t k = (size_t)n < c->inlen ? (size_t)n : c->inlen;
	memcpy(dst, c->in, k);
	c->in += k;
	c->inlen -= k;
	return (int)k;
}

static int nrl_bio_write(BIO *b, const char *src, int n) {
	nrl_conn *c = ossl.BIO_get_data(b);
	nrl_retry(b, 0);
	if (n <= 0) return 0;
	size_t need = c->outlen + (size_t)n;
	if (need > c->outcap) {
		size_t cap = need < 4096 ? 4096 : need + need / 2;
		unsigned char *p = realloc(c->out, cap);
		if (!p) return -1;
		c->out = p;
		c->outcap = cap;
	}
	memcpy(c->out + c->outlen, src, (size_t)n);
	c->outlen = need;
	return n;
}

static long nrl_bio_ctrl(BIO *b, int cmd, long l, void *p) {
	nrl_conn *c = ossl.BIO_get_data(b);
	(void)l;
	(void)p;
	switch (cmd) {
	case NRL_BIO_CTRL_FLUSH: return 1;
	case NRL_BIO_CTRL_PENDING: return c ? (long)c->inlen : 0;
	case NRL_BIO_CTRL_WPENDING: return c ? (long)c->outlen : 0;
	}
	return 0;
}

/* --- library ---------------------------------------------------------- */

/* nrl_open fills ossl. crypto may be NULL: libssl names its own libcrypto. It
 * says what is wrong, NULL for nothing; why gets a detail. */
static const char *nrl_open(const char *crypto, const char *tls, char *why, size_t n) {
	void *hc = NULL, *hs = NULL;
	nrl_api api;
	const char *e;
	if (crypto && !(hc = dlopen(crypto, RTLD_NOW | RTLD_LOCAL))) goto missing;
	if (!(hs = dlopen(tls, RTLD_NOW | RTLD_LOCAL))) goto missing;
	/* dlsym on libssl finds the functions of the libcrypto that it is bound to */
	api.OpenSSL_version_num = (unsigned long (*)(void))dlsym(hs, "OpenSSL_version_num");
	if (!api.OpenSSL_version_num) {
		e = "it is not OpenSSL";
		goto close;
	}
	unsigned long v = api.OpenSSL_version_num();
	if (v < 0x30000020UL || v >> 28 != 3) {
		e = "its version is not 3.0.2 or later of 3";
		goto close;
	}
#define NRL_LOAD(name, result, parameters) \
	if (!(api.name = (result(*) parameters)dlsym(hs, #name))) { \
		strncpy(why, #name, n - 1); \
		e = "it lacks a function"; \
		goto close; \
	}
	NRL_FUNCTIONS(NRL_LOAD)
#undef NRL_LOAD
	ossl = api;
	return NULL;
missing:
	e = dlerror();
	strncpy(why, e ? e : "", n - 1);
	e = "it cannot be opened";
close:
	if (hs) dlclose(hs);
	if (hc) dlclose(hc);
	return e;
}

static int nrl_init(void) {
	/* no atexit: a program's other threads may still be at work then */
	if (!ossl.OPENSSL_init_ssl(NRL_OPENSSL_INIT_LOAD_SSL_STRINGS | NRL_OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
	                           NRL_OPENSSL_INIT_NO_ATEXIT, NULL))
		return 0;
	int t = ossl.BIO_get_new_index();
	if (t < 0 || !(nrl_method = ossl.BIO_meth_new(t | NRL_BIO_TYPE_SOURCE_SINK, "memory of a connection"))) return 0;
	if (ossl.BIO_meth_set_read(nrl_method, nrl_bio_read) && ossl.BIO_meth_set_write(nrl_method, nrl_bio_write) &&
	    ossl.BIO_meth_set_ctrl(nrl_method, nrl_bio_ctrl))
		return 1;
	ossl.BIO_meth_free(nrl_method);
	nrl_method = NULL;
	return 0;
}

static unsigned long nrl_version_num(void) { return ossl.OpenSSL_version_num(); }
static const char *nrl_version(void) { return ossl.OpenSSL_version(NRL_OPENSSL_VERSION); }

/* nrl_reason is a fixed text of OpenSSL without data, NULL for none. */
static const char *nrl_reason(unsigned long code) { return ossl.ERR_reason_error_string(code); }

/* --- context ---------------------------------------------------------- */

/* OpenSSL judges no certificate: it counts the server's chains, and Go holds
 * back all that the client would send until it has judged the chain. A second
 * chain on one connection, which only a renegotiation brings, is refused. */
static int nrl_chain_arrived(X509_STORE_CTX *sc, void *arg) {
	SSL *s = ossl.X509_STORE_CTX_get_ex_data(sc, ossl.SSL_get_ex_data_X509_STORE_CTX_idx());
	BIO *b = s ? ossl.SSL_get_rbio(s) : NULL;
	nrl_conn *c = b ? ossl.BIO_get_data(b) : NULL;
	(void)arg;
	if (!c || ++c->chains != 1) {
		ossl.X509_STORE_CTX_set_error(sc, NRL_X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	ossl.X509_STORE_CTX_set_error(sc, NRL_X509_V_OK);
	return 1;
}

/* nrl_ctx_new overrides everything that openssl.cnf may have set. */
static nrl_setup nrl_ctx_new(SSL_CTX **out, const char *ciphers, const char *groups, const char *sigalgs) {
	nrl_setup r = nrl_done;
	ossl.ERR_clear_error();
	SSL_CTX *c = ossl.SSL_CTX_new(ossl.TLS_client_method());
	*out = NULL;
	if (!c) return nrl_failed("context");
	ossl.SSL_CTX_clear_options(c, ~(uint64_t)0);
	ossl.SSL_CTX_set_options(c, (uint64_t)NRL_SSL_OP_NO_COMPRESSION | NRL_SSL_OP_NO_RENEGOTIATION | NRL_SSL_OP_NO_SSLv3 |
	                            NRL_SSL_OP_NO_TLSv1 | NRL_SSL_OP_NO_TLSv1_1 | NRL_SSL_OP_NO_TLSv1_3);
	ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_MODE, NRL_SSL_MODE_AUTO_RETRY | NRL_SSL_MODE_NO_AUTO_CHAIN, NULL);
	ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_SESS_CACHE_MODE, NRL_SSL_SESS_CACHE_OFF, NULL);
	ossl.SSL_CTX_set_verify(c, NRL_SSL_VERIFY_PEER, NULL);
	ossl.SSL_CTX_set_cert_verify_callback(c, nrl_chain_arrived, NULL);
	if (ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_MIN_PROTO_VERSION, NRL_TLS1_2_VERSION, NULL) != 1 ||
	    ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_MAX_PROTO_VERSION, NRL_TLS1_2_VERSION, NULL) != 1)
		r = nrl_failed("protocol version");
	else if (!ossl.SSL_CTX_set_ciphersuites(c, "") || !ossl.SSL_CTX_set_cipher_list(c, ciphers))
		r = nrl_failed("cipher suites");
	else if (ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_GROUPS_LIST, 0, (void *)groups) != 1)
		r = nrl_failed("groups");
	else if (ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_SIGALGS_LIST, 0, (void *)sigalgs) != 1 ||
	         ossl.SSL_CTX_ctrl(c, NRL_SSL_CTRL_SET_CLIENT_SIGALGS_LIST, 0, (void *)sigalgs) != 1)
		r = nrl_failed("signature algorithms");
	if (r.step) ossl.SSL_CTX_free(c);
	else *out = c;
	return r;
}

static void nrl_ctx_free(SSL_CTX *c) { ossl.SSL_CTX_free(c); }

/* nrl_ctx_suites writes what a ClientHello would offer and gives the number
 * of suites, which may be over cap, or -1. */
static int nrl_ctx_suites(SSL_CTX *ctx, uint16_t *ids, int cap) {
	ossl.ERR_clear_error();
	SSL *s = ossl.SSL_new(ctx);
	if (!s) return -1;
	OPENSSL_STACK *list = (OPENSSL_STACK *)ossl.SSL_get1_supported_ciphers(s);
	int n = list ? ossl.OPENSSL_sk_num(list) : 0;
	for (int i = 0; i < n && i < cap; i++)
		ids[i] = ossl.SSL_CIPHER_get_protocol_id(ossl.OPENSSL_sk_value(list, i));
	ossl.OPENSSL_sk_free(list);
	ossl.SSL_free(s);
	return n;
}

static nrl_setup nrl_ctx_add_cert(SSL_CTX *ctx, const unsigned char *der, size_t n, int leaf) {
	nrl_setup r = nrl_done;
	ossl.ERR_clear_error();
	X509 *x = ossl.d2i_X509(NULL, &der, (long)n);
	if (!x || (leaf ? ossl.SSL_CTX_use_certificate(ctx, x) : ossl.SSL_CTX_ctrl(ctx, NRL_SSL_CTRL_CHAIN_CERT, 1, x)) != 1)
		r = nrl_failed("certificate");
	ossl.X509_free(x);
	return r;
}

static nrl_setup nrl_ctx_set_key(SSL_CTX *ctx, const unsigned char *der, size_t n) {
	nrl_setup r = nrl_done;
	ossl.ERR_clear_error();
	EVP_PKEY *k = ossl.d2i_AutoPrivateKey(NULL, &der, (long)n);
	if (!k || ossl.SSL_CTX_use_PrivateKey(ctx, k) != 1 || ossl.SSL_CTX_check_private_key(ctx) != 1)
		r = nrl_failed("key");
	ossl.EVP_PKEY_free(k);
	return r;
}

/* --- connection ------------------------------------------------------- */

static void nrl_free(nrl_conn *c) {
	/* SSL_free without a sent close_notify makes the session unusable for
	 * others, which is right only after a fatal error */
	if (c->ssl && !c->fatal) ossl.SSL_set_shutdown(c->ssl, NRL_SSL_SENT_SHUTDOWN | NRL_SSL_RECEIVED_SHUTDOWN);
	ossl.SSL_free(c->ssl); /* and its BIO */
	free(c->out);
	free(c->spare);
	free(c);
}

/* nrl_new makes the client's side of a connection; name is for SNI and
 * session to be resumed, each NULL for none. It gives NULL when it fails. */
static nrl_conn *nrl_new(SSL_CTX *ctx, const char *name, SSL_SESSION *session) {
	ossl.ERR_clear_error();
	nrl_conn *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	BIO *b = ossl.BIO_new(nrl_method);
	if (!b || !(c->ssl = ossl.SSL_new(ctx))) {
		ossl.BIO_free(b);
		nrl_free(c);
		return NULL;
	}
	ossl.BIO_set_data(b, c);
	ossl.BIO_set_init(b, 1);
	ossl.SSL_set_bio(c->ssl, b, b);
	ossl.SSL_set_connect_state(c->ssl);
	if ((name && ossl.SSL_ctrl(c->ssl, NRL_SSL_CTRL_SET_TLSEXT_HOSTNAME, NRL_TLSEXT_NAMETYPE_host_name, (void *)name) != 1) ||
	    ossl.SSL_ctrl(c->ssl, NRL_SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, NRL_TLSEXT_STATUSTYPE_ocsp, NULL) != 1 ||
	    (session && ossl.SSL_set_session(c->ssl, session) != 1)) {
		nrl_free(c);
		return NULL;
	}
	return c;
}

static void nrl_begin(nrl_conn *c, const unsigned char *in, size_t n) {
	ossl.ERR_clear_error();
	c->in = in;
	c->inlen = n;
}

static void nrl_end(nrl_conn *c, int ret, size_t inlen, nrl_result *o) {
	o->err = ret > 0 ? NRL_SSL_ERROR_NONE : ossl.SSL_get_error(c->ssl, ret);
	if (o->err == NRL_SSL_ERROR_SSL || o->err == NRL_SSL_ERROR_SYSCALL) {
		o->code = ossl.ERR_peek_last_error();
		c->fatal = 1;
	}
	o->used = inlen - c->inlen;
	o->pending = c->outlen;
	o->chains = c->chains;
	c->in = NULL;
	c->inlen = 0;
}

static nrl_result nrl_handshake(nrl_conn *c, const unsigned char *in, size_t n) {
	nrl_result o = {0};
	nrl_begin(c, in, n);
	nrl_end(c, ossl.SSL_do_handshake(c->ssl), n, &o);
	o.reused = ossl.SSL_session_reused(c->ssl) == 1;
	o.answered = ossl.SSL_get_state(c->ssl) != NRL_TLS_ST_CW_CLNT_HELLO;
	return o;
}

/* nrl_read fills out from as many records as are there. */
static nrl_result nrl_read(nrl_conn *c, const unsigned char *in, size_t n, unsigned char *out, size_t cap) {
	nrl_result o = {0};
	int r;
	nrl_begin(c, in, n);
	do {
		size_t k = 0;
		r = ossl.SSL_read_ex(c->ssl, out + o.n, cap - o.n, &k);
		o.n += k;
	} while (r == 1 && o.n < cap && c->inlen);
	nrl_end(c, r, n, &o);
	return o;
}

/* nrl_take gives what waits for the network, valid until the next nrl_take:
 * new records go to the other buffer meanwhile. */
static nrl_bytes nrl_take(nrl_conn *c) {
	nrl_bytes r = {c->out, c->outlen};
	unsigned char *p = c->spare;
	size_t cap = c->sparecap;
	c->spare = c->out;
	c->sparecap = c->outcap;
	c->out = p;
	c->outcap = cap;
	c->outlen = 0;
	return r;
}

typedef struct {
	nrl_result result;
	nrl_bytes out;
} nrl_written;

/* nrl_write takes, too, what waits for the network. */
static nrl_written nrl_write(nrl_conn *c, const unsigned char *p, size_t n) {
	nrl_written w = {{0}, {NULL, 0}};
	nrl_begin(c, NULL, 0);
	nrl_end(c, ossl.SSL_write_ex(c->ssl, p, n, &w.result.n), 0, &w.result);
	w.out = nrl_take(c);
	return w;
}

/* nrl_close_notify queues the alert. */
static void nrl_close_notify(nrl_conn *c) {
	nrl_result o = {0};
	if (c->fatal) return;
	nrl_begin(c, NULL, 0);
	int r = ossl.SSL_shutdown(c->ssl);
	nrl_end(c, r == 0 ? 1 : r, 0, &o);
}

/* nrl_fatal: the session of this connection is not to be resumed. */
static void nrl_fatal(nrl_conn *c) { c->fatal = 1; }

/* nrl_chain gives the server's certificates, one behind the other in DER; the
 * caller frees it. NULL for none. */
static nrl_bytes nrl_chain(nrl_conn *c) {
	nrl_bytes r = {NULL, 0};
	const OPENSSL_STACK *list = (const OPENSSL_STACK *)ossl.SSL_get_peer_cert_chain(c->ssl);
	int n = list ? ossl.OPENSSL_sk_num(list) : 0;
	size_t size = 0;
	for (int i = 0; i < n; i++) {
		int k = ossl.i2d_X509(ossl.OPENSSL_sk_value(list, i), NULL);
		if (k <= 0) return r;
		size += (size_t)k;
	}
	unsigned char *buf = size ? malloc(size) : NULL, *p = buf;
	if (!buf) return r;
	for (int i = 0; i < n; i++) ossl.i2d_X509(ossl.OPENSSL_sk_value(list, i), &p);
	r.p = buf;
	r.n = (size_t)(p - buf);
	return r;
}

/* nrl_staple gives the OCSP answer that the server sent, valid as long as c. */
static nrl_bytes nrl_staple(nrl_conn *c) {
	nrl_bytes r = {NULL, 0};
	const unsigned char *p = NULL;
	long n = ossl.SSL_ctrl(c->ssl, NRL_SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, &p);
	if (n > 0 && p) {
		r.p = p;
		r.n = (size_t)n;
	}
	return r;
}

static int nrl_suite(nrl_conn *c) {
	const SSL_CIPHER *s = ossl.SSL_get_current_cipher(c->ssl);
	return s ? ossl.SSL_CIPHER_get_protocol_id(s) : 0;
}

static int nrl_protocol(nrl_conn *c) { return ossl.SSL_version(c->ssl); }

/* --- session ---------------------------------------------------------- */

static SSL_SESSION *nrl_session(nrl_conn *c) { return ossl.SSL_get1_session(c->ssl); }
static int nrl_session_usable(SSL_SESSION *s) { return ossl.SSL_SESSION_is_resumable(s) == 1; }
static int nrl_session_ref(SSL_SESSION *s) { return ossl.SSL_SESSION_up_ref(s); }
static void nrl_session_free(SSL_SESSION *s) { ossl.SSL_SESSION_free(s); }

#endif
