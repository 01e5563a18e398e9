/*
 * TLS.
 */
#include "redis/tls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "redis/endpoint.h"
#include "redis/link_opts.h"

/* Files that could not be used are not read again within that, unless they change. */
#define RETRY_MS 1000

/* By which a file is known to be the same. All zero: there is none. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t n_bytes;
	struct timespec modified;
};

#define N_STAMPS 4

struct tls_context {
	const struct link_tls_opts *opts;
	SSL_CTX *made; /* NULL: not yet, or `err` says why not */
	struct stamp stamps[N_STAMPS];
	int64_t tried_ms; /* 0: not yet */
	struct err err;
};

/* OpenSSL's own words for what just went wrong. */
static const char *openssl_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return words != NULL ? words : "unknown error";
}

/* As `openssl rehash` names certificates: "002c0b4f.0". */
static bool is_hash_name(const char *name)
{
	for (int i = 0; i < 8; i++) {
		if (!isxdigit((unsigned char)name[i])) {
			return false;
		}
	}
	return name[8] == '.' && isdigit((unsigned char)name[9]);
}

static bool has_hash_names(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool has = false;

	if (directory == NULL) {
		return false;
	}
	while (!has && (entry = readdir(directory)) != NULL) {
		has = is_hash_name(entry->d_name);
	}
	closedir(directory);
	return has;
}

/*
 * The file of all authorities takes 19 ms to read, on the event loop. From the directory of hashed
 * names only that one is read which is asked for. Who says by OpenSSL's own environment variables
 * where they are gets what these say.
 */
static bool load_system_authorities(SSL_CTX *context)
{
	if (getenv(X509_get_default_cert_file_env()) == NULL &&
		getenv(X509_get_default_cert_dir_env()) == NULL &&
		has_hash_names(X509_get_default_cert_dir())) {
		return SSL_CTX_set_default_verify_dir(context) == 1;
	}
	return SSL_CTX_set_default_verify_paths(context) == 1;
}

static bool load_authorities(SSL_CTX *context, const struct link_tls_opts *opts, struct err *err)
{
	if (opts->ca_file == NULL) {
		if (!load_system_authorities(context)) {
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

static SSL_CTX *make(const struct link_tls_opts *opts, struct err *err)
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

static struct stamp take_stamp(const char *path)
{
	struct stamp stamp = {0};
	struct stat status;

	if (path != NULL && stat(path, &status) == 0) {
		stamp.device = status.st_dev;
		stamp.inode = status.st_ino;
		stamp.n_bytes = status.st_size;
		stamp.modified = status.st_mtim;
	}
	return stamp;
}

static bool is_equal(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->n_bytes == b->n_bytes &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* Takes the stamps of the files as they are now. Have any changed? */
static bool have_changed(struct tls_context *context)
{
	const struct link_tls_opts *opts = context->opts;
	bool is_own = opts->ca_file != NULL;
	/* The system's: a certificate that was taken out of the directory counts no more. */
	const char *paths[N_STAMPS] = {
		is_own ? opts->ca_file : X509_get_default_cert_file(),
		is_own ? NULL : X509_get_default_cert_dir(),
		opts->cert_file,
		opts->key_file,
	};
	bool have = false;

	for (size_t i = 0; i < N_STAMPS; i++) {
		struct stamp stamp = take_stamp(paths[i]);

		have = have || !is_equal(&stamp, &context->stamps[i]);
		context->stamps[i] = stamp;
	}
	return have;
}

struct tls_context *tls_context_new(const struct link_tls_opts *opts)
{
	struct tls_context *context = mem_new(struct tls_context);

	context->opts = opts;
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (context != NULL) {
		SSL_CTX_free(context->made);
		free(context);
	}
}

SSL_CTX *tls_context_get(struct tls_context *context, struct err *err)
{
	int64_t now_ms = clock_monotonic_ms();
	/* The stamps are older than what is read: no change is missed. */
	bool is_due = have_changed(context) || context->tried_ms == 0 ||
		      (context->made == NULL && now_ms - context->tried_ms >= RETRY_MS);

	if (is_due) {
		SSL_CTX_free(context->made);
		context->made = make(context->opts, &context->err);
		context->tried_ms = now_ms;
	}
	if (context->made == NULL) {
		err_set(err, "%s", context->err.text);
	}
	return context->made;
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

SSL *tls_session_new(struct tls_context *context, const struct endpoint *endpoint, struct err *err)
{
	const char *server_name = context->opts->server_name;
	const char *name = server_name != NULL ? server_name : endpoint->host;
	SSL_CTX *made = tls_context_get(context, err);
	SSL *session;

	if (made == NULL) {
		return NULL;
	}
	session = SSL_new(made);
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
