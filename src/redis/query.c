/*
 * Questions to libc, and the bell by which its threads tell of the end.
 *
 * A query has two owners: who asked, and the thread in which libc tells of the end. The last of
 * both frees it.
 */
#include "redis/query.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

struct bell {
	atomic_uint n_refs; /* the maker's, and those of queries */
	int fd;             /* an eventfd */
};

struct query {
	atomic_uint n_refs;
	struct bell *bell;    /* held */
	struct gaicb control; /* libc writes into it */
	struct addrinfo hints;
	char *host;
};

struct bell *bell_new(void)
{
	struct bell *bell = mem_new(struct bell);

	atomic_init(&bell->n_refs, 1);
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(bell->fd >= 0);
	return bell;
}

void bell_unref(struct bell *bell)
{
	if (atomic_fetch_sub(&bell->n_refs, 1) == 1) {
		close(bell->fd);
		free(bell);
	}
}

int bell_descriptor(const struct bell *bell)
{
	return bell->fd;
}

void bell_hush(struct bell *bell)
{
	eventfd_t n;

	(void)!eventfd_read(bell->fd, &n);
}

void query_free(struct query *query)
{
	if (atomic_fetch_sub(&query->n_refs, 1) == 1) {
		if (query->control.ar_result != NULL) {
			freeaddrinfo(query->control.ar_result);
		}
		bell_unref(query->bell);
		free(query->host);
		free(query);
	}
}

/* In a thread of libc's. */
static void on_end(sigval_t value)
{
	struct query *query = value.sival_ptr;

	(void)!eventfd_write(query->bell->fd, 1);
	query_free(query);
}

struct query *query_new(struct bell *bell, const char *host)
{
	struct query *query = mem_new(struct query);
	struct gaicb *controls[] = {&query->control};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = on_end,
		.sigev_value.sival_ptr = query,
	};

	atomic_init(&query->n_refs, 2);
	query->bell = bell;
	atomic_fetch_add(&bell->n_refs, 1);
	query->host = mem_copy_text(host, strlen(host));
	/* What most programs ask for: no IPv6 addresses where there is no IPv6. */
	query->hints = (struct addrinfo){
		.ai_flags = AI_ADDRCONFIG,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
	};
	query->control.ar_name = query->host;
	query->control.ar_request = &query->hints;
	/* Other errors than this one: it is under way, but nobody will tell of its end. */
	if (getaddrinfo_a(GAI_NOWAIT, controls, ARRAY_SIZE(controls), &event) == EAI_SYSTEM) {
		/* The thread is started all the same, if that is possible: its part stays. */
		query_free(query);
		return NULL;
	}
	return query;
}

/*
 * The result is in place once libc has forgotten the query: gai_cancel() says so, and looks under
 * libc's lock. Not to be called before, when it would take back what has no thread yet.
 */
bool query_is_done(struct query *query)
{
	return gai_error(&query->control) != EAI_INPROGRESS &&
	       gai_cancel(&query->control) == EAI_ALLDONE;
}

int query_take(struct query *query, struct addrinfo **ret_addresses)
{
	int error = gai_error(&query->control);

	if (error == 0) {
		*ret_addresses = query->control.ar_result;
		query->control.ar_result = NULL;
	}
	return error;
}
