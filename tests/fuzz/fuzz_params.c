/*
 * Query strings and forms, and the kill that they ask for.
 */
#include "base/check.h"
#include "control/order.h"
#include "control/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct params params = {0};
	struct request request;
	struct slice single;
	struct err err = {""};

	request_init(&request);
	if (params_add(&params, (struct slice){(const char *)data, n_bytes}, &err)) {
		CHECK(params.n <= PARAMS_MAX);
		if (order_read_request(&params, &request, &err)) {
			CHECK(request.is_all != (request.match.n > 0));
			CHECK(request.timeout_ms > 0 &&
				request.timeout_ms <= REQUEST_MAX_TIMEOUT_MS);
		} else {
			CHECK(err.text[0] != '\0');
		}
		(void)!params_get_single(&params, "InstanceId", &single, &err);
	} else {
		CHECK(err.text[0] != '\0');
	}
	request_finish(&request);
	params_finish(&params);
	return 0;
}
