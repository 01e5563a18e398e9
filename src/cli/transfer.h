/*
 * One HTTP request over libcurl's connections. Knows libcurl, but for the encoding in form.c; who
 * judges what went wrong is api.c.
 */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "cli/api.h"

struct transfer_end {
	CURLcode code;    /* CURLE_ABORTED_BY_CALLBACK: on_tick said so */
	int error_number; /* of connect(2), if that failed */
	int kept;         /* libcurl's descriptor, open for further requests; -1: none */
	bool is_too_long; /* the answer was */
};

/* `ret_answer` starts zeroed and is filled as far as it came. */
void transfer_run(CURLM *connections, const struct api_request *request,
	struct api_answer *ret_answer, struct transfer_end *ret_end);

#endif
