/* status: what runs: the supervisor's status file, and the counts of requests that the router has. */
#include "tools/ctl/choose.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/http.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/fdio.h"
#include "common/json.h"
#include "common/reserve.h"
#include "common/time.h"

#include <stdio.h>

enum {
    STATUS_BYTES = 1024 * 1024,
    DNS_FILE_BYTES = 256,
    IMAGES_FILE_BYTES = 4096,
    ANSWER_LIMIT_MS = 5000,
    STATS_LIMIT_MS = 1000,
    MS = 1000,
    MINUTE = 60,
    HOUR = 3600,
    DAY = 86400
};

static void add_warning(struct ctl *ctl, struct val *status, slice warning)
{
    const struct val *others = val_get(status, S("warnings"));
    struct val warnings = val_array();
    for (size_t i = 0; others && others->type == VAL_ARRAY && i < others->array.len; i++)
        val_push(ctl->arena, &warnings, others->array.items[i]);
    val_push(ctl->arena, &warnings, val_string(warning));
    val_set(ctl->arena, status, S("warnings"), warnings);
}

static void add_disk(struct ctl *ctl, struct val *status)
{
    slice folder = val_get_string(status, S("state_dir"));
    int64_t left = folder.ptr ? reserve_free_bytes(slice_cstr(ctl->arena, folder)) : -1;
    if (left >= 0 && left < RESERVE_FULL_BYTES)
        add_warning(ctl, status,
                    arena_printf(ctl->arena,
                                 "the disk is full (%lld KiB left at %.*s): only what makes room is stored until "
                                 "%d MiB are free",
                                 (long long)left / 1024, SLICE_ARG(folder), RESERVE_FULL_BYTES / 1024 / 1024));
}

/* What the runner says of commands whose image is nowhere: the mode, and perhaps a warning behind it. */
static void add_images(struct ctl *ctl, const struct instance *instance, struct val *status)
{
    slice path = arena_concat(ctl->arena, instance->run_dir, S("/images")), text, mode, warning;
    if (fdio_read_file(ctl->arena, slice_cstr(ctl->arena, path), IMAGES_FILE_BYTES, &text) != 0)
        return;
    slice_cut(text, '\n', &mode, &warning);
    val_set(ctl->arena, status, S("images"), val_string(mode));
    if (warning.len > 0)
        add_warning(ctl, status, warning);
}

/* The status as a tree; false when it cannot be had. */
static bool read_status(struct ctl *ctl, const struct instance *instance, struct val *status)
{
    slice answer = S(""), content = S(""), why = S("");
    slice path = arena_concat(ctl->arena, instance->run_dir, S("/status.json"));
    /* Without an answer the file is somewhat older, but still worth something. */
    instance_ask(ctl, "status", ANSWER_LIMIT_MS, &answer);
    if (fdio_read_file(ctl->arena, slice_cstr(ctl->arena, path), STATUS_BYTES, &content) != 0 ||
        json_parse(ctl->arena, content, status, &why) != 0)
        return false;
    add_images(ctl, instance, status);
    add_disk(ctl, status);
    return true;
}

/* The router's counts by service; nothing when it does not answer. */
static struct val read_stats(struct ctl *ctl, const struct instance *instance)
{
    struct http_answer answer = {0};
    struct val stats = val_object();
    slice why = S("");
    struct http_request request = {instance_private_endpoint(ctl, instance), "GET", S("/_awssim/stats"),
                                   STATS_LIMIT_MS};
    if (http_call(ctl->arena, &request, &answer) != 0 || answer.status != 200 ||
        json_parse(ctl->arena, answer.body, &stats, &why) != 0)
        return val_object();
    return stats;
}

static void add_count(struct ctl *ctl, struct val *process, const struct val *counts, slice name)
{
    const struct val *count = val_get(counts, name);
    val_set(ctl->arena, process, name, count ? *count : val_null());
}

