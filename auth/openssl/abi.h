/* The part of OpenSSL's stable interface that the engine uses, declared by
 * hand so that building needs no OpenSSL headers. abi_test.go compiles these
 * declarations against the real ones. */
#ifndef NRL_ABI_H
#define NRL_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_cipher_st SSL_CIPHER;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct x509_st X509;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct stack_st OPENSSL_STACK;
typedef struct ossl_init_settings_st OPENSSL_INIT_SETTINGS;
struct stack_st_X509;
struct stack_st_SSL_CIPHER;

/* N(name, value): each is NRL_name here and name in OpenSSL. */
#define NRL_NUMBERS(N) \
	N(SSL_ERROR_NONE, 0) \
	N(SSL_ERROR_SSL, 1) \
	N(SSL_ERROR_WANT_READ, 2) \
	N(SSL_ERROR_SYSCALL, 5) \
	N(SSL_ERROR_ZERO_RETURN, 6) \
	N(SSL_VERIFY_PEER, 1) \
	N(SSL_SENT_SHUTDOWN, 1) \
	N(SSL_RECEIVED_SHUTDOWN, 2) \
	N(SSL_MODE_AUTO_RETRY, 4) \
	N(SSL_MODE_NO_AUTO_CHAIN, 8) \
	N(SSL_SESS_CACHE_OFF, 0) \
	N(SSL_CTRL_MODE, 33) \
	N(SSL_CTRL_SET_SESS_CACHE_MODE, 44) \
	N(SSL_CTRL_SET_TLSEXT_HOSTNAME, 55) \
	N(SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, 65) \
	N(SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 70) \
	N(SSL_CTRL_CHAIN_CERT, 89) \
	N(SSL_CTRL_SET_GROUPS_LIST, 92) \
	N(SSL_CTRL_SET_SIGALGS_LIST, 98) \
	N(SSL_CTRL_SET_CLIENT_SIGALGS_LIST, 102) \
	N(SSL_CTRL_SET_MIN_PROTO_VERSION, 123) \
	N(SSL_CTRL_SET_MAX_PROTO_VERSION, 124) \
	N(TLSEXT_NAMETYPE_host_name, 0) \
	N(TLSEXT_STATUSTYPE_ocsp, 1) \
	N(TLS_ST_CW_CLNT_HELLO, 12) \
	N(TLS1_2_VERSION, 0x0303) \
	N(SSL_OP_NO_COMPRESSION, 1 << 17) \
	N(SSL_OP_NO_SSLv3, 1 << 25) \
	N(SSL_OP_NO_TLSv1, 1 << 26) \
	N(SSL_OP_NO_TLSv1_1, 1 << 28) \
	N(SSL_OP_NO_TLSv1_3, 1 << 29) \
	N(SSL_OP_NO_RENEGOTIATION, 1 << 30) \
	N(SSL_AD_REASON_OFFSET, 1000) \
	N(SSL_R_CERT_LENGTH_MISMATCH, 135) \
	N(SSL_R_UNKNOWN_CIPHER_RETURNED, 248) \
	N(SSL_R_UNKNOWN_SSL_VERSION, 254) \
	N(SSL_R_UNSUPPORTED_PROTOCOL, 258) \
	N(SSL_R_WRONG_CIPHER_RETURNED, 261) \
	N(SSL_R_WRONG_SSL_VERSION, 266) \
	N(SSL_R_WRONG_VERSION_NUMBER, 267) \
	N(ERR_R_ASN1_LIB, 13 | 2 << 18) \
	N(ERR_LIB_SSL, 20) \
	N(ERR_LIB_OFFSET, 23) \
	N(ERR_LIB_MASK, 0xFF) \
	N(ERR_REASON_MASK, 0x7FFFFF) \
	N(X509_V_OK, 0) \
	N(X509_V_ERR_APPLICATION_VERIFICATION, 50) \
	N(BIO_TYPE_SOURCE_SINK, 0x0400) \
	N(BIO_CTRL_PENDING, 10) \
	N(BIO_CTRL_FLUSH, 11) \
	N(BIO_CTRL_WPENDING, 13) \
	N(BIO_FLAGS_READ, 1) \
	N(BIO_FLAGS_RWS, 7) \
	N(BIO_FLAGS_SHOULD_RETRY, 8) \
	N(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, 0x00000002) \
	N(OPENSSL_INIT_NO_ATEXIT, 0x00080000) \
	N(OPENSSL_INIT_LOAD_SSL_STRINGS, 0x00200000) \
	N(OPENSSL_VERSION, 0)

#define NRL_NUMBER(name, value) NRL_##name = value,
enum nrl_numbers { NRL_NUMBERS(NRL_NUMBER) };
#undef NRL_NUMBER

