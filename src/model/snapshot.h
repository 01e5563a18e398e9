/*
 * The one copy of what a listing of one node said: for every session its id, its class and the few
 * facts that the plan and the report need. A pure value, filled line by line as the listing
 * arrives; the lines themselves are not kept.
 *
 * Sessions are gathered into cells: all that agree in type and in the fields that this request's
 * selectors ask for and this server can filter on. What one command can kill is a cell, or all
 * cells of a type.
 */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/caps.h"
#include "model/intern.h"
#include "model/protection.h"
#include "model/report.h"
#include "model/request.h"
#include "model/results.h"
#include "model/session.h"
#include "model/sources.h"

/*
 * A listing with more sessions than this is refused, not half read: twice what a process may hold
 * of descriptors where nobody raised fs.nr_open. They take 64 MB.
 */
#define SNAPSHOT_MAX_SESSIONS 2000000
/* Beyond this many cells sessions belong to none, and can only be killed by id. */
#define SNAPSHOT_MAX_CELLS 4096

/* Fields that a server may filter kills on. KEY(field, capability, word in CLIENT KILL) */
#define SNAPSHOT_KEYS(KEY)                       \
	KEY(USER, KILL_USER, "USER")             \
	KEY(LADDR, KILL_LADDR, "LADDR")          \
	KEY(NAME, KILL_NAME, "NAME")             \
	KEY(LIB_NAME, KILL_LIB_NAME, "LIB-NAME") \
	KEY(LIB_VER, KILL_LIB_VER, "LIB-VER")    \
	KEY(DB, KILL_DB, "DB")

enum snapshot_key {
#define KEY(field, cap, word) SNAPSHOT_KEY_##field,
	SNAPSHOT_KEYS(KEY)
#undef KEY
		SNAPSHOT_N_KEYS
};

enum snapshot_fate {
	SNAPSHOT_PENDING, /* a victim that has not been seen to have ended */
	SNAPSHOT_ENDED,   /* asked again, the server does not list it any more */
	SNAPSHOT_GONE,    /* the same, but when its turn came nobody was hit */
};

struct snapshot_entry {
	uint64_t id;
	uint32_t source;
	uint32_t cell;   /* INTERN_NONE: none */
	uint32_t socket; /* its number among the server's connections; INTERN_NONE: not known */
	uint32_t mark;   /* by which goals choose; INTERN_NONE: it has none */
	uint8_t class;   /* enum request_class */
	uint8_t type;    /* enum session_type */
	uint8_t fate;    /* enum snapshot_fate; of victims */
	uint8_t n_tries; /* that it was about to be killed; of spread ones */
	uint8_t kept_by; /* enum result_fate; of protected ones, when results are wanted */
	bool is_due;     /* its turn has come; of spread ones */
	bool is_missed;  /* no command hit it: it had ended, or was not any more what it was */
	bool is_listed;  /* by the listing that is being read for verification */
	bool is_dying;   /* listed with a flag that says so */
	bool is_moved;   /* listed by snapshot_look(), in another cell than before */
	bool is_retyped; /* likewise, of another type */
	bool is_cut;     /* the kernel has ended its connection: it is sure to end */
};

struct snapshot_cell {
	enum session_type type;
	struct slice keys[SNAPSHOT_N_KEYS]; /* data NULL: not a key of this cell */
	uint64_t n_victims;
	/* Sessions that are no victims, but for the connection that sends the commands. */
	uint64_t n_kept;      /* protected */
	uint64_t n_unmatched; /* not selected by the request, and not protected */
};

struct snapshot {
	/* What the sessions are judged by; all borrowed. */
	const struct request *request;
	const struct protection *protection;
	const struct caps *caps;
	struct slice node;
	struct sources *sources;
	struct results *results; /* NULL: not wanted */
	struct goal_book *book;  /* NULL: there are no goals */
	uint64_t link_id;        /* of the connection that lists and kills */

	struct snapshot_entry *entries; /* by id, ascending, once sealed */
	size_t n;
	size_t n_sealed; /* the ordered part; behind it what a later listing brought */
	size_t capacity;
	struct goal_mark *marks;
	size_t n_marks;
	size_t marks_capacity;
	struct counts counts;  /* found, unmatched, is_protected, spared, matched */
	size_t n_looked_at;    /* lines of the verification that is read */
	uint64_t n_released;   /* were victims, until a later listing judged them otherwise */
	int64_t n_connections; /* that the server had ever accepted before; -1: not known */
	uint64_t watermark;    /* the highest id listed */
	uint64_t given_fields; /* bits: fields that the server gave for at least one session */
	uint32_t key_mask;     /* bits 1 << enum snapshot_key: the keys of cells */
	struct intern cell_texts;
	struct snapshot_cell *cells;
	size_t cells_capacity;
	uint64_t n_without_cell;
	uint64_t n_unreadable;      /* lines set aside */
	char first_unreadable[160]; /* one of them, with the reason */
	int64_t oldest_age_s;       /* of the victims, when they were listed */
	uint64_t n_subscribers;     /* among the victims */
	uint64_t n_subscriptions;   /* of these */
	uint64_t n_monitors;        /* of all that were listed */
	uint64_t n_doubtful;        /* protected by a flag that may mean something else here */
	bool is_too_large;
};

