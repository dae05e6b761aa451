/* download: where GetFunction says that the code can be fetched: an address on our own port, signed, for ten minutes.
 * /2015-03-31/code/HASH.zip?expires=SECONDS&signature=HEX is no operation of Lambda's. */
#include "services/lambda/lambda.h"

#include "common/buf.h"
#include "common/conf.h"
#include "common/hash.h"
#include "common/ids.h"
#include "common/uri.h"

#include <sys/stat.h>

static const int64_t valid_seconds = 600;

#define DOWNLOAD_PREFIX "/2015-03-31/code/"

static slice secret(struct call *c)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_SECRET_GET, "");
    slice secret = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    if (!secret.ptr) {
        secret = ids_hex(c->arena, 64);
        db_run(c->db, LAMBDA_SQL_SECRET_ADD, "t", secret);
    }
    return secret;
}

static slice signature(struct call *c, slice hash, slice expires)
{
    slice key = secret(c);
    slice inner = hash_sha256_hex(
        c->arena, arena_printf(c->arena, "%.*s/%.*s/%.*s", SLICE_ARG(key), SLICE_ARG(hash), SLICE_ARG(expires)));
    return hash_sha256_hex(c->arena, arena_concat(c->arena, key, inner));
}

slice download_location(struct call *c, slice hash)
{
    slice host = c->request && c->request->host.len > 0
                     ? c->request->host
                     : arena_printf(c->arena, "127.0.0.1:%lld", (long long)c->conf->port);
    slice expires = arena_printf(c->arena, "%lld", (long long)(c->now_ms / 1000) + valid_seconds);
    return arena_printf(c->arena, "http://%.*s" DOWNLOAD_PREFIX "%.*s.zip?expires=%.*s&signature=%.*s", SLICE_ARG(host),
                        SLICE_ARG(hash), SLICE_ARG(expires), SLICE_ARG(signature(c, hash, expires)));
}

static bool is_valid(struct call *c, slice hash)
{
    struct pair_list query = {0};
    int64_t expires;
    if (hash.len != 64 || slice_index(hash, '/') != hash.len ||
        uri_parse_form(c->arena, c->request->query, &query) != 0)
        return false;
    slice text = pair_get(&query, S("expires"));
    return slice_to_int64(text, &expires) && expires * 1000 >= c->now_ms &&
           slice_eq(pair_get(&query, S("signature")), signature(c, hash, text));
}

bool download_serve(struct call *c, struct msg *reply)
{
    slice path = c->request->path;
    if (!slice_starts(path, S(DOWNLOAD_PREFIX)) || !slice_ends(path, S(".zip")))
        return false;
    slice hash = slice_sub(path, sizeof(DOWNLOAD_PREFIX) - 1, path.len - 4);
    struct stat st;
    *reply = (struct msg){.status = 403,
                          .content_type = S("application/xml"),
                          .body = S("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")};
    if (!slice_eq(c->request->method, S("GET")) || !is_valid(c, hash) || stat(code_zip_path(c, hash).ptr, &st) != 0)
        return true;
    *reply = (struct msg){.status = 200,
                          .content_type = S("application/zip"),
                          .body_file = arena_printf(c->arena, "../lambda/code/%.*s.zip", SLICE_ARG(hash)),
                          .file_length = st.st_size};
    return true;
}
