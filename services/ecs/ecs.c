/* ecs: small things that all files of the service use. */
#include "services/ecs/ecs.h"

#include "common/json.h"

bool ecs_includes(const struct slice_list *words, slice word)
{
    list_foreach (one, words) {
        if (slice_eq(*one, word))
            return true;
    }
    return false;
}

int ecs_read_event(struct call *c, slice body, struct val *event)
{
    slice why;
    return json_parse(c->arena, body, event, &why) == 0 && event->type == VAL_OBJECT ? 0 : FAULT_MESSAGE;
}
