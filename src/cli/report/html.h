/*
 * HTML out of untrusted text. Everything goes through here: what a server or a client named is
 * text in the page, whatever it holds, and what is invisible or turns the direction is visible.
 */
#ifndef CLI_REPORT_HTML_H
#define CLI_REPORT_HTML_H

#include <stdio.h>

#include "base/macros.h"
#include "base/slice.h"

/* As text or as the value of a quoted attribute. */
void html_text(FILE *out, struct slice text);
/* Formatted, then escaped. */
void html_format(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
