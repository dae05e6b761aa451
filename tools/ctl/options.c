/* options: sorts a command line into awssimctl's own options and those of common/conf.def. */
#include "tools/ctl/options.h"

#include "tools/ctl/say.h"

#include "common/err.h"

enum { DEFAULT_TIMEOUT_S = 30, MAX_TIMEOUT_S = 24 * 3600, MS = 1000 };

static const struct ctl_own_option own_options[] = {
    {S("--foreground"), S("-F"), CTL_FOREGROUND, NULL, "stay in the foreground; Ctrl-C stops awssim"},
    {S("--json"), S("-j"), CTL_JSON, NULL, "print JSON"},
    {S("--follow"), S("-f"), CTL_FOLLOW, NULL, "go on printing what is added"},
    {S("--shell"), S("-s"), CTL_SHELL, "SHELL", "bash (default; also for sh and zsh), fish, powershell or json"},
    {S("--timeout"), S("-t"), CTL_TIMEOUT, "SECONDS", "give up after so many seconds (30)"},
    {S("--interactive"), S("-i"), CTL_INTERACTIVE, NULL, "pass standard input on"},
    {S("--tty"), S("-t"), CTL_TTY, NULL, "give it a terminal; -it is both"},
    {S("--user"), S("-u"), CTL_USER, "USER[:GROUP]", "in place of the container's user"},
    {S("--workdir"), S("-w"), CTL_WORKDIR, "FOLDER", "in place of the container's working directory"},
    {S("--env"), S("-e"), CTL_VARIABLE, "NAME=VALUE", "a further variable; may be repeated"},
};

enum { OWN_OPTIONS = sizeof(own_options) / sizeof(*own_options) };

struct words {
    char **items;
    int len;
};

/* One of the command's, if it has one of that name, else another's. */
static const struct ctl_own_option *find(const struct ctl_command *command, slice flag)
{
    const struct ctl_own_option *other = NULL;
    for (size_t i = 0; i < OWN_OPTIONS; i++) {
        const struct ctl_own_option *option = &own_options[i];
        if (!slice_eq(flag, option->flag) && !slice_eq(flag, option->letter))
            continue;
        if (command->options & option->bit)
            return option;
        other = option;
    }
    return other;
}

static int refuse(struct ctl *ctl, slice *why, const char *format, slice text)
{
    *why = arena_printf(ctl->arena, format, SLICE_ARG(text));
    return BAD_INPUT;
}

static int set(struct ctl *ctl, const struct ctl_own_option *option, slice value, slice *why)
{
    int64_t seconds = 0;
    ctl->options |= option->bit;
    if (option->bit == CTL_SHELL)
        ctl->shell = value;
    if (option->bit == CTL_USER)
        ctl->user = value;
    if (option->bit == CTL_WORKDIR)
        ctl->workdir = value;
    if (option->bit == CTL_VARIABLE)
        *list_add(ctl->arena, &ctl->variables) = value;
    if (option->bit != CTL_TIMEOUT)
        return 0;
    if (!slice_to_int64(value, &seconds) || seconds < 0 || seconds > MAX_TIMEOUT_S)
        return refuse(ctl, why, "--timeout takes a number of seconds, not '%.*s'", value);
    ctl->timeout_ms = seconds * MS;
    return 0;
}

/* Takes our options out; what remains is for conf_parse. */
static int take_own(struct ctl *ctl, const struct ctl_command *command, struct words in, struct words *out, slice *why)
{
    for (int i = 0; i < in.len; i++) {
        slice flag, value;
        slice_cut(slice_of(in.items[i]), '=', &flag, &value);
        if (i > 0 && (command->options & CTL_TTY) && (slice_eq(flag, S("-it")) || slice_eq(flag, S("-ti")))) {
            ctl->options |= CTL_INTERACTIVE | CTL_TTY;
            continue;
        }
        const struct ctl_own_option *option = i > 0 ? find(command, flag) : NULL;
        if (!option) {
            out->items[out->len++] = in.items[i];
            continue;
        }
        if (!(command->options & option->bit))
            return refuse(ctl, why, "this command has no option %.*s", flag);
        if (option->value && !value.ptr && i + 1 < in.len)
            value = slice_of(in.items[++i]);
        if (option->value && !value.ptr)
            return refuse(ctl, why, "%.*s needs a value", flag);
        TRY(set(ctl, option, value, why));
    }
    return 0;
}

