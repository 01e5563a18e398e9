/*
 * Names, and where they lead to: in front of libc's resolver. An answer takes time, and may come
 * when nobody waits for it any more.
 */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

#define MAX_NAMES 16
#define MAX_IPS 4

struct name {
	char text[40];
	const char *ips[MAX_IPS];
	size_t n_ips;
};

static struct name names[MAX_NAMES];
static size_t n_names;
static unsigned generation; /* of daemons */

void names_begin(void)
{
	n_names = 0;
	generation++;
}

void names_lose(void)
{
	generation++;
}

static struct name *find(const char *text)
{
	for (size_t i = 0; i < n_names; i++) {
		if (strcmp(names[i].text, text) == 0) {
			return &names[i];
		}
	}
	return NULL;
}

void names_set(const char *text, const char *const *ips, size_t n_ips)
{
	struct name *name = find(text);

	CHECK(n_ips <= MAX_IPS && (name != NULL || n_names < MAX_NAMES));
	if (name == NULL) {
		name = &names[n_names++];
		snprintf(name->text, sizeof(name->text), "%s", text);
	}
	memcpy(name->ips, ips, n_ips * sizeof(*ips));
	name->n_ips = n_ips;
}

/* ---- in front of libc's ---- */

/* A question that is under way. */
struct question {
	struct gaicb *control; /* of who asked */
	struct sigevent event;
	unsigned generation;
};

static struct addrinfo *address_new(const char *ip)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *address;

	CHECK(getaddrinfo(ip, NULL, &hints, &address) == 0);
	return address;
}

static int answer(struct gaicb *control)
{
	const struct name *name = find(control->ar_name);
	struct addrinfo **last = &control->ar_result;

	if (name == NULL || name->n_ips == 0) {
		return EAI_NONAME;
	}
	for (size_t i = 0; i < name->n_ips; i++) {
		*last = address_new(name->ips[i]);
		last = &(*last)->ai_next;
	}
	return 0;
}

static void on_answer(void *context, uint64_t value)
{
	struct question *question = context;

	if (question->generation == generation) { /* else who asked is dead */
		question->control->__return = answer(question->control);
		question->event.sigev_notify_function(question->event.sigev_value);
	}
	free(question);
}

int getaddrinfo_a(int mode, struct gaicb *list[restrict], int n, struct sigevent *restrict event)
{
	struct question *question = mem_new(struct question);
	int64_t takes = (int64_t)sim_roll(5) * SIM_MS;

	CHECK(mode == GAI_NOWAIT && n == 1);
	if (sim_fault(5)) {
		takes = (int64_t)sim_roll(6000) * SIM_MS;
	}
	*question = (struct question){list[0], *event, generation};
	list[0]->ar_result = NULL;
	list[0]->__return = EAI_INPROGRESS;
	sim_in(takes, on_answer, question, 0);
	return 0;
}

int gai_error(struct gaicb *control)
{
	return control->__return;
}

int gai_cancel(struct gaicb *control)
{
	return control->__return == EAI_INPROGRESS ? EAI_NOTCANCELED : EAI_ALLDONE;
}
