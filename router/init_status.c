/* init_status: see init_status.h. */
#include "router/init_status.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/json.h"

enum { FILE_BYTES = 1024 * 1024 };

static const struct {
    slice file, name;
} stages[] = {
    {S("boot"), S("BOOT")}, {S("start"), S("START")}, {S("ready"), S("READY")}, {S("shutdown"), S("SHUTDOWN")}};

enum { STAGES = sizeof(stages) / sizeof(*stages) };

/* {"completed", "scripts"} of one stage. */
static struct val read_stage(struct arena *arena, slice run_dir, slice stage, bool ready)
{
    struct val document = val_object();
    slice content, why;
    slice path = arena_printf(arena, "%.*s/init/%.*s.json", SLICE_ARG(run_dir), SLICE_ARG(stage));
    if (fdio_read_file(arena, path.ptr, FILE_BYTES, &content) == 0 && json_parse(arena, content, &document, &why) == 0)
        return document;
    document = val_object();
    val_set(arena, &document, S("completed"), val_bool(ready && !slice_eq(stage, S("shutdown"))));
    val_set(arena, &document, S("scripts"), val_array());
    return document;
}

static struct val read_all(struct arena *arena, slice run_dir, bool ready)
{
    struct val all = val_object(), completed = val_object(), scripts = val_array();
    for (size_t i = 0; i < STAGES; i++) {
        struct val stage = read_stage(arena, run_dir, stages[i].file, ready);
        const struct val *list = val_get(&stage, S("scripts"));
        val_set(arena, &completed, stages[i].name, val_bool(val_get_bool(&stage, S("completed"), false)));
        for (size_t k = 0; list && list->type == VAL_ARRAY && k < list->array.len; k++)
            val_push(arena, &scripts, list->array.items[k]);
    }
    val_set(arena, &all, S("completed"), completed);
    val_set(arena, &all, S("scripts"), scripts);
    return all;
}

slice init_status(struct arena *arena, slice run_dir, slice path, bool ready)
{
    for (size_t i = 0; i < STAGES; i++) {
        if (!slice_ends(path, arena_concat(arena, S("/"), stages[i].file)))
            continue;
        struct val stage = read_stage(arena, run_dir, stages[i].file, ready);
        return json_text(arena, &stage);
    }
    struct val all = read_all(arena, run_dir, ready);
    return json_text(arena, &all);
}
