/* page: see page.h. base64 of "<check>:<kind>:<key>", where check is a hash that tells tokens of ours from rubbish. */
#include "common/page.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/err.h"
#include "common/hash.h"

static slice sealed(struct arena *arena, slice kind, slice key)
{
    slice text = arena_concat(arena, arena_printf(arena, "%.*s:", SLICE_ARG(kind)), key);
    return arena_concat(arena, arena_printf(arena, "%08x:", (unsigned)hash_bytes(text)), text);
}

slice page_token(struct arena *arena, slice kind, slice key)
{
    return base64_encode(arena, sealed(arena, kind, key));
}

int page_key(struct arena *arena, slice kind, slice token, slice *key)
{
    slice text, check, tail, of;
    *key = S("");
    if (!token.ptr)
        return 0;
    if (base64_decode(arena, token, &text) != 0 || !slice_cut(text, ':', &check, &tail) ||
        !slice_cut(tail, ':', &of, &tail) || !slice_eq(of, kind) || !slice_eq(text, sealed(arena, kind, tail)))
        return BAD_INPUT;
    *key = tail;
    return 0;
}
