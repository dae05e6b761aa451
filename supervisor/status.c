/* status: the supervisor's view of its children as JSON. Written by hand, so that the supervisor needs no JSON library.
 */
#include "supervisor/status.h"

#include "supervisor/supervisor.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/time.h"

#include <unistd.h>

enum { PROC_FILE_BYTES = 64 * 1024, KIB = 1024 };

static void add_string(struct buf *out, slice text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

/* The number behind `label` in a /proc file of lines "Label:   123 kB"; -1 when it is not there. */
static int64_t proc_kib(struct arena *arena, pid_t pid, const char *file, slice label)
{
    slice content, line;
    slice path = arena_printf(arena, "/proc/%d/%s", (int)pid, file);
    if (fdio_read_file(arena, path.ptr, PROC_FILE_BYTES, &content) != 0)
        return -1;
    while (content.len > 0) {
        slice_cut(content, '\n', &line, &content);
        slice name, value, unit;
        int64_t number = 0;
        if (slice_cut(line, ':', &name, &value) && slice_eq(name, label) &&
            slice_cut(slice_trim(value), ' ', &value, &unit) && slice_to_int64(value, &number))
            return number;
    }
    return -1;
}

static void add_memory(struct arena *arena, struct buf *out, pid_t pid)
{
    int64_t kib = pid ? proc_kib(arena, pid, "smaps_rollup", S("Pss")) : -1;
    if (kib < 0 && pid)
        kib = proc_kib(arena, pid, "status", S("VmRSS"));
    if (kib < 0)
        buf_add(out, S("null"));
    else
        buf_add_int(out, kib * KIB);
}

struct line {
    const char *process;
    pid_t pid;
    const char *state;
    int64_t since_ms;
    unsigned restarts;
    slice last_end;
};

static void add_process(struct arena *arena, struct buf *out, const struct line *line)
{
    slice since = time_iso8601(arena, line->since_ms, true);
    buf_printf(out, "{\"process\":\"%s\",\"pid\":", line->process);
    if (line->pid)
        buf_add_int(out, line->pid);
    else
        buf_add(out, S("null"));
    buf_printf(out, ",\"state\":\"%s\",\"since\":\"%.*s\",\"restarts\":%u,\"memory_bytes\":", line->state,
               SLICE_ARG(since), line->restarts);
    add_memory(arena, out, line->pid);
    buf_add(out, S(",\"last_end\":"));
    if (line->last_end.len > 0)
        add_string(out, line->last_end);
    else
        buf_add(out, S("null"));
    buf_add_char(out, '}');
}

static void add_child(struct arena *arena, struct buf *out, const struct child *child)
{
    struct buf end;
    buf_init(&end, arena);
    child_describe_end(child, &end);
    add_process(arena, out,
                &(struct line){.process = child->program->name,
                               .pid = child->pid,
                               .state = machine_state_name(child->machine.state),
                               .since_ms = child->since_ms,
                               .restarts = child->spawns > 0 ? child->spawns - 1 : 0,
                               .last_end = buf_slice(&end)});
}

static void add_head(const struct supervisor *s, struct buf *out)
{
    buf_printf(out, "{\"pid\":%d,\"endpoint\":", (int)getpid());
    add_string(out, slice_of(s->setup->endpoint));
    buf_add(out, S(",\"state_dir\":"));
    add_string(out, slice_of(s->setup->state_dir));
    buf_add(out, S(",\"log_dir\":"));
    add_string(out, slice_of(s->setup->log_dir));
    buf_add(out, S(",\"warnings\":["));
    if (s->setup->warning)
        add_string(out, slice_of(s->setup->warning));
    buf_printf(out, "],\"ready\":%s,\"processes\":[\n", supervisor_all_ready(s) ? "true" : "false");
}

void status_write(const struct supervisor *supervisor, struct buf *out)
{
    struct arena *arena = arena_open();
    add_head(supervisor, out);
    add_process(arena, out,
                &(struct line){.process = "supervisor",
                               .pid = getpid(),
                               .state = supervisor->stopping ? "STOPPING" : "READY",
                               .since_ms = supervisor->began_ms});
    list_foreach (child, &supervisor->children) {
        buf_add(out, S(",\n"));
        add_child(arena, out, child);
    }
    buf_add(out, S("\n]}\n"));
    arena_close(arena);
}
