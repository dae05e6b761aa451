/* db: see db.h. */
#include "common/db.h"

#include "common/arena.h"
#include "common/checkpoint.h"
#include "common/err.h"
#include "common/opt.h"
#include "common/reserve.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Pages of the log: so many new ones are worth a pass beside the loop; at such a length it begins anew, by the writer,
 * once a pass has left so few that their sync takes no time; and at the limit whatever there is left. */
enum { PASS_PAGES = 2048, RESTART_PAGES = 16384, FEW_PAGES = 64, REST_PAGES = 256, LIMIT_PAGES = 32768 };
/* In idle moments: when a pass, and when an empty file, is worth the sync of the log's next first page. */
enum { IDLE_PAGES = 1024, CUT_PAGES = 4096 };
/* On a full disk the log's file cannot grow: its space is used again soon. */
enum { FULL_PASS_PAGES = 16, FULL_RESTART_PAGES = 32 };
enum { MAX_ERROR = 256, PAGE_BYTES = 4096, CHECKED_BYTES = 2 * 1024 * 1024 };

struct db {
    sqlite3 *handle;
    const char *const *texts;
    sqlite3_stmt **statements; /* NULL: not prepared yet */
    bool *open;                /* per statement: its rows are being read */
    size_t n_statements;
    size_t n_open;
    struct arena *arena; /* of the running call */
    bool in_call;
    bool in_transaction;
    bool in_savepoint;
    bool keys_off;           /* foreign keys are not looked at: while everything is emptied */
    bool failed;             /* sticky, until the call's end */
    int fault;               /* of the call, when it failed */
    int batch_fault;         /* of the transaction, when it is lost */
    bool full;               /* there was no room on the disk */
    struct reserve *reserve; /* NULL: in memory */
    bool batch_lost; /* the transaction is gone: nothing is written until db_commit, but the committed is read */
    struct checkpoint *checkpoint; /* NULL: in memory */
    int wal_pages;                 /* as of the last commit */
    int wal_longest;               /* since its file was emptied */
    char error[MAX_ERROR];
    db_test_fn *test_fails;
};

void db_note_full(struct db *db)
{
    db->full = true;
    if (db->reserve)
        reserve_release(db->reserve);
}

bool db_is_full(struct db *db)
{
    db->full = db->reserve && reserve_is_needed(db->reserve);
    return db->full;
}

static bool lacks_room(struct db *db)
{
    return sqlite3_errcode(db->handle) == SQLITE_FULL ||
           (sqlite3_errcode(db->handle) == SQLITE_IOERR && reserve_is_full(sqlite3_system_errno(db->handle)));
}

static void note_fault(struct db *db, int fault)
{
    if (!db->failed || fault == FAULT_FULL)
        db->fault = fault;
    if (db->batch_fault == 0 || fault == FAULT_FULL)
        db->batch_fault = fault;
    if (fault == FAULT_FULL)
        db_note_full(db);
}

static bool is_damaged(struct db *db)
{
    int code = sqlite3_errcode(db->handle);
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static void note_error(struct db *db, const char *what)
{
    note_fault(db, lacks_room(db) ? FAULT_FULL : is_damaged(db) ? FAULT_DAMAGED : FAULT_SQL);
    if (!db->failed)
        snprintf(db->error, sizeof(db->error), "%.100s: %s", what, sqlite3_errmsg(db->handle));
    db->failed = true;
    /* Outside a call there is no savepoint that could undo it. */
    if (!db->in_call)
        db->batch_lost = true;
    /* A full disk or a broken file makes sqlite roll everything back by itself. */
    if (db->in_transaction && sqlite3_get_autocommit(db->handle)) {
        db->in_transaction = db->in_savepoint = false;
        db->batch_lost = true;
    }
}

/* Whether this is one that a test lets fail: the transaction is gone, as sqlite takes it on a full disk. */
static bool fails_for_test(struct db *db, enum db_point point)
{
    int fault = db->test_fails ? db->test_fails(point) : 0;
    if (fault == 0)
        return false;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    note_fault(db, fault);
    note_error(db, "let fail by a test");
    return true;
}

void db_test_fail(struct db *db, db_test_fn *fails)
{
    db->test_fails = fails;
}

static const char in_memory[] = ":memory:";
static const char durable[] = "PRAGMA synchronous = NORMAL";

static bool execute(struct db *db, const char *sql)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    note_error(db, sql);
    return false;
}

