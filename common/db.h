/* db: one sqlite database, its statements prepared once, and a transaction that begins by itself.
 *
 * A service lists its SQL in sql.def as SQL(NAME, "text"); the position in that list is the statement's number. The
 * first write of a call opens the batch's transaction and the call's savepoint; reads open neither. Errors are sticky:
 * after one, statements do nothing, queries have no rows, and db_call_end or db_commit answer FAULT_SQL or FAULT_FULL,
 * so callers do not check each statement. When a full disk has cost the transaction, the batch's further calls can
 * read, not write.
 */
#pragma once

#include "common/slice.h"

struct arena;
struct db;

struct db_config {
    const char *path;              /* file, or ":memory:" */
    const char *const *migrations; /* [0] is schema.sql (version 1), [n] leads to version n + 1; NULL-terminated */
    const char *const *statements; /* sql.def in order */
    size_t n_statements;
};

/* Opens or creates, migrates inside one BEGIN IMMEDIATE by user_version; statements are prepared when first used.
 * Answers 0, or DB_NEWER (the file was written by a newer program), or FAULT_DAMAGED (it is no database, or a small one
 * that does not hold together), or another fault; *why has a sentence for the operator. */
enum { DB_NEWER = 10 };
int db_open(struct arena *arena, const struct db_config *config, struct db **db, slice *why);
void db_close(struct db *db);

/* Frees cached pages. */
void db_release_memory(struct db *db);

/* Outside a call there is no savepoint: a failed statement loses the whole batch. Bound texts are borrowed until the
 * statement is done. A literal for 'i' needs a cast to int64_t.
 * One statement run to its end. types names the binds, one letter each:
 *   t slice text (absent = NULL)   b slice blob (absent = NULL)   i int64_t   d double   I struct opt_int   B struct
 * opt_bool Nothing else is accepted (asserted). Answers the number of changed rows. */
int64_t db_run(struct db *db, int statement, const char *types, ...);

/* The same for what a read notes down beside its work, as the time of a download: on a full disk the note is lost and
 * the call goes on. */
void db_note(struct db *db, int statement, const char *types, ...);

/* rowid of the last insert. */
int64_t db_last_id(struct db *db);

/* A query's rows:
 *     struct db_rows rows = db_query(c->db, ECS_SQL_CLUSTER_GET, "ttt", account, region, name);
 *     while (db_next(&rows)) …
 * Column texts are copied into the arena given to db_call_begin. Leaving the loop early needs db_done. The same
 * statement must not be queried again while its rows are open (asserted). */
struct db_rows {
    struct db *db;
    int statement;
};

struct db_rows db_query(struct db *db, int statement, const char *types, ...);
bool db_next(struct db_rows *rows);
void db_done(struct db_rows *rows);

slice db_text(struct db_rows *rows, int column); /* text or blob; NULL gives an absent slice */
/* The same without a copy: valid until the next row, and at most until db_done. */
slice db_view(struct db_rows *rows, int column);
int64_t db_int(struct db_rows *rows, int column);
double db_double(struct db_rows *rows, int column);
bool db_is_null(struct db_rows *rows, int column);

/* The dispatcher's part. A batch is: for each call db_call_begin … db_call_end(keep), then db_commit, and only then may
 * answers leave. */
void db_call_begin(struct db *db, struct arena *arena);

/* Whether the running call has written anything. */
bool db_call_wrote(const struct db *db);

/* Ends the call: keep = false undoes its writes. Answers 0, or when a statement failed (then they are undone)
 * FAULT_SQL, FAULT_FULL for want of room, or FAULT_DAMAGED. */
int db_call_end(struct db *db, bool keep);

/* Commits what the batch wrote, if anything; on FAULT_SQL and FAULT_FULL nothing of the whole batch was kept. */
int db_commit(struct db *db);

/* Whether there was no room on the disk and has not been since. Space kept in reserve is then the database's: what
 * makes room should go on, what needs room should not begin. db_note_full says that somebody else has met with it. */
bool db_is_full(struct db *db);
void db_note_full(struct db *db);

/* The reason of the last fault ("INSERT …: database or disk is full"), for the log. */
const char *db_error(const struct db *db);

/* What an operator can do about a damaged database. */
slice db_damage_advice(struct arena *arena, const char *path);

/* For tests: asked before each statement of a call, and each commit, that comes to the database; another answer than 0
 * is the fault that it fails with, which costs the transaction as a full disk does. NULL: nothing fails. */
enum db_point { DB_POINT_WRITE, DB_POINT_READ, DB_POINT_COMMIT };
typedef int db_test_fn(enum db_point point);
void db_test_fail(struct db *db, db_test_fn *fails);

/* For tests: a digest of all rows of all tables. */
uint64_t db_test_digest(struct db *db);

/* How many steps sqlite has made for all statements: what tests measure instead of time. */
int64_t db_test_steps(const struct db *db);

/* Empties every table except those named meta_*: the first thing in a call that is alone in its transaction. */
int db_reset(struct db *db);

/* Keeps the log short by passes on a thread of its own; called behind each commit. Answers whether db_restart_log is
 * due: a pass has left so little that it takes no longer than the sync of a few pages, and who is answered first does
 * not wait for it. (When passes cannot keep up, the log ends at 128 MiB, and it takes as long as it takes.) */
bool db_tend(struct db *db);
void db_restart_log(struct db *db);

/* The same in an idle moment: nothing here waits. */
void db_rest(struct db *db);
