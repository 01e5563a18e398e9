/*
 * SIGHUP: the configuration is read again. All that can fail comes first and changes nothing; what
 * follows cannot fail.
 */
#include "base/log.h"
#include "daemon/daemon_internal.h"
#include "daemon/manager.h"

/* NULL: it has mistakes, which are logged. */
static struct config *load(const char *path)
{
	struct config_errors errors = {0};
	struct config *config = config_load(path, &errors);

	for (size_t i = 0; i < errors.n; i++) {
		log_error("%s", errors.lines[i]);
	}
	config_errors_finish(&errors);
	return config;
}

static void log_fixed(void *context, const char *path)
{
	log_warning("%s has changed: that takes a restart of sesskilld", path);
}

static void log_change(const struct instances_change *change)
{
	log_notice("the configuration is reloaded; instances: %zu kept with their connections, "
		   "%zu replaced, %zu added, %zu removed",
		change->n_kept, change->n_replaced, change->n_added, change->n_removed);
}

static void adopt(struct daemon *daemon, struct config *config)
{
	struct instances_change change;

	config_compare_fixed(daemon->config, config, log_fixed, NULL);
	config_keep_fixed(daemon->config, config);
	control_set_access(daemon->control, &config->access);
	change = instances_apply(daemon->instances, config->instances, config->n_instances);
	guards_apply(daemon->guards, &config->guards);
	config_free(daemon->config);
	daemon->config = config;
	log_change(&change);
}

/* The record is opened anew whatever becomes of the rest, as log rotation wants it. */
static bool try_reload(struct daemon *daemon)
{
	struct config *config = load(daemon->config_path);
	struct err err;

	if (config == NULL) {
		if (audit_open(daemon->audit, &err) != 0) {
			log_error("%s", err.text);
		}
		return false;
	}
	if (audit_configure(daemon->audit, &config->audit, &err) != 0) {
		log_error("%s", err.text);
		config_free(config);
		return false;
	}
	adopt(daemon, config);
	if (audit_event(daemon->audit, "reload", &err) != 0) {
		log_error("%s", err.text);
	}
	return true;
}

void reload(struct daemon *daemon)
{
	bool is_successful;

	manager_notify_reloading();
	is_successful = try_reload(daemon);
	if (!is_successful) {
		log_error("the configuration is not reloaded; the one from before stays in force");
	}
	metrics_note_reload(daemon->metrics, is_successful);
	manager_notify(MANAGER_READY);
}
