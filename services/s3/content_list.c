/* content_list: contents that are parts of files: lists of segments. A list's name stands where a file's would. */
#include "services/s3/s3.h"

#include "common/buf.h"
#include "common/ids.h"

void content_pieces(struct call *c, slice name, int64_t at, int64_t length, struct content_pieces *pieces)
{
    int64_t end = at + length;
    *pieces = (struct content_pieces){0};
    struct db_rows rows = db_query(c->db, S3_SQL_SEGMENT_RANGE, "tii", name, at, end);
    while (db_next(&rows)) {
        int64_t begins = db_int(&rows, 0), ends = begins + db_int(&rows, 3);
        int64_t from = begins > at ? begins : at, to = ends < end ? ends : end;
        if (from < to)
            *list_add(c->arena, pieces) =
                (struct segment){db_text(&rows, 1), db_int(&rows, 2) + from - begins, to - from};
    }
    if (pieces->len == 0)
        *list_add(c->arena, pieces) = (struct segment){name, at, length};
}

int64_t content_lease(slice list)
{
    enum { DIGITS = 15 };
    int64_t number = 0;
    for (size_t i = 0; i < list.len && i < DIGITS; i++) {
        char digit = list.ptr[i];
        number = number << 4 | ((digit <= '9' ? digit : digit + 9) & 15);
    }
    return number;
}

int64_t content_list_add(struct call *c, slice list, int64_t at, slice name, int64_t size)
{
    int64_t added = db_run(c->db, S3_SQL_SEGMENT_ADD_LIST, "tit", list, at, name);
    return added > 0 ? added : db_run(c->db, S3_SQL_SEGMENT_ADD, "titii", list, at, name, (int64_t)0, size);
}

slice content_cut(struct call *c, const struct content_range *range)
{
    struct content_pieces pieces;
    const struct version *version = range->version;
    int64_t at = 0;
    if (range->at == 0 && range->length == version->size)
        return version->file;
    slice list = ids_hex(c->arena, CONTENT_NAME_BYTES);
    content_pieces(c, version->file, range->at, range->length, &pieces);
    list_foreach (piece, &pieces) {
        db_run(c->db, S3_SQL_SEGMENT_ADD, "titii", list, at, piece->name, piece->offset, piece->length);
        at += piece->length;
    }
    return list;
}

void content_answer(struct call *c, const struct content_range *range, struct msg *reply)
{
    struct content_pieces pieces;
    struct buf text;
    const struct version *version = range->version;
    if (!version->file.ptr) {
        reply->body = slice_sub(content_bytes(c, version), (size_t)range->at, (size_t)(range->at + range->length));
        return;
    }
    reply->file_length = range->length;
    content_pieces(c, version->file, range->at, range->length, &pieces);
    if (pieces.len == 1) {
        reply->body_file = arena_printf(c->arena, "../s3/%.*s", SLICE_ARG(pieces.items[0].name));
        reply->file_offset = pieces.items[0].offset;
        return;
    }
    buf_init(&text, c->arena);
    list_foreach (piece, &pieces) {
        piece->name = arena_printf(c->arena, "../s3/%.*s", SLICE_ARG(piece->name));
        segments_add(&text, piece);
    }
    reply->segments = buf_slice(&text);
    reply->lease = arena_printf(c->arena, "%lld ../s3/" CONTENT_LEASE, (long long)content_lease(version->file));
}
