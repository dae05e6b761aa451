/* reader: see reader.h. Walks give blocks by the time of their first events: one walk for each class of length over the
 * whole group, or one for each stream. Blocks whose time has come are in a heap by their next events. */
#include "services/logs/reader.h"

#include "services/logs/block.h"

enum {
    KEEP_BODY_BYTES = 64 * 1024,      /* larger bodies are read again instead of being kept */
    KEEP_ALL_BYTES = 8 * 1024 * 1024, /* and so are all behind so many bytes */
    PASS_OVER_BLOCKS = 20000,         /* of other streams */
};

struct block {
    struct place next; /* its next event; of one not looked into, its first */
    int64_t stream_id;
    slice stream_name;
    int64_t first_ms;
    int64_t ingested_ms;
    size_t at;     /* where in the body the next event is */
    slice body;    /* absent: to be read */
    bool is_limit; /* no block: here the reader pauses */
};

struct walk {
    const struct log_stream *stream; /* NULL: over the group */
    struct db_rows rows;             /* of the group */
    int64_t number;                  /* of the stream: where its last block is */
    struct block block;              /* the next one */
    bool ended;
};

struct reader {
    struct call *c;
    struct reader_config config;
    int64_t bound_ms; /* nothing before is wanted */
    struct walk *walks;
    size_t n_walks;
    struct block **heap;
    size_t n_heap;
    size_t heap_room;
    size_t kept_bytes;
    size_t passed_over;
    struct db_rows held; /* a row whose body is in use */
    int64_t held_id;     /* 0: none */
};

static bool is_before(const struct place *a, const struct place *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms;
    return a->block_id != b->block_id ? a->block_id < b->block_id : a->number < b->number;
}

/* Columns of BLOCK_WALK and BLOCK_NEXT. */
static void read_block(struct reader *reader, struct walk *walk, struct db_rows *rows)
{
    size_t bytes = (size_t)db_int(rows, 5);
    walk->block = (struct block){
        .next = {db_int(rows, 0), db_int(rows, 1), db_int(rows, 3)},
        .stream_id = db_int(rows, 2),
        .first_ms = db_int(rows, 0),
        .ingested_ms = db_int(rows, 4),
        .stream_name = walk->stream ? walk->stream->name : db_text(rows, 6),
    };
    if (bytes > KEEP_BODY_BYTES || reader->kept_bytes + bytes > KEEP_ALL_BYTES)
        return;
    reader->kept_bytes += bytes;
    walk->block.body = db_text(rows, 7);
}

static void step_stream(struct reader *reader, struct walk *walk)
{
    struct db_rows rows = db_query(reader->c->db, LOGS_SQL_BLOCK_NEXT, "iiiii", walk->stream->id, walk->block.first_ms,
                                   walk->number, reader->config.end_ms, reader->bound_ms);
    walk->ended = !db_next(&rows);
    if (!walk->ended) {
        read_block(reader, walk, &rows);
        walk->number = walk->block.next.number;
    }
    db_done(&rows);
}

/* Blocks of streams with other names are passed over, but not without end. */
static void step_group(struct reader *reader, struct walk *walk)
{
    while (db_next(&walk->rows)) {
        if (slice_starts(db_view(&walk->rows, 6), reader->config.prefix)) {
            read_block(reader, walk, &walk->rows);
            return;
        }
        int64_t ms = db_int(&walk->rows, 0);
        if (++reader->passed_over > PASS_OVER_BLOCKS && ms > reader->bound_ms) {
            walk->block = (struct block){.next = {ms, db_int(&walk->rows, 1), 0}, .is_limit = true};
            return;
        }
    }
    walk->ended = true;
}

static void step(struct reader *reader, struct walk *walk)
{
    if (walk->stream)
        step_stream(reader, walk);
    else
        step_group(reader, walk);
}

static void open_walks(struct reader *reader)
{
    const struct reader_config *config = &reader->config;
    bool group = config->streams->len == 0;
    reader->n_walks = group ? STORE_SPANS : config->streams->len;
    reader->walks = arena_array(reader->c->arena, reader->n_walks, sizeof(*reader->walks));
    for (size_t i = 0; i < reader->n_walks; i++) {
        struct walk *walk = &reader->walks[i];
        if (group) {
            walk->rows = db_query(reader->c->db, LOGS_SQL_BLOCK_WALK_0 + (int)i, "iiii", config->group_id,
                                  reader->bound_ms - store_span_ms((int64_t)i), config->end_ms, reader->bound_ms);
        } else {
            walk->stream = &config->streams->items[i];
            walk->block.first_ms = reader->bound_ms - walk->stream->max_span_ms;
            walk->number = -1;
        }
        step(reader, walk);
    }
}

