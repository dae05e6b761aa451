/* conn_impl: what the files of conn share: conn.c (life and time), conn_in.c (requests), conn_out.c (answers),
 * conn_pressure.c (too many connections). */
#pragma once

#include <ev.h>

#include "router/body.h"
#include "router/conn.h"

enum {
    CONN_READ_BYTES = 256 * 1024, /* at most in one read */
    CONN_OUT_BYTES = 512 * 1024,  /* unsent answers beyond which no request is taken */
    CONN_KEEP_BYTES = 32 * 1024,  /* larger buffers are not kept for the next use */
    CONN_KEEP_COUNT = 256,        /* idle exchanges and buffers kept */
    CONN_LINGER_MS = 30 * 1000,   /* reading on behind an early answer */
    CONN_SILENCE_MS = 5 * 1000,   /* without input while lingering; for answers after the client's half-close */
    CONN_RESERVED_COUNT = 16,     /* connections beyond the limit */
    CONN_RESERVED_MS = 2 * 1000,  /* such a connection's request must be there within */
};

/* What a connection waits for. */
enum conn_class {
    CONN_IDLE,      /* the next request, or the first one */
    CONN_HEAD,      /* the rest of a head, or of a TLS handshake */
    CONN_UPLOAD,    /* the rest of a body, with nothing else to do */
    CONN_BUSY,      /* answers, or the client's reading them */
    CONN_LINGERING, /* the client's close */
    CONN_RESERVED,  /* one beyond the limit */
    CONN_CLASSES,
};

/* Connections of a class, the oldest in it first. */
struct conn_list {
    struct conn *first;
    struct conn *last;
    size_t len;
};

/* A request whose body has not arrived yet. */
struct reception {
    struct exchange *exchange;
    struct http1_request head; /* of head_bytes */
    struct buf head_bytes;
    struct body body;
};

struct conn {
    struct conn_set *set;
    struct conn *prev;
    struct conn *next;
    struct conn *next_dirty;
    ev_io reader;
    ev_io writer;
    ev_timer timer;
    ev_tstamp armed_at; /* when the timer fires */
    ev_tstamp opened_at;
    ev_tstamp active_at; /* last progress in either direction */
    ev_tstamp idle_at;   /* active_at when it was put where it stands in its class */
    ev_tstamp pace_at;   /* since when pace_bytes are counted */
    size_t pace_bytes;
    struct conn *class_prev;
    struct conn *class_next;
    enum conn_class class;
    ev_tstamp head_at;   /* since when a head, or a TLS handshake, is incomplete; 0: none is */
    ev_tstamp linger_at; /* when lingering ends at the latest */
    int fd;
    bool reserved;  /* beyond the limit: only what is urgent is answered */
    bool trusted;   /* of awssim's own user */
    bool unknown;   /* plain or TLS shows with the first byte */
    bool handshake; /* TLS's is going on */
    bool dirty;     /* in the set's list of connections to flush */
    bool dead;      /* closed; freed when the list is done */
    bool paused;    /* too much in flight: nothing is read */
    bool eof;       /* the client has sent its last byte */
    bool closing;   /* no further request is taken */
    bool lingers;   /* input is still to be expected behind the last answer */
    bool lingering; /* all said; input is thrown away until the client has seen the end */
    struct tls_session *tls;
    struct reception *reception;
    struct buf in;  /* input that is not a whole request yet, or waits for a pause to end */
    size_t tried;   /* so much of it has been parsed in vain */
    struct buf out; /* answers to be written */
    size_t out_at;  /* what of it has been written */
    struct exchange *first;
    struct exchange *last;
    unsigned n_exchanges;
    size_t held; /* bytes of memory that wait for the client, as last counted */
};

struct conn_set {
    struct conn_config config;
    struct conn *conns;
    size_t n_conns;
    struct conn_list classes[CONN_CLASSES];
    bool crowded; /* it has been said that there are too many */
    size_t held;  /* of all connections */
    struct conn *dirty;
    ev_prepare flusher;
    struct follow *follow;
    struct hashpool *pool;
    ev_io hashed;
    bool draining;
    struct http1_request head; /* the one being parsed */
    struct exchange *spare_exchanges;
    size_t n_spare_exchanges;
    struct buf spare_bufs[CONN_KEEP_COUNT];
    size_t n_spare_bufs;
    char scratch[CONN_READ_BYTES];
};

/* conn.c */
/* Bytes of use have moved in either direction. */
void conn_note_progress(struct conn *conn, size_t bytes);
/* From now on bytes are waited for, at a pace. */
void conn_begin_pace(struct conn *conn);
void conn_mark_dirty(struct conn *conn);
/* The state has changed to one with a nearer deadline. */
void conn_arm(struct conn *conn);
/* What it holds may have changed. */
void conn_count_held(struct conn *conn);
/* Gone for the outside; memory stays until the end of the loop's turn. */
void conn_destroy(struct conn *conn);
struct exchange *conn_exchange_add(struct conn *conn);
void conn_exchange_remove_first(struct conn *conn);
struct buf conn_buf_take(struct conn_set *set);
/* Gives the buffer's memory back and zeroes it. */
void conn_buf_give(struct conn_set *set, struct buf *buf);

/* conn_in.c */
void conn_in_ready(struct conn *conn);
/* Takes requests that waited for a pause to end. */
void conn_in_resume(struct conn *conn);
bool conn_in_may_take(const struct conn *conn);
/* 408 for what has not arrived in time. */
void conn_in_timeout(struct conn *conn);
void conn_in_drop_reception(struct conn *conn);
/* The body has arrived and only its digests are missing: nothing is read meanwhile. */
bool conn_in_hashing(const struct conn *conn);
/* The digests are there. */
void conn_in_hashed(struct conn *conn);

/* conn_pressure.c */
void conn_pressure_enter(struct conn *conn);
void conn_pressure_leave(struct conn *conn);
/* The connection may wait for something else now. */
void conn_pressure_update(struct conn *conn);
/* Before one more connection is opened. */
void conn_pressure_make_room(struct conn_set *set);
/* Whether one more is within the limit. */
bool conn_pressure_has_room(const struct conn_set *set);

/* conn_out.c */
/* Where bytes for this exchange go now. */
struct buf *conn_out_of(struct exchange *exchange);
/* Writes what can be written, and decides what comes after. */
void conn_out_flush(struct conn *conn);
bool conn_out_pending(const struct conn *conn);
/* The exchange's file is done with, sent or not. */
void conn_out_close_file(struct exchange *exchange);
