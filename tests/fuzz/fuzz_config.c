/*
 * The configuration file: any bytes give a configuration or messages, and no memory is lost.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct config_errors errors = {0};
	struct config *config;
	char path[32];
	int fd = memfd_create("config", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config = config_load(path, &errors);
	CHECK((config == NULL) == (errors.n > 0));
	config_free(config);
	config_errors_finish(&errors);
	close(fd);
	return 0;
}
