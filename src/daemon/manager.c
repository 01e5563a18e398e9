/*
 * systemd.
 */
#include "daemon/manager.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "build_config.h"

/* Of several directories the first, which is meant for the file. */
char *manager_state_path(const char *file)
{
	const char *given = getenv("STATE_DIRECTORY");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	struct slice rest = slice_of(given != NULL ? given : "");
	struct slice first;

	if (slice_next(&rest, ':', &first) && slice_has_prefix(first, "/")) {
		return mem_printf("%.*s/%s", SLICE_ARG(first), file);
	}
	if (geteuid() == 0) {
		return mem_printf("/var/lib/sesskill/%s", file);
	}
	if (state != NULL && state[0] == '/') {
		return mem_printf("%s/sesskill/%s", state, file);
	}
	return home != NULL && home[0] == '/'
		       ? mem_printf("%s/.local/state/sesskill/%s", home, file)
		       : NULL;
}

#if HAVE_SYSTEMD

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

int manager_take_socket(int *ret_fd, struct err *err)
{
	int n = sd_listen_fds(1);

	*ret_fd = -1;
	if (n < 0) {
		err_set_errno(err, -n, "cannot take the sockets of the service manager");
		return n;
	}
	if (n == 0) {
		return 0;
	}
	if (n > 1) {
		err_set(err, "the service manager handed over %d sockets; expected one", n);
		return -EINVAL;
	}
	if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
		err_set(err, "the service manager handed over no listening Unix stream socket");
		return -EINVAL;
	}
	*ret_fd = SD_LISTEN_FDS_START;
	return 0;
}

void manager_notify(const char *state)
{
	sd_notify(0, state);
}

/* The time tells the manager that this reload began after it asked for one. */
void manager_notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
}

int64_t manager_watchdog_ms(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)(usec / 1000) : 0;
}

#else

int manager_take_socket(int *ret_fd, struct err *err)
{
	*ret_fd = -1;
	return 0;
}

void manager_notify(const char *state)
{
}

void manager_notify_reloading(void)
{
}

int64_t manager_watchdog_ms(void)
{
	return 0;
}

#endif
