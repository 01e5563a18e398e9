/*
 * Causes, as the list of instances has them.
 */
#include "cli/command/causes.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/form.h"
#include "cli/print/print.h"
#include "control/names.h"

/* A kill that nothing keeps waiting has listed before. */
#define CAUSES_AFTER_MS 1000

struct causes causes_of(const struct cli *cli, const char *instance)
{
	return (struct causes){cli, instance, clock_monotonic_ms() + CAUSES_AFTER_MS, false};
}

void causes_tell(struct causes *causes, const struct screen *screen)
{
	CLEANUP(mem_free_p) char *path = NULL;
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request;
	struct err err;

	/* To another host it would take a connection of its own, and maybe a password. */
	if (causes->is_told || clock_monotonic_ms() < causes->from_ms || causes->cli->ssh != NULL) {
		return;
	}
	causes->is_told = true;
	path = form_path(NAMES_PATH_INSTANCES, causes->instance);
	request = cli_request(causes->cli, "GET", path);
	if (api_call(&request, &answer, &err) == API_OK && answer.json != NULL) {
		print_instance_problems(answer.json, screen);
	}
}
