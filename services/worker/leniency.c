/* leniency: see leniency.h. A word of --lenient that is none has no effect. */
#include "services/worker/leniency.h"

#include "common/conf.h"

static const slice words[] = {
#define LENIENCY(name, word, what) {word, sizeof(word) - 1},
#include "services/worker/leniency.def"
#undef LENIENCY
};

bool leniency_on(const struct call *c, enum leniency leniency)
{
    bool on = slice_eq(c->conf->profile, S("sockerless"));
    slice word, rest = c->conf->lenient;
    while (rest.len > 0) {
        slice_cut(rest, ',', &word, &rest);
        word = slice_trim(word);
        bool off = slice_starts(word, S("-"));
        if (slice_eq(slice_sub(word, off, word.len), words[leniency]))
            on = !off;
    }
    return on;
}
