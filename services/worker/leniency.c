/* leniency: see leniency.h. */
#include "services/worker/leniency.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"

static const slice words[] = {
#define LENIENCY(name, word, what) {word, sizeof(word) - 1},
#include "services/worker/leniency.def"
#undef LENIENCY
};

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

int leniency_check(struct arena *arena, const struct conf *conf, slice *why)
{
    slice word, rest = conf->lenient;
    bool off;
    while (next_word(&rest, &word, &off)) {
        size_t i = 0;
        while (i < sizeof(words) / sizeof(*words) && !slice_eq(words[i], word))
            i++;
        if (i < sizeof(words) / sizeof(*words))
            continue;
        *why = arena_printf(arena, "--lenient knows no '%.*s'; docs/sockerless.md lists its words", SLICE_ARG(word));
        return BAD_INPUT;
    }
    return 0;
}

bool leniency_on(const struct call *c, enum leniency leniency)
{
    bool on = slice_eq(c->conf->profile, S("sockerless"));
    slice word, rest = c->conf->lenient;
    bool off;
    while (next_word(&rest, &word, &off)) {
        if (slice_eq(word, words[leniency]))
            on = !off;
    }
    return on;
}
