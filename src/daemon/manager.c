/*
 * systemd.
 */
#include "daemon/manager.h"

#include "build_config.h"

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