static int on_wal(void *context, sqlite3 *handle, const char *name, int pages)
{
    struct db *db = context;
    (void)handle;
    (void)name;
    /* The writer began it anew by itself: everything had been copied. */
    if (pages < db->wal_pages)
        checkpoint_forget(db->checkpoint);
    db->wal_pages = pages;
    db->wal_longest = pages > db->wal_longest ? pages : db->wal_longest;
    return SQLITE_OK;
}

static int read_version(struct db *db)
{
    sqlite3_stmt *statement;
    int version = 0;
    if (sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

/* Brings the schema to the newest version, all in one transaction. */
static int migrate(struct arena *arena, struct db *db, const struct db_config *config, slice *why)
{
    int newest = 0, version = read_version(db);
    while (config->migrations && config->migrations[newest])
        newest++;
    if (version > newest) {
        *why = arena_printf(arena, "%s was written by a newer awssim (schema %d, this one knows %d)", config->path,
                            version, newest);
        return DB_NEWER;
    }
    /* A new file has nothing to lose yet: making it waits for no disk. */
    bool ok = version == 0 || execute(db, durable);
    if (ok && version < newest)
        ok = execute(db, "BEGIN IMMEDIATE");
    for (int i = version; ok && i < newest; i++)
        ok = execute(db, config->migrations[i]);
    char end[64];
    snprintf(end, sizeof(end), "PRAGMA user_version = %d; COMMIT", newest);
    if (ok && (version == newest || execute(db, end)) && execute(db, durable))
        return 0;
    *why = arena_printf(arena, "cannot migrate %s: %s", config->path, db->error);
    return db->fault;
}

static bool prepare_one(struct db *db, size_t number)
{
    const char *sql = db->texts[number];
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->statements[number], NULL) == SQLITE_OK)
        return true;
    note_error(db, sql);
    return false;
}

/* A process that serves prepares each statement at its first use: that halves the start and the memory of a worker. A
 * database in memory belongs to a test, which shall hear of a bad one whether it uses it or not. */
static int prepare(struct arena *arena, struct db *db, const struct db_config *config, slice *why)
{
    db->texts = config->statements;
    db->n_statements = config->n_statements;
    db->statements = calloc(config->n_statements + 1, sizeof(*db->statements));
    db->open = calloc(config->n_statements + 1, sizeof(*db->open));
    if (!db->statements || !db->open)
        abort();
    for (size_t i = 0; strcmp(config->path, in_memory) == 0 && i < config->n_statements; i++) {
        if (!prepare_one(db, i)) {
            *why = arena_printf(arena, "%s: %s", config->statements[i], sqlite3_errmsg(db->handle));
            return FAULT_SQL;
        }
    }
    return 0;
}

static int configure(struct arena *arena, struct db *db, const struct db_config *config, slice *why)
{
    bool ok = execute(db, "PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -1024; PRAGMA wal_autocheckpoint = 0");
    if (ok && strcmp(config->path, in_memory) != 0) {
        ok = execute(db, "PRAGMA journal_mode = WAL");
        db->checkpoint = checkpoint_open(config->path);
        db->reserve = reserve_open(arena_printf(arena, "%s-reserve", config->path).ptr);
        sqlite3_wal_hook(db->handle, on_wal, db);
    }
    if (!ok)
        *why = arena_printf(arena, "cannot open %s: %s", config->path, db->error);
    return ok ? 0 : db->fault;
}

slice db_damage_advice(struct arena *arena, const char *path)
{
    return arena_printf(arena,
                        "%s is damaged. Stop awssim, then either put back a copy of the whole state directory, or move "
                        "the files %s* elsewhere: the service begins without what it had",
                        path, path);
}

/* A small file is read at once: what is broken in it shows before it is needed. */
static int check_small(struct db *db, const char *path)
{
    struct stat st;
    sqlite3_stmt *statement = NULL;
    if (stat(path, &st) != 0 || st.st_size > CHECKED_BYTES)
        return 0;
    int result = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    bool ok = result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
              strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    sqlite3_finalize(statement);
    return ok ? 0 : FAULT_DAMAGED;
}

