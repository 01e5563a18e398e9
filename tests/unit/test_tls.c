/*
 * What connections share of TLS: when its files are read, and when again; the system's authorities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "redis/link.h"
#include "redis/tls.h"
#include "scratch.h"

#define RETRY_MS 1000

/* What the clock shows, linked by --wrap; 0: the time. */
static int64_t shown_ms;

int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void)
{
	return shown_ms != 0 ? shown_ms : __real_clock_monotonic_ms();
}

/* A certificate that has signed itself, and its key. */
struct identity {
	X509 *certificate;
	EVP_PKEY *key;
};

static struct identity identity_make(const char *name)
{
	struct identity identity = {X509_new(), EVP_EC_gen("P-256")};
	X509_NAME *subject = X509_get_subject_name(identity.certificate);

	assert_non_null(identity.key);
	X509_set_version(identity.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(identity.certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(identity.certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(identity.certificate), 3600);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(identity.certificate, subject);
	X509_set_pubkey(identity.certificate, identity.key);
	assert_true(X509_sign(identity.certificate, identity.key, EVP_sha256()) > 0);
	return identity;
}

static void identity_free(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
}

static void write_certificate(const struct identity *identity, const char *path)
{
	FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	assert_int_equal(PEM_write_X509(stream, identity->certificate), 1);
	fclose(stream);
}

static void write_key(const struct identity *identity, const char *path)
{
	FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	assert_int_equal(PEM_write_PrivateKey(stream, identity->key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(stream);
}

static bool is_trusted(SSL_CTX *context, const struct identity *identity)
{
	X509_STORE_CTX *verification = X509_STORE_CTX_new();
	bool is;

	assert_int_equal(X509_STORE_CTX_init(verification, SSL_CTX_get_cert_store(context),
				 identity->certificate, NULL),
		1);
	is = X509_verify_cert(verification) == 1;
	X509_STORE_CTX_free(verification);
	return is;
}

/* Files have the time of the kernel's last tick: until it is another one. */
static void let_a_tick_pass(void)
{
	struct timespec then;
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &then), 0);
	do {
		assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	} while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

static void test_made_once(void **state)
{
	struct scratch *scratch = *state;
	struct link_tls_opts opts = {.ca_file = scratch->path};
	struct tls_context *context = tls_context_new(&opts);
	struct identity a = identity_make("a");
	struct identity b = identity_make("b");
	struct err err;
	SSL_CTX *made;

	write_certificate(&a, scratch->path);
	made = tls_context_get(context, &err);
	assert_non_null(made);
	assert_true(is_trusted(made, &a));
	assert_false(is_trusted(made, &b));
	assert_ptr_equal(tls_context_get(context, &err), made);
	/* Who still uses it keeps it. */
	SSL_CTX_up_ref(made);

	write_certificate(&b, scratch->other_path);
	assert_int_equal(rename(scratch->other_path, scratch->path), 0);
	assert_ptr_not_equal(tls_context_get(context, &err), made);
	assert_true(is_trusted(tls_context_get(context, &err), &b));
	assert_false(is_trusted(tls_context_get(context, &err), &a));
	SSL_CTX_free(made);

	/* Over what was there, in place. */
	let_a_tick_pass();
	write_certificate(&a, scratch->path);
	assert_true(is_trusted(tls_context_get(context, &err), &a));
	identity_free(&a);
	identity_free(&b);
	tls_context_free(context);
}

/* The words stay until a file changes. */
static void test_bad_file(void **state)
{
	struct scratch *scratch = *state;
	struct link_tls_opts opts = {.ca_file = scratch->path};
	struct tls_context *context = tls_context_new(&opts);
	struct identity a = identity_make("a");
	struct err err;
	char first[ERR_MAX_BYTES];

	assert_null(tls_context_get(context, &err));
	assert_non_null(strstr(err.text, "cannot load the CA file /"));
	snprintf(first, sizeof(first), "%s", err.text);
	err_set(&err, "other words");
	assert_null(tls_context_get(context, &err));
	assert_string_equal(err.text, first);

	scratch_write(scratch->path, "no certificate\n");
	assert_null(tls_context_get(context, &err));
	assert_string_not_equal(err.text, first);

	let_a_tick_pass();
	write_certificate(&a, scratch->path);
	assert_non_null(tls_context_get(context, &err));
	identity_free(&a);
	tls_context_free(context);
}

/* The certificate is renewed first, its key a moment later. */
static void test_key(void **state)
{
	struct scratch *scratch = *state;
	CLEANUP(mem_free_p) char *ca = mem_printf("%s/ca", scratch->directory);
	struct link_tls_opts opts = {
		.ca_file = ca,
		.cert_file = scratch->path,
		.key_file = scratch->other_path,
	};
	struct tls_context *context = tls_context_new(&opts);
	struct identity a = identity_make("a");
	struct identity b = identity_make("b");
	struct err err;

	write_certificate(&a, ca);
	write_certificate(&a, scratch->path);
	write_key(&a, scratch->other_path);
	assert_non_null(tls_context_get(context, &err));
	let_a_tick_pass();
	write_certificate(&b, scratch->path);
	assert_null(tls_context_get(context, &err));
	assert_non_null(strstr(err.text, "cannot use the key /"));
	write_key(&b, scratch->other_path);
	assert_non_null(tls_context_get(context, &err));
	identity_free(&a);
	identity_free(&b);
	tls_context_free(context);
}

/* What no stamp shows, such as permissions: it is tried again after a second. */
static void test_tried_again(void **state)
{
	struct scratch *scratch = *state;
	struct link_tls_opts opts = {.ca_file = scratch->path};
	struct tls_context *context;
	struct identity a;
	struct err err;

	if (geteuid() == 0) {
		/* Who may read all. Not skip(): what cmocka prints for it is a failure to
		 * meson 1.0.
		 */
		return;
	}
	context = tls_context_new(&opts);
	a = identity_make("a");
	write_certificate(&a, scratch->path);
	assert_int_equal(chmod(scratch->path, 0), 0);
	shown_ms = clock_monotonic_ms();
	assert_null(tls_context_get(context, &err));
	assert_int_equal(chmod(scratch->path, 0600), 0);
	shown_ms += RETRY_MS - 1;
	assert_null(tls_context_get(context, &err));
	shown_ms++;
	assert_non_null(tls_context_get(context, &err));
	shown_ms = 0;
	identity_free(&a);
	tls_context_free(context);
}

/* Nobody else sees it there. Needs root. */
static bool put_over_system_authorities(const char *directory)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(directory, X509_get_default_cert_dir(), NULL, MS_BIND, NULL) == 0;
}

/* Those of a directory with hashed names, as it is now. */
static void test_system(void **state)
{
	struct scratch *scratch = *state;
	struct link_tls_opts opts = {0};
	struct tls_context *context;
	struct identity a, b;
	CLEANUP(mem_free_p) char *name = NULL;
	struct err err;

	if (!put_over_system_authorities(scratch->directory)) {
		return;
	}
	context = tls_context_new(&opts);
	a = identity_make("a");
	b = identity_make("b");
	name = mem_printf("%s/%08lx.0", scratch->directory,
		X509_NAME_hash_ex(X509_get_subject_name(a.certificate), NULL, NULL, NULL));
	write_certificate(&a, name);
	assert_true(is_trusted(tls_context_get(context, &err), &a));
	assert_false(is_trusted(tls_context_get(context, &err), &b));
	let_a_tick_pass();
	assert_int_equal(unlink(name), 0);
	assert_false(is_trusted(tls_context_get(context, &err), &a));
	assert_int_equal(umount(X509_get_default_cert_dir()), 0);
	identity_free(&a);
	identity_free(&b);
	tls_context_free(context);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_made_once),
		ROW(test_bad_file),
		ROW(test_key),
		ROW(test_tried_again),
		ROW(test_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