static void add_counts(struct ctl *ctl, const struct val *processes, const struct val *stats)
{
    const struct val *services = val_get(stats, S("services"));
    for (size_t i = 0; processes && i < processes->array.len; i++) {
        struct val *process = &processes->array.items[i];
        const struct val *counts = val_get(services, val_get_string(process, S("process")));
        add_count(ctl, process, counts, S("requests"));
        add_count(ctl, process, counts, S("errors"));
    }
}

/* "12s", "3m 4s", "5h 6m", "7d 8h". */
static slice age(struct arena *arena, slice since)
{
    int64_t since_ms = 0;
    if (!time_parse(since, &since_ms))
        return S("-");
    long long s = (time_now_ms() - since_ms) / MS;
    if (s < MINUTE)
        return arena_printf(arena, "%llds", s < 0 ? 0 : s);
    if (s < HOUR)
        return arena_printf(arena, "%lldm %llds", s / MINUTE, s % MINUTE);
    if (s < DAY)
        return arena_printf(arena, "%lldh %lldm", s / HOUR, s % HOUR / MINUTE);
    return arena_printf(arena, "%lldd %lldh", s / DAY, s % DAY / HOUR);
}

static slice number(struct arena *arena, const struct val *value)
{
    return value && value->type == VAL_INT ? arena_printf(arena, "%lld", (long long)value->integer) : S("-");
}

static slice mebibytes(struct arena *arena, const struct val *value)
{
    return value && value->type == VAL_INT ? arena_printf(arena, "%.1f MiB", (double)value->integer / (1024 * 1024))
                                           : S("-");
}

static void print_row(const slice row[9])
{
    printf("%-16.*s %8.*s  %-9.*s %8.*s %8.*s %10.*s %10.*s %8.*s", SLICE_ARG(row[0]), SLICE_ARG(row[1]),
           SLICE_ARG(row[2]), SLICE_ARG(row[3]), SLICE_ARG(row[4]), SLICE_ARG(row[5]), SLICE_ARG(row[6]),
           SLICE_ARG(row[7]));
    printf(row[8].len > 0 ? "  %.*s\n" : "%.*s\n", SLICE_ARG(row[8]));
}

static void print_process(struct arena *arena, const struct val *process)
{
    const slice row[9] = {
        val_get_string(process, S("process")),
        number(arena, val_get(process, S("pid"))),
        val_get_string(process, S("state")),
        age(arena, val_get_string(process, S("since"))),
        number(arena, val_get(process, S("restarts"))),
        mebibytes(arena, val_get(process, S("memory_bytes"))),
        number(arena, val_get(process, S("requests"))),
        number(arena, val_get(process, S("errors"))),
        val_get_string(process, S("last_end")),
    };
    print_row(row);
}

static void print_images(const struct val *status)
{
    static const struct {
        slice mode;
        const char *text;
    } texts[] = {{S("sandbox"), "run in a sandbox of this machine's programs"},
                 {S("host"), "run on this machine's files, with awssim's rights"},
                 {S("strict"), "are not run"},
                 {S("none"), "are not run: there are no sandboxes"}};
    slice mode = val_get_string(status, S("images"));
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (slice_eq(mode, texts[i].mode))
            printf("Commands of images that are not in the registry %s\n", texts[i].text);
    }
}

static void print_warnings(const struct val *status)
{
    const struct val *warnings = val_get(status, S("warnings"));
    fflush(stdout);
    for (size_t i = 0; warnings && i < warnings->array.len; i++)
        fprintf(stderr, "WARNING: %.*s\n", SLICE_ARG(warnings->array.items[i].string));
}