static int set_up(struct arena *arena, struct db *db, const struct db_config *config, slice *why)
{
    if (sqlite3_open_v2(config->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        CHECKPOINT_VFS) != SQLITE_OK) {
        *why = arena_printf(arena, "cannot open %s: %s", config->path, sqlite3_errmsg(db->handle));
        return FAULT_SQL;
    }
    /* A predecessor that is just dying may still hold the lock. */
    sqlite3_busy_timeout(db->handle, 2000);
    int result = configure(arena, db, config, why);
    if (result == 0)
        result = check_small(db, config->path);
    if (result == 0)
        result = migrate(arena, db, config, why);
    if (result == 0)
        result = prepare(arena, db, config, why);
    if (result == FAULT_DAMAGED)
        *why = db_damage_advice(arena, config->path);
    return result;
}

int db_open(struct arena *arena, const struct db_config *config, struct db **db, slice *why)
{
    struct db *made = calloc(1, sizeof(*made));
    if (!made)
        abort();
    int result = set_up(arena, made, config, why);
    if (result != 0) {
        db_close(made);
        return result;
    }
    *db = made;
    return 0;
}

void db_release_memory(struct db *db)
{
    sqlite3_db_release_memory(db->handle);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->n_statements; i++)
        sqlite3_finalize(db->statements[i]);
    checkpoint_close(db->checkpoint);
    reserve_close(db->reserve);
    sqlite3_close(db->handle); /* the last one: it copies the log and removes it */
    free(db->statements);
    free(db->open);
    free(db);
}

/* The first write opens what can be undone: the batch's transaction and the call's savepoint. */
static bool ready_to_write(struct db *db)
{
    if (db->batch_lost) {
        db->failed = true;
        db->fault = db->batch_fault;
        return false;
    }
    if (!db->in_transaction) {
        if (!execute(db, "BEGIN IMMEDIATE"))
            return false;
        db->in_transaction = true;
    }
    if (db->in_call && !db->in_savepoint) {
        if (!execute(db, "SAVEPOINT call"))
            return false;
        db->in_savepoint = true;
    }
    return true;
}

static void bind_text(sqlite3_stmt *statement, int at, slice text, bool blob)
{
    static const char empty[] = "";
    const char *bytes = text.len ? text.ptr : empty;
    if (!text.ptr)
        sqlite3_bind_null(statement, at);
    else if (blob)
        sqlite3_bind_blob64(statement, at, bytes, text.len, SQLITE_STATIC);
    else
        sqlite3_bind_text64(statement, at, bytes, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_int(sqlite3_stmt *statement, int at, bool set, int64_t value)
{
    if (set)
        sqlite3_bind_int64(statement, at, value);
    else
        sqlite3_bind_null(statement, at);
}

static void bind_all(sqlite3_stmt *statement, const char *types, va_list args)
{
    struct opt_int number;
    struct opt_bool flag;
    assert((int)strlen(types) == sqlite3_bind_parameter_count(statement));
    for (int at = 1; types[at - 1]; at++) {
        switch (types[at - 1]) {
        case 't':
        case 'b':
            bind_text(statement, at, va_arg(args, slice), types[at - 1] == 'b');
            break;
        case 'i':
            bind_int(statement, at, true, va_arg(args, int64_t));
            break;
        case 'd':
            sqlite3_bind_double(statement, at, va_arg(args, double));
            break;
        case 'I':
            number = va_arg(args, struct opt_int);
            bind_int(statement, at, number.set, number.v);
            break;
        case 'B':
            flag = va_arg(args, struct opt_bool);
            bind_int(statement, at, flag.set, flag.v);
            break;
        default:
            assert(!"unknown bind type");
        }
    }
}

/* The statement with its binds, ready to step; NULL after an error. */
static sqlite3_stmt *start(struct db *db, int number, const char *types, va_list args)
{
    assert(number >= 0 && (size_t)number < db->n_statements && !db->open[number]);
    if (!db->statements[number] && !prepare_one(db, (size_t)number))
        return NULL;
    sqlite3_stmt *statement = db->statements[number];
    bool reads = sqlite3_stmt_readonly(statement);
    if (db->failed || (!reads && !ready_to_write(db)) || fails_for_test(db, reads ? DB_POINT_READ : DB_POINT_WRITE))
        return NULL;
    bind_all(statement, types, args);
    return statement;
}

static int64_t run(struct db *db, int number, const char *types, va_list args)
{
    sqlite3_stmt *statement = start(db, number, types, args);
    if (!statement)
        return 0;
    int result;
    do
        result = sqlite3_step(statement);
    while (result == SQLITE_ROW);
    if (result != SQLITE_DONE)
        note_error(db, sqlite3_sql(statement));
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? sqlite3_changes64(db->handle) : 0;
}

int64_t db_run(struct db *db, int number, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int64_t changes = run(db, number, types, args);
    va_end(args);
    return changes;
}

void db_note(struct db *db, int number, const char *types, ...)
{
    va_list args;
    bool failed_before = db->failed;
    va_start(args, types);
    run(db, number, types, args);
    va_end(args);
    db->failed = failed_before;
}

int64_t db_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

struct db_rows db_query(struct db *db, int number, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    sqlite3_stmt *statement = start(db, number, types, args);
    va_end(args);
    if (!statement)
        return (struct db_rows){db, -1};
    db->open[number] = true;
    db->n_open++;
    return (struct db_rows){db, number};
}

bool db_next(struct db_rows *rows)
{
    if (rows->statement < 0)
        return false;
    sqlite3_stmt *statement = rows->db->statements[rows->statement];
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE)
        note_error(rows->db, sqlite3_sql(statement));
    db_done(rows);
    return false;
}

void db_done(struct db_rows *rows)
{
    if (rows->statement < 0)
        return;
    sqlite3_reset(rows->db->statements[rows->statement]);
    rows->db->open[rows->statement] = false;
    rows->db->n_open--;
    rows->statement = -1;
}

static sqlite3_stmt *current(const struct db_rows *rows)
{
    assert(rows->statement >= 0);
    return rows->db->statements[rows->statement];
}

slice db_view(struct db_rows *rows, int column)
{
    sqlite3_stmt *statement = current(rows);
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (slice){NULL, 0};
    const char *bytes = sqlite3_column_blob(statement, column);
    return (slice){bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, column)};
}