/* Empty, ready for lines. The pointers must outlive it. */
void snapshot_init(struct snapshot *snapshot, const struct request *request,
	const struct protection *protection, const struct caps *caps, struct slice node,
	struct sources *sources, uint64_t link_id);
void snapshot_finish(struct snapshot *snapshot); /* zeroed is fine */

/* Before the first line: keep what becomes of each session in `results`, which is borrowed. */
void snapshot_want_results(struct snapshot *snapshot, struct results *results);
/* Before the first line: whom the goals are to choose from. `book` is borrowed. */
void snapshot_want_goals(struct snapshot *snapshot, struct goal_book *book);
/* A victim that is beyond a goal is none. */
void snapshot_spare(struct snapshot *snapshot, struct snapshot_entry *entry);

/*
 * At the end, if they were wanted: what became of them all, in the list and in its counts. `left`
 * is the fate of those that are still there.
 */
void snapshot_settle_results(struct snapshot *snapshot, enum result_fate left);

/*
 * Takes one line of the listing, which is read already. A line that cannot be judged is set aside
 * and counted: it is no victim unless everything is to be killed and its id is known. Nor is one
 * whose verdict hangs on a value that is too long: that one is kept. Is it a victim that could be
 * read?
 */
bool snapshot_add(struct snapshot *snapshot, const struct session_line *line);

/* Of the session that was added last: see struct snapshot_entry. */
void snapshot_note_socket(struct snapshot *snapshot, uint32_t socket);

/* After the last line: sorts by id. Two sessions with one id are set aside, both. */
void snapshot_seal(struct snapshot *snapshot);

/*
 * For verification: forget what was listed; note one line of the new listing; then judge. Each
 * listing judges anew: a victim that is protected by now, or not selected any more, is none.
 * Servers whose listing is no atomic picture may show a session for the first time now: one that is
 * not newer than the watermark is taken up like the others.
 */
void snapshot_verify_begin(struct snapshot *snapshot);
void snapshot_verify(struct snapshot *snapshot, const struct session_line *line);
/* Victims that are no longer listed have ended. */
struct snapshot_remains {
	uint64_t alive; /* listed, as if nothing had happened */
	uint64_t dying; /* listed, but on their way out */
};
struct snapshot_remains snapshot_verify_end(struct snapshot *snapshot);
/* The same, of what is known then. */
struct snapshot_remains snapshot_count_remains(const struct snapshot *snapshot);

/*
 * A look just before a set command, after snapshot_verify_begin(): one line of who is there now.
 * Nothing is judged: is_listed and is_moved say who of the victims the command can hit.
 */
void snapshot_look(struct snapshot *snapshot, const struct session_line *line);

/*
 * A look at some just before they are ended otherwise than by a command: their lines are taken like
 * those of a verification, but that nobody is known to have ended.
 */
void snapshot_look_again_end(struct snapshot *snapshot);

/* Whose connections the kernel has ended are listed for too long: they were not theirs. */
void snapshot_doubt_cuts(struct snapshot *snapshot);

/* NULL when that id was not listed. */
struct snapshot_entry *snapshot_find(struct snapshot *snapshot, uint64_t id);

/* All victims that are pending have ended (the server was restarted). */
void snapshot_end_all(struct snapshot *snapshot, enum snapshot_fate fate);

/*
 * As many as that have been killed, of those that have ended: a set command says how many it hit,
 * and not whom. The others have ended by themselves. Once, at the end.
 */
void snapshot_settle_fates(struct snapshot *snapshot, uint64_t n_killed);

static inline bool snapshot_is_victim(const struct snapshot_entry *entry)
{
	return entry->class == REQUEST_MATCHED && entry->fate == SNAPSHOT_PENDING;
}

/* Is everybody meant who was listed, but for the daemon's own connections? */
bool snapshot_is_all_matched(const struct snapshot *snapshot);
uint64_t snapshot_n_pending(const struct snapshot *snapshot); /* victims */

/* Adds the victims, and those that ended, to the counts of their sources. Once, at the end. */
void snapshot_count_sources(const struct snapshot *snapshot);

const char *snapshot_key_word(enum snapshot_key key); /* "USER" */

#endif