static void print_table(struct arena *arena, const struct val *status)
{
    static const slice head[9] = {S("PROCESS"), S("PID"),      S("STATE"),  S("SINCE"),   S("RESTARTS"),
                                  S("MEMORY"),  S("REQUESTS"), S("ERRORS"), S("LAST END")};
    const struct val *processes = val_get(status, S("processes"));
    print_row(head);
    for (size_t i = 0; processes && i < processes->array.len; i++)
        print_process(arena, &processes->array.items[i]);
    printf("\n%s at %.*s, state in %.*s, logs in %.*s\n",
           val_get_bool(status, S("ready"), false) ? "Ready" : "Not ready",
           SLICE_ARG(val_get_string(status, S("endpoint"))), SLICE_ARG(val_get_string(status, S("state_dir"))),
           SLICE_ARG(val_get_string(status, S("log_dir"))));
    if (val_get(status, S("dns")))
        printf("DNS of private namespaces at %.*s\n", SLICE_ARG(val_get_string(status, S("dns"))));
}

/* Where Cloud Map's DNS answers; absent when it does not. */
static slice dns_of(struct ctl *ctl, const struct instance *instance)
{
    slice path = arena_printf(ctl->arena, "%.*s/dns", SLICE_ARG(instance->run_dir)), text;
    if (fdio_read_file(ctl->arena, path.ptr, DNS_FILE_BYTES, &text) != 0)
        return (slice){NULL, 0};
    return slice_trim(text);
}

static struct val chosen_value(struct ctl *ctl, const struct chosen *chosen)
{
    struct val value = val_object();
    int64_t pid = 0;
    slice_to_int64(chosen->instance.pid, &pid);
    val_set(ctl->arena, &value, S("pid"), val_int(pid));
    val_set(ctl->arena, &value, S("endpoint"), val_string(chosen->instance.endpoint));
    val_set(ctl->arena, &value, S("state_dir"), val_string(chosen->state_dir));
    return value;
}

enum ctl_exit status_list(struct ctl *ctl)
{
    struct chosen_list running = {0};
    struct val instances = val_array(), all = val_object();
    choose_list(ctl, &running);
    if (!(ctl->options & CTL_JSON))
        printf("%-28s %8s  %s\n", "ENDPOINT", "PID", "STATE DIRECTORY (--state-dir shows one)");
    list_foreach (chosen, &running) {
        val_push(ctl->arena, &instances, chosen_value(ctl, chosen));
        if (!(ctl->options & CTL_JSON))
            printf("%-28.*s %8.*s  %.*s\n", SLICE_ARG(chosen->instance.endpoint), SLICE_ARG(chosen->instance.pid),
                   SLICE_ARG(chosen->state_dir));
    }
    val_set(ctl->arena, &all, S("running"), val_bool(running.len > 0));
    val_set(ctl->arena, &all, S("instances"), instances);
    if (ctl->options & CTL_JSON)
        printf("%.*s\n", SLICE_ARG(json_text(ctl->arena, &all)));
    return CTL_OK;
}

void status_print_warnings(struct ctl *ctl)
{
    struct instance instance;
    struct val status;
    if (instance_find(ctl, &instance) && read_status(ctl, &instance, &status))
        print_warnings(&status);
}

enum ctl_exit status_run(struct ctl *ctl)
{
    struct instance instance;
    struct val status, stats;
    bool json = ctl->options & CTL_JSON;
    if (!instance_find(ctl, &instance)) {
        if (json)
            puts("{\"running\":false}");
        return say_not_running(ctl);
    }
    if (!read_status(ctl, &instance, &status))
        return say(CTL_FAILED, "awssim (pid %.*s) runs, but its status in %.*s cannot be read", SLICE_ARG(instance.pid),
                   SLICE_ARG(instance.run_dir));
    stats = read_stats(ctl, &instance);
    add_counts(ctl, val_get(&status, S("processes")), &stats);
    val_set(ctl->arena, &status, S("running"), val_bool(true));
    slice dns = dns_of(ctl, &instance);
    if (dns.ptr)
        val_set(ctl->arena, &status, S("dns"), val_string(dns));
    if (json)
        printf("%.*s\n", SLICE_ARG(json_text(ctl->arena, &status)));
    else {
        print_table(ctl->arena, &status);
        print_images(&status);
        print_warnings(&status);
    }
    return CTL_OK;
}