/* conf_parse with one more option at the end, which wins. */
static int parse_with(struct ctl *ctl, struct words words, const char *last, struct conf *conf, slice *why)
{
    slice first = {NULL, 0}, second = {NULL, 0};
    struct slice_list rest = {0};
    words.items[words.len] = arena_copy(ctl->arena, last, strlen(last) + 1);
    TRY(conf_parse(ctl->arena, words.len + 1, words.items, conf, &rest, why));
    list_foreach (word, &rest) {
        if (slice_starts(*word, S("-")))
            return refuse(ctl, why, "there is no option %.*s", *word);
        if (second.ptr || (first.ptr && !ctl->takes_second))
            return refuse(ctl, why, "there is one argument too many: %.*s", *word);
        *(first.ptr ? &second : &first) = *word;
    }
    if (first.ptr) {
        ctl->argument = first;
        ctl->second = second;
    }
    return 0;
}

/* The folder is asked for without --ephemeral, and the rest with a folder, lest a private one be made: only `start`
 * makes one. Of an ephemeral instance in a named folder only the data is elsewhere. */
static int parse_conf(struct ctl *ctl, struct words words, slice *why)
{
    struct conf lasting = {0}, otherwise = {0};
    char *bare[] = {words.items[0], NULL, NULL};
    TRY(parse_with(ctl, words, "--state-dir=/", &ctl->conf, why));
    TRY(parse_with(ctl, words, "--ephemeral=0", &lasting, why));
    ctl->conf.state_dir = lasting.state_dir;
    ctl->conf.run_dir = lasting.run_dir;
    ctl->conf.state_dir_given = lasting.state_dir_given;
    slice ignored = S("");
    ctl->state_option = S("");
    if (parse_with(ctl, (struct words){bare, 1}, "--ephemeral=0", &otherwise, &ignored) != 0 ||
        !slice_eq(otherwise.state_dir, lasting.state_dir))
        ctl->state_option = arena_concat(ctl->arena, S(" --state-dir "), say_quoted(ctl->arena, lasting.state_dir));
    return 0;
}

int options_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char *const argv[], slice *why)
{
    struct words in = {arena_array(ctl->arena, (size_t)argc + 1, sizeof(*in.items)), argc};
    struct words left = {arena_array(ctl->arena, (size_t)argc + 2, sizeof(*left.items)), 0};
    memcpy(in.items, argv, (size_t)argc * sizeof(*in.items));
    ctl->takes_second = command->options & CTL_COMMAND;
    for (int i = 1; i < in.len && ctl->takes_second; i++) {
        if (!slice_eq(slice_of(argv[i]), S("--")))
            continue;
        ctl->words = argv + i + 1;
        in.len = i;
    }
    ctl->timeout_ms = DEFAULT_TIMEOUT_S * MS;
    TRY(take_own(ctl, command, in, &left, why));
    TRY(parse_conf(ctl, left, why));
    if (ctl->argument.ptr && !command->argument)
        return refuse(ctl, why, "this command takes no argument '%.*s'", ctl->argument);
    return 0;
}

const struct ctl_own_option *options_own_at(size_t i)
{
    return i < OWN_OPTIONS ? &own_options[i] : NULL;
}

slice options_help(struct arena *arena, const struct ctl_command *command)
{
    slice text = S("");
    for (size_t i = 0; i < OWN_OPTIONS; i++) {
        const struct ctl_own_option *option = &own_options[i];
        if (!(command->options & option->bit))
            continue;
        slice flag = arena_printf(arena, "%.*s, %.*s %s", SLICE_ARG(option->letter), SLICE_ARG(option->flag),
                                  option->value ? option->value : "");
        text = arena_concat(arena, text, arena_printf(arena, "  %-20.*s %s\n", SLICE_ARG(flag), option->help));
    }
    return text;
}
