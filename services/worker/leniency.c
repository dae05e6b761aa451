/* leniency: see leniency.h. */
#include "services/worker/leniency.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"
#include "services/worker/impl.h"

/* The next word of --lenient; *off: it has a minus sign. False at the end. */
static bool next_word(slice *rest, slice *word, bool *off)
{
    if (rest->len == 0)
        return false;
    slice_cut(*rest, ',', word, rest);
    *word = slice_trim(*word);
    *off = slice_starts(*word, S("-"));
    *word = slice_sub(*word, *off, word->len);
    return true;
}

static bool is_known(const struct service *const *services, slice word)
{
    for (; *services; services++) {
        for (const slice *known = (*services)->leniencies; known && known->ptr; known++) {
            if (slice_eq(*known, word))
                return true;
        }
    }
    return false;
}

int leniency_check(struct arena *arena, const struct conf *conf, const struct service *const *services, slice *why)
{
    slice word, rest = conf->lenient;
    bool off;
    while (next_word(&rest, &word, &off)) {
        if (is_known(services, word))
            continue;
        *why = arena_printf(arena, "--lenient knows no '%.*s'; docs/sockerless.md lists its words", SLICE_ARG(word));
        return BAD_INPUT;
    }
    return 0;
}

bool leniency_on(const struct call *c, size_t leniency)
{
    bool on = slice_eq(c->conf->profile, S("sockerless"));
    slice word, rest = c->conf->lenient;
    bool off;
    while (next_word(&rest, &word, &off)) {
        if (slice_eq(word, c->worker->service->leniencies[leniency]))
            on = !off;
    }
    return on;
}