struct reader *reader_open(struct call *c, const struct reader_config *config)
{
    struct reader *reader = arena_alloc(c->arena, sizeof(*reader));
    *reader = (struct reader){.c = c, .config = *config};
    reader->bound_ms = config->from.ms > config->start_ms ? config->from.ms : config->start_ms;
    open_walks(reader);
    return reader;
}

static void release(struct reader *reader)
{
    if (reader->held_id)
        db_done(&reader->held);
    reader->held_id = 0;
}

void reader_close(struct reader *reader)
{
    release(reader);
    for (size_t i = 0; i < reader->n_walks; i++) {
        if (!reader->walks[i].stream && !reader->walks[i].ended)
            db_done(&reader->walks[i].rows);
    }
}

static void sift_down(struct reader *reader, size_t at)
{
    struct block **heap = reader->heap;
    for (;;) {
        size_t least = at, left = 2 * at + 1;
        for (size_t child = left; child < left + 2 && child < reader->n_heap; child++)
            least = is_before(&heap[child]->next, &heap[least]->next) ? child : least;
        if (least == at)
            return;
        struct block *moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static void push(struct reader *reader, const struct block *block)
{
    if (reader->n_heap == reader->heap_room) {
        size_t room = reader->heap_room ? 2 * reader->heap_room : 64;
        struct block **heap = arena_array(reader->c->arena, room, sizeof(struct block *));
        if (reader->n_heap > 0)
            memcpy(heap, reader->heap, reader->n_heap * sizeof(struct block *));
        reader->heap = heap;
        reader->heap_room = room;
    }
    size_t at = reader->n_heap++;
    reader->heap[at] = arena_copy(reader->c->arena, block, sizeof(*block));
    while (at > 0 && is_before(&reader->heap[at]->next, &reader->heap[(at - 1) / 2]->next)) {
        struct block *moved = reader->heap[at];
        reader->heap[at] = reader->heap[(at - 1) / 2];
        reader->heap[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

static struct walk *first_walk(struct reader *reader)
{
    struct walk *first = NULL;
    for (size_t i = 0; i < reader->n_walks; i++) {
        struct walk *walk = &reader->walks[i];
        if (!walk->ended && (!first || is_before(&walk->block.next, &first->block.next)))
            first = walk;
    }
    return first;
}

/* Opens the blocks whose time has come. False when the reader is to pause here. */
static bool open_blocks(struct reader *reader)
{
    struct walk *walk;
    while ((walk = first_walk(reader)) &&
           (reader->n_heap == 0 || is_before(&walk->block.next, &reader->heap[0]->next))) {
        if (walk->block.is_limit)
            return false;
        push(reader, &walk->block);
        step(reader, walk);
    }
    return true;
}

static slice body_of(struct reader *reader, const struct block *block)
{
    if (block->body.ptr)
        return block->body;
    if (reader->held_id != block->next.block_id) {
        release(reader);
        reader->held = db_query(reader->c->db, LOGS_SQL_BLOCK_BODY, "i", block->next.block_id);
        if (!db_next(&reader->held))
            return S("");
        reader->held_id = block->next.block_id;
    }
    return db_view(&reader->held, 0);
}

/* Takes the earliest block's next event. False when it has none. */
static bool take_event(struct reader *reader, struct reader_event *event)
{
    struct block *block = reader->heap[0];
    slice body = body_of(reader, block), rest = slice_sub(body, block->at, body.len), ahead, ignored;
    int64_t delta_ms;
    bool there = block_next(&rest, &delta_ms, &event->message);
    event->place = (struct place){block->first_ms + delta_ms, block->next.block_id, block->next.number};
    event->stream_id = block->stream_id;
    event->stream_name = block->stream_name;
    event->ingested_ms = block->ingested_ms;
    block->at = body.len - rest.len;
    ahead = rest;
    if (there && block_next(&ahead, &delta_ms, &ignored)) {
        block->next.ms = block->first_ms + delta_ms;
        block->next.number++;
    } else {
        reader->heap[0] = reader->heap[--reader->n_heap];
    }
    sift_down(reader, 0);
    return there;
}

enum reader_state reader_next(struct reader *reader, struct reader_event *event)
{
    const struct reader_config *config = &reader->config;
    for (;;) {
        if (!open_blocks(reader)) {
            event->place = first_walk(reader)->block.next;
            return READER_PAUSE;
        }
        if (reader->n_heap == 0 || reader->heap[0]->next.ms >= config->end_ms)
            return READER_END;
        if (take_event(reader, event) && event->place.ms >= config->start_ms &&
            !is_before(&event->place, &config->from))
            return READER_EVENT;
    }
}
