/*
 * Percent-encoding. Everything but the unreserved characters of RFC 3986 is encoded: right in a
 * form as well as in a path.
 */
#include "cli/form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void add_byte(struct form *form, char byte)
{
	form->text = mem_grow_array(form->text, form->n_bytes + 1, &form->capacity, 1);
	form->text[form->n_bytes++] = byte;
	form->text[form->n_bytes] = '\0';
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

static void add_encoded(struct form *form, const char *text)
{
	static const char HEX[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (is_unreserved(*text)) {
			add_byte(form, *text);
			continue;
		}
		add_byte(form, '%');
		add_byte(form, HEX[byte >> 4]);
		add_byte(form, HEX[byte & 15]);
	}
}

void form_finish(struct form *form)
{
	free(form->text);
	*form = (struct form){0};
}

void form_add(struct form *form, const char *name, const char *value)
{
	if (form->n_bytes > 0) {
		add_byte(form, '&');
	}
	add_encoded(form, name);
	add_byte(form, '=');
	add_encoded(form, value);
}

void form_add_options(struct form *form, const struct args *args)
{
	for (size_t i = 0; i < args->n_items; i++) {
		const struct arg *arg = &args->items[i];

		if (arg->spec->parameter != NULL) {
			form_add(form, arg->spec->parameter,
				arg->value != NULL ? arg->value : "true");
		}
	}
}

char *form_path(const char *base, const char *segment)
{
	struct form path = {0};

	for (; *base != '\0'; base++) {
		add_byte(&path, *base);
	}
	add_byte(&path, '/');
	add_encoded(&path, segment);
	return path.text;
}
