/*
 * Sessions that are nothing but a number.
 */
#include "crowd_list.h"

#include <stdio.h>

#include "base/mem.h"

/* As many addresses as a large fleet has hosts; each has sessions of three names. */
#define N_HOSTS 2000

void crowd_init(struct crowd *crowd, size_t n)
{
	*crowd = (struct crowd){.is_alive = mem_alloc(n), .n = n, .n_alive = n};
	memset(crowd->is_alive, 1, n);
}

void crowd_finish(struct crowd *crowd)
{
	free(crowd->is_alive);
}

bool crowd_is_listed(const struct crowd *crowd, uint64_t id)
{
	if (id == CROWD_OWN_ID) {
		return true;
	}
	return id >= CROWD_FIRST_ID && id - CROWD_FIRST_ID < crowd->n &&
	       crowd->is_alive[id - CROWD_FIRST_ID] != 0;
}

size_t crowd_kill(struct crowd *crowd, uint64_t id)
{
	if (id == CROWD_OWN_ID || !crowd_is_listed(crowd, id)) {
		return 0;
	}
	crowd->is_alive[id - CROWD_FIRST_ID] = 0;
	crowd->n_alive--;
	return 1;
}

size_t crowd_kill_all(struct crowd *crowd)
{
	size_t n = crowd->n_alive;

	memset(crowd->is_alive, 0, crowd->n);
	crowd->n_alive = 0;
	return n;
}

static const char *name_of(uint64_t id)
{
	static const char *const names[] = {"leak", "web", "worker"};

	return id == CROWD_OWN_ID ? "sesskilld" : names[id % 3];
}

size_t crowd_print(uint64_t id, char *line)
{
	unsigned host = (unsigned)(id % N_HOSTS);
	int len = snprintf(line, CROWD_MAX_LINE_BYTES,
		"id=%llu addr=10.0.%u.%u:%u laddr=10.1.0.1:6379 fd=%u name=%s age=125 idle=125 "
		"flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=20474 argv-mem=0 "
		"multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22298 events=r cmd=get "
		"user=default redir=-1 resp=2\n",
		(unsigned long long)id, host / 250, host % 250, 10000 + (unsigned)(id / N_HOSTS),
		(unsigned)(id % 1000000), name_of(id));

	return (size_t)len;
}
