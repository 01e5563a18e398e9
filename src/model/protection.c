/*
 * Protection.
 */
#include "model/protection.h"

bool protection_is_own(const struct protection *protection, uint64_t id)
{
	for (size_t i = 0; i < protection->n_own_ids; i++) {
		if (protection->own_ids[i] == id) {
			return true;
		}
	}
	return false;
}

bool protection_is_out_of_reach(const struct protection *protection, uint64_t id)
{
	for (size_t i = 0; i <= protection->n_aside && i < protection->n_own_ids; i++) {
		if (protection->own_ids[i] == id) {
			return true;
		}
	}
	return false;
}

/* Could a connection of ours be among such sessions, besides those that no set command hits? */
static bool may_hold_own(const struct protection *protection, const struct session *session)
{
	struct slice user = session->values[SESSION_USER];
	bool is_of_another = protection->own_user != NULL && user.data != NULL &&
			     !slice_is(user, protection->own_user);

	return protection->n_maybe_own_ids > 0 ||
	       (protection->n_own_ids > 1 + protection->n_aside && !is_of_another);
}

static bool is_maybe_own(const struct protection *protection, const struct session *session)
{
	for (size_t i = 0; i < protection->n_maybe_own_ids; i++) {
		if (protection->maybe_own_ids[i] == session->id &&
			slice_is(session->values[SESSION_NAME], PROTECTION_OWN_NAME)) {
			return true;
		}
	}
	return false;
}

enum selector_verdict protection_test(
	const struct protection *protection, const struct session *session)
{
	bool is_set = (session->open_fields & (UINT64_C(1) << SESSION_ID)) != 0;

	if (session->type == SESSION_TYPE_REPLICA || session->type == SESSION_TYPE_MASTER) {
		return SELECTOR_YES;
	}
	if (is_set) {
		if (may_hold_own(protection, session)) {
			return SELECTOR_OPEN;
		}
	} else if (protection_is_own(protection, session->id) ||
		   is_maybe_own(protection, session) ||
		   session_is_replication_or_internal(session, protection->family) ||
		   (!(protection->is_all && protection->has_type) &&
			   session_is_replica_handshake(session))) {
		return SELECTOR_YES;
	}
	return selectors_test_any(protection->configured, session);
}
