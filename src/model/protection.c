/*
 * Protection.
 */
#include "model/protection.h"

#include <string.h>

static bool has_its_address(const struct protection_own *own, const struct session *session)
{
	return own->id != 0 && own->id == session->id && own->address[0] != '\0' &&
	       slice_is(session->values[SESSION_ADDR], own->address);
}

static bool is_it(const struct protection_own *own, const struct session *session)
{
	if (own->field == SESSION_ID) {
		return own->id == session->id;
	}
	if (own->field == SESSION_ADDR && strcmp(own->mark, PROTECTION_BY_UNIX_SOCKET) == 0) {
		return own->id == session->id && session->addr.kind == ADDRESS_UNIX;
	}
	return has_its_address(own, session) ||
	       ((own->id == 0 || own->id == session->id) && own->mark[0] != '\0' &&
		       slice_is(session->values[own->field], own->mark));
}

bool protection_is_own(const struct protection *protection, const struct session *session)
{
	for (size_t i = 0; i < protection->n_own; i++) {
		if (is_it(&protection->own[i], session)) {
			return true;
		}
	}
	return false;
}

bool protection_is_out_of_reach(const struct protection *protection, uint64_t id)
{
	for (size_t i = 0; i <= protection->n_aside && i < protection->n_known; i++) {
		if (protection->own[i].id == id) {
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

	return protection->n_own > MAX(protection->n_told, protection->n_known) ||
	       (protection->n_known > 1 + protection->n_aside && !is_of_another);
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
	} else if (protection_is_own(protection, session) ||
		   session_is_replication_or_internal(session, protection->family) ||
		   (!(protection->is_all && protection->has_type) &&
			   session_is_replica_handshake(session))) {
		return SELECTOR_YES;
	}
	return selectors_test_any(protection->configured, session);
}
