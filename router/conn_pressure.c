/* conn_pressure: who may stay when there are more connections than descriptors for them. Connections are kept in
 * classes by what they wait for; those that are of least use go first, the oldest of them before the others. What a
 * class is not for: time limits, which are conn.c's. */
#include <errno.h>
#include <sys/socket.h>

#include "common/log.h"
#include "router/conn_impl.h"

enum {
    LOOK_AT_MOST = 16,        /* connections looked at to find one that may go */
    UPLOAD_SILENCE_MS = 2000, /* an upload that stands still for so long may go */
};

static enum conn_class class_of(const struct conn *conn)
{
    if (conn->reserved)
        return CONN_RESERVED;
    if (conn->lingering)
        return CONN_LINGERING;
    if (conn->reception && conn->reception->exchange == conn->first && !conn_in_hashing(conn))
        return CONN_UPLOAD;
    if (conn->first || conn_out_pending(conn))
        return CONN_BUSY;
    return conn->head_at > 0 ? CONN_HEAD : CONN_IDLE;
}

static void list_remove(struct conn_list *list, struct conn *conn)
{
    if (conn->class_prev)
        conn->class_prev->class_next = conn->class_next;
    else
        list->first = conn->class_next;
    if (conn->class_next)
        conn->class_next->class_prev = conn->class_prev;
    else
        list->last = conn->class_prev;
    conn->class_prev = conn->class_next = NULL;
    list->len--;
}

static void list_append(struct conn_list *list, struct conn *conn)
{
    conn->class_prev = list->last;
    conn->class_next = NULL;
    if (list->last)
        list->last->class_next = conn;
    else
        list->first = conn;
    list->last = conn;
    list->len++;
}

void conn_pressure_enter(struct conn *conn)
{
    conn->class = class_of(conn);
    list_append(&conn->set->classes[conn->class], conn);
}

void conn_pressure_leave(struct conn *conn)
{
    list_remove(&conn->set->classes[conn->class], conn);
}

void conn_pressure_update(struct conn *conn)
{
    enum conn_class class = class_of(conn);
    /* Idle ones by when they were last of use, all others by how long they have been what they are. */
    if (class == conn->class && (class != CONN_IDLE || conn->idle_at >= conn->active_at))
        return;
    list_remove(&conn->set->classes[conn->class], conn);
    conn->class = class;
    conn->idle_at = conn->active_at;
    list_append(&conn->set->classes[class], conn);
}

/* A request may have arrived that nobody has read yet. */
static bool has_input(const struct conn *conn)
{
    char byte;
    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool may_go(const struct conn *conn)
{
    switch (conn->class) {
    case CONN_IDLE:
        return !has_input(conn);
    case CONN_UPLOAD:
        return conn->active_at + UPLOAD_SILENCE_MS / 1e3 < ev_now(conn->set->config.loop);
    case CONN_BUSY:
        return false;
    default:
        return true;
    }
}

static bool evict_from(struct conn_set *set, enum conn_class class)
{
    struct conn_list *list = &set->classes[class];
    for (int i = 0; i < LOOK_AT_MOST && list->first; i++) {
        struct conn *conn = list->first;
        if (may_go(conn)) {
            conn_destroy(conn);
            return true;
        }
        list_remove(list, conn);
        list_append(list, conn);
    }
    return false;
}

bool conn_evict(struct conn_set *set)
{
    static const enum conn_class order[] = {CONN_IDLE, CONN_LINGERING, CONN_HEAD, CONN_UPLOAD};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (evict_from(set, order[i]))
            return true;
    return false;
}

bool conn_evict_reserved(struct conn_set *set)
{
    struct conn_list *list = &set->classes[CONN_RESERVED];
    for (struct conn *conn = list->first; conn; conn = conn->class_next) {
        if (conn->first || conn_out_pending(conn) || has_input(conn))
            continue;
        conn_destroy(conn);
        return true;
    }
    return false;
}

static size_t n_regular(const struct conn_set *set)
{
    return set->n_conns - set->classes[CONN_RESERVED].len;
}

void conn_pressure_make_room(struct conn_set *set)
{
    bool full = n_regular(set) >= set->config.max_conns;
    if (full && !set->crowded)
        log_warn("%zu connections are open, as many as there may be: those that are idle are closed for new ones",
                 n_regular(set));
    if (full || n_regular(set) < set->config.max_conns / 2)
        set->crowded = full;
    if (full)
        conn_evict(set);
    if (set->classes[CONN_RESERVED].len >= CONN_RESERVED_COUNT)
        evict_from(set, CONN_RESERVED);
}

bool conn_pressure_has_room(const struct conn_set *set)
{
    return n_regular(set) < set->config.max_conns;
}