slice db_text(struct db_rows *rows, int column)
{
    slice bytes = db_view(rows, column);
    return bytes.ptr ? (slice){arena_copy(rows->db->arena, bytes.ptr, bytes.len), bytes.len} : bytes;
}

int64_t db_test_steps(const struct db *db)
{
    int64_t steps = 0;
    for (sqlite3_stmt *one = sqlite3_next_stmt(db->handle, NULL); one; one = sqlite3_next_stmt(db->handle, one))
        steps += sqlite3_stmt_status(one, SQLITE_STMTSTATUS_VM_STEP, 0);
    return steps;
}

int64_t db_int(struct db_rows *rows, int column)
{
    return sqlite3_column_int64(current(rows), column);
}

double db_double(struct db_rows *rows, int column)
{
    return sqlite3_column_double(current(rows), column);
}

bool db_is_null(struct db_rows *rows, int column)
{
    return sqlite3_column_type(current(rows), column) == SQLITE_NULL;
}

void db_call_begin(struct db *db, struct arena *arena)
{
    assert(!db->in_call);
    db->in_call = true;
    db->arena = arena;
    db->failed = false;
}

/* Rows that a handler left behind by an early return. */
static void close_rows(struct db *db)
{
    for (size_t i = 0; db->n_open > 0 && i < db->n_statements; i++) {
        if (!db->open[i])
            continue;
        sqlite3_reset(db->statements[i]);
        db->open[i] = false;
        db->n_open--;
    }
}

bool db_call_wrote(const struct db *db)
{
    return db->in_savepoint || db->failed;
}

static void lose_batch(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->in_transaction = false;
    db->batch_lost = true;
}

int db_call_end(struct db *db, bool keep)
{
    close_rows(db);
    bool failed = db->failed;
    if (db->in_savepoint) {
        bool ok = keep && !failed ? execute(db, "RELEASE call") : execute(db, "ROLLBACK TO call; RELEASE call");
        db->in_savepoint = false;
        failed = failed || !ok;
        if (!ok)
            lose_batch(db); /* what could not be undone must be neither committed nor read */
    }
    db->in_call = db->failed = false;
    return failed ? db->fault : 0;
}

