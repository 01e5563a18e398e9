/*
 * What the kernel says of its sockets, and files of /proc: any bytes are read or refused.
 */
#include "base/check.h"
#include "host/diag.h"
#include "host/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_message(struct slice payload)
{
	struct diag_unix local;
	struct diag_tcp tcp;

	(void)!diag_read_tcp(payload, &tcp);
	(void)!diag_read_unix(payload, &local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct slice text = {(const char *)data, n_bytes};
	struct slice unit = procfs_find_unit(text);
	struct slice rest = text, payload;
	uint32_t inode = 1;
	int error = 0;

	CHECK(unit.len <= n_bytes && !slice_has_char(unit, '/') && !slice_has_char(unit, '\n'));
	(void)!procfs_read_socket(text, &inode);
	CHECK(inode != 0);
	read_message(text);
	for (;;) {
		size_t n_before = rest.len;

		switch (diag_next(&rest, &payload, &error)) {
		case DIAG_SOCKET:
			read_message(payload);
			break;
		case DIAG_NEXT:
			return 0;
		case DIAG_DONE:
			break;
		case DIAG_FAILED:
			CHECK(error > 0);
			return 0;
		}
		CHECK(rest.len < n_before);
	}
}