/* F(name, result, parameters) */
#define NRL_FUNCTIONS(F) \
	F(OpenSSL_version_num, unsigned long, (void)) \
	F(OpenSSL_version, const char *, (int)) \
	F(OPENSSL_init_ssl, int, (uint64_t, const OPENSSL_INIT_SETTINGS *)) \
	F(TLS_client_method, const SSL_METHOD *, (void)) \
	F(SSL_CTX_new, SSL_CTX *, (const SSL_METHOD *)) \
	F(SSL_CTX_free, void, (SSL_CTX *)) \
	F(SSL_CTX_ctrl, long, (SSL_CTX *, int, long, void *)) \
	F(SSL_CTX_clear_options, uint64_t, (SSL_CTX *, uint64_t)) \
	F(SSL_CTX_set_options, uint64_t, (SSL_CTX *, uint64_t)) \
	F(SSL_CTX_set_ciphersuites, int, (SSL_CTX *, const char *)) \
	F(SSL_CTX_set_cipher_list, int, (SSL_CTX *, const char *)) \
	F(SSL_CTX_set_verify, void, (SSL_CTX *, int, int (*)(int, X509_STORE_CTX *))) \
	F(SSL_CTX_set_cert_verify_callback, void, (SSL_CTX *, int (*)(X509_STORE_CTX *, void *), void *)) \
	F(SSL_CTX_use_certificate, int, (SSL_CTX *, X509 *)) \
	F(SSL_CTX_use_PrivateKey, int, (SSL_CTX *, EVP_PKEY *)) \
	F(SSL_CTX_check_private_key, int, (const SSL_CTX *)) \
	F(SSL_new, SSL *, (SSL_CTX *)) \
	F(SSL_free, void, (SSL *)) \
	F(SSL_ctrl, long, (SSL *, int, long, void *)) \
	F(SSL_set_bio, void, (SSL *, BIO *, BIO *)) \
	F(SSL_get_rbio, BIO *, (const SSL *)) \
	F(SSL_set_connect_state, void, (SSL *)) \
	F(SSL_get_state, unsigned int, (const SSL *)) \
	F(SSL_do_handshake, int, (SSL *)) \
	F(SSL_read_ex, int, (SSL *, void *, size_t, size_t *)) \
	F(SSL_write_ex, int, (SSL *, const void *, size_t, size_t *)) \
	F(SSL_shutdown, int, (SSL *)) \
	F(SSL_set_shutdown, void, (SSL *, int)) \
	F(SSL_get_error, int, (const SSL *, int)) \
	F(SSL_get_ex_data_X509_STORE_CTX_idx, int, (void)) \
	F(SSL_get_peer_cert_chain, struct stack_st_X509 *, (const SSL *)) \
	F(SSL_get1_supported_ciphers, struct stack_st_SSL_CIPHER *, (SSL *)) \
	F(SSL_get_current_cipher, const SSL_CIPHER *, (const SSL *)) \
	F(SSL_CIPHER_get_protocol_id, uint16_t, (const SSL_CIPHER *)) \
	F(SSL_version, int, (const SSL *)) \
	F(SSL_session_reused, int, (const SSL *)) \
	F(SSL_get1_session, SSL_SESSION *, (SSL *)) \
	F(SSL_set_session, int, (SSL *, SSL_SESSION *)) \
	F(SSL_SESSION_free, void, (SSL_SESSION *)) \
	F(SSL_SESSION_up_ref, int, (SSL_SESSION *)) \
	F(SSL_SESSION_is_resumable, int, (const SSL_SESSION *)) \
	F(ERR_clear_error, void, (void)) \
	F(ERR_peek_last_error, unsigned long, (void)) \
	F(ERR_reason_error_string, const char *, (unsigned long)) \
	F(BIO_new, BIO *, (const BIO_METHOD *)) \
	F(BIO_free, int, (BIO *)) \
	F(BIO_get_data, void *, (BIO *)) \
	F(BIO_set_data, void, (BIO *, void *)) \
	F(BIO_set_init, void, (BIO *, int)) \
	F(BIO_set_flags, void, (BIO *, int)) \
	F(BIO_clear_flags, void, (BIO *, int)) \
	F(BIO_get_new_index, int, (void)) \
	F(BIO_meth_new, BIO_METHOD *, (int, const char *)) \
	F(BIO_meth_free, void, (BIO_METHOD *)) \
	F(BIO_meth_set_read, int, (BIO_METHOD *, int (*)(BIO *, char *, int))) \
	F(BIO_meth_set_write, int, (BIO_METHOD *, int (*)(BIO *, const char *, int))) \
	F(BIO_meth_set_ctrl, int, (BIO_METHOD *, long (*)(BIO *, int, long, void *))) \
	F(d2i_X509, X509 *, (X509 **, const unsigned char **, long)) \
	F(i2d_X509, int, (const X509 *, unsigned char **)) \
	F(X509_free, void, (X509 *)) \
	F(X509_STORE_CTX_get_ex_data, void *, (const X509_STORE_CTX *, int)) \
	F(X509_STORE_CTX_set_error, void, (X509_STORE_CTX *, int)) \
	F(d2i_AutoPrivateKey, EVP_PKEY *, (EVP_PKEY **, const unsigned char **, long)) \
	F(EVP_PKEY_free, void, (EVP_PKEY *)) \
	F(OPENSSL_sk_num, int, (const OPENSSL_STACK *)) \
	F(OPENSSL_sk_value, void *, (const OPENSSL_STACK *, int)) \
	F(OPENSSL_sk_free, void, (OPENSSL_STACK *))

#endif
