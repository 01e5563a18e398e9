/*
 * The rules of fault points. They are the one thing in the program that is known everywhere and
 * changes: handing them down through every layer would leave traces in builds that have none.
 */
#include "base/fault.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/slice.h"

#define MAX_RULES 8
#define MAX_WORD_BYTES 32

struct rule {
	enum fault fault;
	char word[MAX_WORD_BYTES]; /* "" any */
	uint64_t n_before;         /* passes that go well */
	uint64_t n_left;           /* failures to come behind them */
};

static struct rule rules[MAX_RULES];
static size_t n_rules;

const char *fault_name(enum fault fault)
{
	static const char *const names[] = {
#define FAULT_ROW(suffix, name, meaning) name,
		FAULTS_TABLE(FAULT_ROW)
#undef FAULT_ROW
	};

	return names[fault];
}

static bool find_fault(struct slice name, enum fault *ret_fault)
{
	for (unsigned i = 0; i < FAULTS_N; i++) {
		if (slice_is(name, fault_name((enum fault)i))) {
			*ret_fault = (enum fault)i;
			return true;
		}
	}
	return false;
}

/* Takes `separator` and the number behind it off the end of `*text`; 1 where there is none. */
static bool take_number(struct slice *text, char separator, uint64_t *ret_number)
{
	struct slice number = {NULL, 0};
	size_t i = text->len;

	*ret_number = 1;
	while (i > 0 && text->data[i - 1] >= '0' && text->data[i - 1] <= '9') {
		i--;
	}
	if (i == 0 || i == text->len || text->data[i - 1] != separator) {
		return true;
	}
	number = slice_skip(*text, i);
	text->len = i - 1;
	return parse_u64(number, ret_number) && *ret_number > 0;
}

static bool read_rule(struct slice text, struct rule *ret_rule)
{
	struct rule rule = {0};
	uint64_t first;
	struct slice name;

	if (!take_number(&text, '*', &rule.n_left) || !take_number(&text, '@', &first) ||
		!slice_next(&text, ':', &name) || !find_fault(name, &rule.fault) ||
		text.len >= sizeof(rule.word)) {
		return false;
	}
	if (text.len > 0) {
		memcpy(rule.word, text.data, text.len);
	}
	rule.n_before = first - 1;
	*ret_rule = rule;
	return true;
}

int fault_set_rules(const char *text, struct err *err)
{
	struct slice rest = slice_of(text);
	struct slice one;

	n_rules = 0;
	while (rest.len > 0 && slice_next(&rest, ',', &one)) {
		if (n_rules == MAX_RULES || !read_rule(one, &rules[n_rules])) {
			err_set(err, "no fault that is known, or too many: \"%.*s\"",
				SLICE_ARG(one));
			return -EINVAL;
		}
		n_rules++;
	}
	return 0;
}

static bool is_concerned(const struct rule *rule, enum fault fault, const char *word)
{
	return rule->fault == fault &&
	       (rule->word[0] == '\0' || (word != NULL && strcmp(rule->word, word) == 0));
}

/* Every rule counts every pass, whatever the others say. */
bool fault_strikes(enum fault fault, const char *word)
{
	bool is_struck = false;

	for (size_t i = 0; i < n_rules; i++) {
		struct rule *rule = &rules[i];

		if (!is_concerned(rule, fault, word)) {
			continue;
		}
		if (rule->n_before > 0) {
			rule->n_before--;
		} else if (rule->n_left > 0) {
			rule->n_left--;
			is_struck = true;
			/* A test that nothing failed in proves nothing: it looks for this. */
			log_debug("fault strikes: %s:%s", fault_name(fault), rule->word);
		}
	}
	return is_struck;
}
