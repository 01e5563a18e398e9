/*
 * Counting what is denied.
 */
#include "record/denials.h"

#include "record/json.h"

void denials_finish(struct denials *denials)
{
	json_t *line;

	while ((line = denials_take(denials)) != NULL) {
		json_decref(line);
	}
}

static struct denials_user *find_user(struct denials *denials, uid_t uid)
{
	for (size_t i = 0; i < denials->n_users; i++) {
		if (denials->users[i].uid == uid) {
			return &denials->users[i];
		}
	}
	if (denials->n_users == DENIALS_MAX_USERS) {
		return &denials->others;
	}
	denials->users[denials->n_users] = (struct denials_user){.uid = uid};
	return &denials->users[denials->n_users++];
}

bool denials_count(struct denials *denials, uid_t uid, json_t *line)
{
	struct denials_user *user = find_user(denials, uid);

	user->n++;
	if (user->n <= DENIALS_ONE_BY_ONE && user != &denials->others) {
		return false;
	}
	json_decref(user->line);
	user->line = json_incref(line);
	return true;
}

/* Of users that are more than can be told apart; NULL: there are none. */
static json_t *take_others(struct denials *denials)
{
	json_t *line = denials->others.line;

	if (line != NULL) {
		json_set_number(line, "repeated", denials->others.n);
		json_set(line, "several_users", json_true());
	}
	denials->others = (struct denials_user){0};
	return line;
}

json_t *denials_take(struct denials *denials)
{
	while (denials->n_users > 0) {
		struct denials_user *user = &denials->users[--denials->n_users];

		if (user->line != NULL) {
			json_set_number(user->line, "repeated", user->n - DENIALS_ONE_BY_ONE);
			return user->line;
		}
	}
	return take_others(denials);
}
