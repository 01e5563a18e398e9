/*
 * Percent-encoding, by libcurl.
 */
#include "cli/form.h"

#include <curl/curl.h>

#include "base/check.h"
#include "base/mem.h"

static void free_encoded(char **encoded)
{
	curl_free(*encoded);
}

static char *encode(const char *text)
{
	char *encoded = curl_easy_escape(NULL, text, 0);

	CHECK(encoded != NULL); /* fails without memory only */
	return encoded;
}

void form_add(char **form, const char *name, const char *value)
{
	CLEANUP(free_encoded) char *encoded = encode(value);
	CLEANUP(mem_free_p) char *before = *form;

	*form = mem_printf("%s%s%s=%s", before != NULL ? before : "", before != NULL ? "&" : "",
		name, encoded);
}

void form_add_options(char **form, const struct args *args)
{
	for (size_t i = 0; i < args->n_items; i++) {
		const struct arg *arg = &args->items[i];
		CLEANUP(mem_free_p) char *name = mem_printf("%s", arg->spec->name);

		for (char *c = name; *c != '\0'; c++) {
			*c = *c == '-' ? '_' : *c;
		}
		if (option_is_sent(arg->spec)) {
			form_add(form, name, arg->value != NULL ? arg->value : "true");
		}
	}
}

char *form_path(const char *base, const char *segment)
{
	CLEANUP(free_encoded) char *encoded = encode(segment);

	return mem_printf("%s/%s", base, encoded);
}
