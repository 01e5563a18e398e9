#include "record/audit_line.h"

#include "base/clock.h"
#include "record/json.h"

void audit_line_set_now(json_t *line)
{
	char now[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(clock_wall_ms(), now);
	json_set(line, "time", json_text_of(now));
}

json_t *audit_line(const char *event)
{
	json_t *line = json_object();

	audit_line_set_now(line);
	json_set(line, "event", json_text_of(event));
	return line;
}

json_t *audit_line_of(const char *event, const struct audit_subject *subject)
{
	json_t *line = audit_line(event);

	json_set(line, "request_id", json_text_of(subject->request_id));
	json_set(line, "action", json_text_of(subject->action));
	json_set(line, "instance", json_text_of(subject->instance));
	json_set_caller(line, subject->caller);
	if (subject->request != NULL) {
		json_set_request(line, subject->request);
	}
	return line;
}
