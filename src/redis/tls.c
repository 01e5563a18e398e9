/*
 * TLS.
 */
#include "redis/tls.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "redis/link.h"

/* OpenSSL's own words for what just went wrong. */
static const char *openssl_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return words != NULL ? words : "unknown error";
}

static bool load_authorities(SSL_CTX *context, const struct link_tls_opts *opts, struct err *err)
{
	if (opts->ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(context) != 1) {
			err_set(err, "cannot load the system's certificate authorities: %s",
				openssl_words());
			return false;
		}
		return true;
	}
	if (SSL_CTX_load_verify_locations(context, opts->ca_file, NULL) != 1) {
		err_set(err, "cannot load the CA file %s: %s", opts->ca_file, openssl_words());
		return false;
	}
	return true;
}

static bool load_own_certificate(
	SSL_CTX *context, const struct link_tls_opts *opts, struct err *err)
{
	if (opts->cert_file == NULL) {
		return true;
	}
	if (SSL_CTX_use_certificate_chain_file(context, opts->cert_file) != 1) {
		err_set(err, "cannot load the certificate %s: %s", opts->cert_file,
			openssl_words());
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(context, opts->key_file, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1) {
		err_set(err, "cannot use the key %s: %s", opts->key_file, openssl_words());
		return false;
	}
	return true;
}

SSL_CTX *tls_context_new(const struct link_tls_opts *opts, struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL) {
		err_set(err, "cannot use TLS: %s", openssl_words());
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* An idle link needs no buffers. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (!load_authorities(context, opts, err) || !load_own_certificate(context, opts, err)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

static bool is_ip(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Certificates name hosts or addresses, each in its own way; SNI is for hosts only. */
static bool expect_name(SSL *session, const char *name)
{
	if (is_ip(name)) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1;
	}
	return SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}

SSL *tls_session_new(SSL_CTX *context, const struct link_tls_opts *opts,
	const struct endpoint *endpoint, struct err *err)
{
	const char *name = opts->server_name != NULL ? opts->server_name : endpoint->host;
	SSL *session = SSL_new(context);

	if (session == NULL || (name != NULL && !expect_name(session, name))) {
		err_set(err, "cannot use TLS: %s", openssl_words());
		SSL_free(session);
		return NULL;
	}
	return session;
}

/*
 * The server's alert may be in the socket still, unread because writing failed first: a refused
 * certificate is told only after the handshake in TLS 1.3.
 */
static unsigned long read_alert(SSL *session)
{
	char byte;

	ERR_clear_error();
	return SSL_peek(session, &byte, 1) <= 0 ? ERR_peek_error() : 0;
}

/* The first error with words of its own; system errors have none here. 0: there is none. */
static unsigned long find_error(struct bufferevent *connection, SSL *session)
{
	unsigned long code;

	while ((code = bufferevent_get_openssl_error(connection)) != 0) {
		if (ERR_reason_error_string(code) != NULL) {
			return code;
		}
	}
	code = read_alert(session);
	return code != 0 && ERR_reason_error_string(code) != NULL ? code : 0;
}

bool tls_explain(struct bufferevent *connection, struct err *err)
{
	SSL *session = bufferevent_openssl_get_ssl(connection);
	unsigned long code;
	long verdict;

	if (session == NULL) {
		return false;
	}
	verdict = SSL_get_verify_result(session);
	if (verdict != X509_V_OK) {
		err_set(err, "the server's certificate is not accepted: %s",
			X509_verify_cert_error_string(verdict));
		return true;
	}
	code = find_error(connection, session);
	if (code != 0) {
		err_set(err, "TLS failed: %s", ERR_reason_error_string(code));
	}
	ERR_clear_error();
	return code != 0;
}