int db_commit(struct db *db)
{
    close_rows(db);
    bool lost =
        db->batch_lost || (db->in_transaction && (fails_for_test(db, DB_POINT_COMMIT) || !execute(db, "COMMIT")));
    if (lost && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->in_transaction = db->batch_lost = db->failed = false;
    int fault = db->batch_fault;
    db->batch_fault = 0;
    if (db->keys_off)
        db->keys_off = sqlite3_exec(db->handle, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK;
    if (db->reserve)
        reserve_hold(db->reserve, (int64_t)db->wal_pages * PAGE_BYTES);
    return lost ? fault : 0;
}

const char *db_error(const struct db *db)
{
    return db->error;
}

/* FNV-1a. */
static uint64_t add_bytes(uint64_t digest, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        digest = (digest ^ ((const uint8_t *)bytes)[i]) * 1099511628211ULL;
    return digest;
}

static uint64_t digest_rows(struct db *db, const char *sql, uint64_t digest)
{
    sqlite3_stmt *rows;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &rows, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            int type = sqlite3_column_type(rows, i);
            const void *bytes = sqlite3_column_blob(rows, i);
            digest = add_bytes(digest, &type, sizeof(type));
            digest = add_bytes(digest, bytes, bytes ? (size_t)sqlite3_column_bytes(rows, i) : 0);
        }
    }
    sqlite3_finalize(rows);
    return digest;
}

uint64_t db_test_digest(struct db *db)
{
    sqlite3_stmt *tables;
    uint64_t digest = 14695981039346656037ULL;
    const char *list =
        "SELECT 'SELECT * FROM \"' || name || '\"' FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    if (sqlite3_prepare_v2(db->handle, list, -1, &tables, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(tables) == SQLITE_ROW)
        digest = digest_rows(db, (const char *)sqlite3_column_text(tables, 0), digest);
    sqlite3_finalize(tables);
    return digest;
}

static bool delete_all(struct db *db)
{
    sqlite3_stmt *tables;
    const char *list = "SELECT 'DELETE FROM \"' || name || '\"' FROM sqlite_schema WHERE type = 'table'"
                       " AND name NOT LIKE 'meta\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    if (sqlite3_prepare_v2(db->handle, list, -1, &tables, NULL) != SQLITE_OK)
        return false;
    bool ok = true;
    while (ok && sqlite3_step(tables) == SQLITE_ROW)
        ok = execute(db, (const char *)sqlite3_column_text(tables, 0));
    sqlite3_finalize(tables);
    return ok;
}

int db_reset(struct db *db)
{
    assert(db->in_call && !db->in_transaction);
    /* Parents may be emptied before children: everything goes. It cannot be switched within a transaction. */
    db->keys_off = execute(db, "PRAGMA foreign_keys = OFF");
    if (!db->keys_off || fails_for_test(db, DB_POINT_WRITE) || !ready_to_write(db) || !delete_all(db))
        return db->fault;
    return 0;
}

bool db_tend(struct db *db)
{
    int copied, pass = db->full ? FULL_PASS_PAGES : PASS_PAGES, restart = db->full ? FULL_RESTART_PAGES : RESTART_PAGES;
    if (db->wal_pages >= LIMIT_PAGES)
        return true;
    if (!db->checkpoint || db->wal_pages < pass || !checkpoint_is_over(db->checkpoint, &copied))
        return false;
    int rest = db->wal_pages >= restart + PASS_PAGES ? REST_PAGES : FEW_PAGES;
    if (db->wal_pages >= restart && db->wal_pages - copied <= rest)
        return true;
    if (db->wal_pages >= restart || db->wal_pages - copied >= pass)
        checkpoint_begin(db->checkpoint, false);
    return false;
}

void db_restart_log(struct db *db)
{
    if (!db->checkpoint)
        return;
    checkpoint_wait(db->checkpoint);
    if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) != SQLITE_OK)
        return;
    checkpoint_forget(db->checkpoint);
    db->wal_pages = 0;
}

void db_rest(struct db *db)
{
    int copied;
    if (!db->checkpoint || db->wal_pages < IDLE_PAGES || !checkpoint_is_over(db->checkpoint, &copied))
        return;
    bool cut = db->wal_longest >= CUT_PAGES;
    if ((cut || copied < db->wal_pages) && checkpoint_begin(db->checkpoint, cut))
        db->wal_longest = cut ? 0 : db->wal_longest;
}
