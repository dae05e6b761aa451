/* conf: see conf.h. */
#include "common/conf.h"

#include "common/err.h"
#include "common/fdio.h"
#include "common/hash.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum option_type { TEXT, SECRET, NUMBER, SWITCH };

enum { SOCKET_PATH_BYTES = 107, SOCKET_NAME_BYTES = 40 };

static const struct option {
    slice flag;
    const char *environment;
    slice otherwise;
    slice help;
    enum option_type type;
    size_t offset;
} options[] = {
#define CONF(field, type, flag, environment, otherwise, help)                                                          \
    {S(flag), environment, S(otherwise), S(help), type, offsetof(struct conf, field)},
#include "common/conf.def"
#undef CONF
};

enum { N_OPTIONS = sizeof(options) / sizeof(*options), SECRET_BYTES = 64 * 1024 };

#define VARIABLE_TEXT(environment)
#define VARIABLE_NUMBER(environment)
#define VARIABLE_SWITCH(environment)
#define VARIABLE_SECRET(environment) environment,
const char *const conf_secret_variables[] = {
#define CONF(field, type, flag, environment, otherwise, help) VARIABLE_##type(environment)
#include "common/conf.def"
#undef CONF
    NULL};
#undef VARIABLE_TEXT
#undef VARIABLE_NUMBER
#undef VARIABLE_SWITCH
#undef VARIABLE_SECRET

/* Options that take one of some words, which are separated by spaces. */
static const struct conf_choice {
    slice flag;
    const char *words;
} choices[] = {
    {S("log-level"), "error warn info debug"},
    {S("profile"), "aws sockerless"},
    {S("images"), "sandbox host strict"},
    {S("iam"), "off enforce"},
    {S("ecr-uri"), "host aws"},
};

/* Options whose value is a path. */
static const slice paths[] = {S("state-dir"), S("run-dir"), S("tls-cert"), S("tls-key"), S("init-dir")};

/* Under the name of the program it replaces awssim is as that one was: lenient, without a past, and one of many. */
static const struct {
    slice flag, value;
} replaced[] = {
    {S("profile"), S("sockerless")},
    {S("ephemeral"), S("1")},
    {S("dns"), S("0")},
    {S("listen"), S(":4566")},
};

enum { N_REPLACED = sizeof(replaced) / sizeof(*replaced) };

static int refuse(struct arena *arena, slice *why, const char *format, slice what, slice value)
{
    *why = arena_printf(arena, format, SLICE_ARG(what), SLICE_ARG(value));
    return BAD_INPUT;
}

static int refuse_value(struct arena *arena, slice *why, const char *format, const struct option *option, slice value)
{
    slice name = arena_printf(arena, "%.*s (%s)", SLICE_ARG(option->flag), option->environment);
    return refuse(arena, why, format, name, value);
}

static int set_option(struct arena *arena, struct conf *conf, const struct option *option, slice value, slice *why)
{
    void *field = (char *)conf + option->offset;
    int64_t number;
    switch (option->type) {
    case TEXT:
    case SECRET:
        *(slice *)field = value;
        return 0;
    case NUMBER:
        if (!slice_to_int64(value, &number) || number < 0 || number > 65535)
            return refuse_value(arena, why, "--%.*s takes a number from 0 to 65535, not '%.*s'", option, value);
        *(int64_t *)field = number;
        return 0;
    default:
        if (value.len > 0 && !slice_eq(value, S("1")) && !slice_eq(value, S("true")) && !slice_eq(value, S("0")) &&
            !slice_eq(value, S("false")))
            return refuse_value(arena, why, "--%.*s takes 1 or 0, not '%.*s'", option, value);
        *(bool *)field = slice_eq(value, S("1")) || slice_eq(value, S("true"));
        return 0;
    }
}

static const struct option *find_option(slice flag)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (slice_eq(options[i].flag, flag))
            return &options[i];
    }
    return NULL;
}

static int set_defaults(struct arena *arena, struct conf *conf, bool given[N_OPTIONS], slice *why)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        slice value = slice_of(getenv(options[i].environment));
        given[i] = value.len > 0;
        TRY(set_option(arena, conf, &options[i], given[i] ? value : options[i].otherwise, why));
    }
    return 0;
}

struct arguments {
    int count;
    char *const *texts;
    struct slice_list *rest; /* those that are no options */
};

/* An empty address would be all interfaces, which only ':PORT' may ask for; an empty folder would be another one than
 * the script meant whose variable was not set. */
static bool needs_text(slice flag)
{
    return slice_eq(flag, S("listen")) || slice_eq(flag, S("state-dir")) || slice_eq(flag, S("run-dir"));
}

static int take_arguments(struct arena *arena, const struct arguments *arguments, struct conf *conf,
                          bool given[N_OPTIONS], slice *why)
{
    for (int i = 1; i < arguments->count; i++) {
        slice flag = slice_of(arguments->texts[i]), value;
        if (!slice_starts(flag, S("--")) || flag.len == 2) {
            *list_add(arena, arguments->rest) = flag;
            continue;
        }
        slice_cut(slice_sub(flag, 2, flag.len), '=', &flag, &value);
        const struct option *option = find_option(flag);
        if (!option)
            return refuse(arena, why, "there is no option --%.*s%.*s; --help lists them", flag, S(""));
        if (!value.ptr && option->type == SWITCH)
            value = S("1");
        if (!value.ptr && i + 1 < arguments->count)
            value = slice_of(arguments->texts[++i]);
        if (!value.ptr)
            return refuse(arena, why, "--%.*s needs a value%.*s", flag, S(""));
        if (value.len == 0 && needs_text(flag))
            return refuse(arena, why, "--%.*s must not be empty%.*s", flag, S(""));
        TRY(set_option(arena, conf, option, value, why));
        given[option - options] = true;
    }
    return 0;
}

static bool is_given(const bool given[N_OPTIONS], slice flag)
{
    return given[find_option(flag) - options];
}

/* "ADDRESS:PORT", "[V6]:PORT", ":PORT": the port counts unless one was given by itself. */
static int split_listen(struct arena *arena, struct conf *conf, const bool given[N_OPTIONS], slice *why)
{
    slice address = conf->listen, port = {NULL, 0};
    if (slice_starts(address, S("["))) {
        size_t end = slice_index(address, ']');
        port = slice_sub(address, end + 1, address.len);
        address = slice_sub(address, 1, end);
        if (port.len > 0)
            port = slice_sub(port, 1, port.len);
    } else if (slice_index(address, ':') < address.len) {
        slice tail;
        slice_cut(address, ':', &address, &tail);
        if (slice_index(tail, ':') == tail.len)
            port = tail;
        else
            address = conf->listen; /* a bare IPv6 address */
    }
    conf->listen = address.len > 0 ? address : S("0.0.0.0");
    if (port.len > 0 && !is_given(given, S("port")))
        return set_option(arena, conf, find_option(S("port")), port, why);
    return 0;
}

/* PORT, ADDRESS:PORT or off. Addresses are numbers: what resolves names is not there yet. */
static bool is_dns_address(struct arena *arena, slice text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    int64_t port;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (!slice_to_int64(slice_sub(text, colon, text.len), &port) || port < 0 || port > 65535)
        return false;
    if (colon == 0)
        return true;
    slice address = slice_sub(text, 0, colon - 1);
    if (slice_starts(address, S("[")) && slice_ends(address, S("]")))
        address = slice_sub(address, 1, address.len - 1);
    const char *cstr = slice_eq(address, S("localhost")) ? "127.0.0.1" : slice_cstr(arena, address);
    return cstr && (inet_pton(AF_INET, cstr, bytes) == 1 || inet_pton(AF_INET6, cstr, bytes) == 1);
}

static const struct conf_choice *find_choice(slice flag)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
        if (slice_eq(choices[i].flag, flag))
            return &choices[i];
    }
    return NULL;
}

static bool is_choice(const struct conf_choice *choice, slice value)
{
    slice word, rest = slice_of(choice->words);
    while (rest.len > 0) {
        slice_cut(rest, ' ', &word, &rest);
        if (slice_eq(word, value))
            return true;
    }
    return false;
}

static int check_choice(struct arena *arena, const struct conf *conf, const struct conf_choice *choice, slice *why)
{
    slice value = *(const slice *)((const char *)conf + find_option(choice->flag)->offset);
    if (is_choice(choice, value))
        return 0;
    *why = arena_printf(arena, "--%.*s is one of: %s; not '%.*s'", SLICE_ARG(choice->flag), choice->words,
                        SLICE_ARG(value));
    return BAD_INPUT;
}

static int check_words(struct arena *arena, const struct conf *conf, slice *why)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
        TRY(check_choice(arena, conf, &choices[i], why));
    if (!slice_eq(conf->dns, S("off")) && conf->dns.len > 0 && !is_dns_address(arena, conf->dns))
        return refuse(arena, why, "--dns is PORT, ADDRESS:PORT or off, not '%.*s'%.*s", conf->dns, S(""));
    if ((conf->tls_cert.len > 0) != (conf->tls_key.len > 0))
        return refuse(arena, why, "--tls-cert and --tls-key go together%.*s%.*s", S(""), S(""));
    return 0;
}

/* @FILE: one line an element of the list. */
static int read_secret(struct arena *arena, const struct option *option, slice *value, slice *why)
{
    slice content, line, list = S("");
    if (!slice_starts(*value, S("@")))
        return 0;
    const char *path = slice_cstr(arena, slice_sub(*value, 1, value->len));
    int result = path ? fdio_read_file(arena, path, SECRET_BYTES, &content) : -EINVAL;
    if (result != 0)
        return refuse_value(arena, why, "--%.*s: cannot read the file %.*s", option, slice_sub(*value, 1, value->len));
    while (content.len > 0) {
        slice_cut(content, '\n', &line, &content);
        line = slice_trim(line);
        if (line.len > 0)
            list = list.len > 0 ? arena_printf(arena, "%.*s,%.*s", SLICE_ARG(list), SLICE_ARG(line)) : line;
    }
    *value = list;
    return 0;
}

static int read_secrets(struct arena *arena, struct conf *conf, slice *why)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (options[i].type == SECRET)
            TRY(read_secret(arena, &options[i], (slice *)(void *)((char *)conf + options[i].offset), why));
    }
    return 0;
}

static slice absolute(struct arena *arena, slice path)
{
    char here[PATH_MAX];
    if (slice_starts(path, S("/")) || !getcwd(here, sizeof(here)))
        return path;
    return arena_printf(arena, "%s/%.*s", here, SLICE_ARG(path));
}

slice conf_make_private_dir(struct arena *arena)
{
    char *made = arena_copy(arena, CONF_PRIVATE_DIR "XXXXXX", sizeof(CONF_PRIVATE_DIR "XXXXXX"));
    return slice_of(mkdtemp(made));
}

static int choose_state_dir(struct arena *arena, struct conf *conf, slice *why)
{
    const char *state_home = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    conf->state_dir_given = conf->state_dir.len > 0;
    if (conf->state_dir_given)
        conf->state_dir = absolute(arena, conf->state_dir);
    else if (conf->ephemeral) {
        conf->state_dir = conf_make_private_dir(arena);
        if (!conf->state_dir.ptr)
            return refuse(arena, why, "cannot make a folder in /tmp%.*s%.*s", S(""), S(""));
    } else if (geteuid() == 0)
        conf->state_dir = S("/var/lib/awssim");
    else if (state_home && *state_home)
        conf->state_dir = arena_printf(arena, "%s/awssim", state_home);
    else if (home && *home)
        conf->state_dir = arena_printf(arena, "%s/.local/state/awssim", home);
    else
        return refuse(arena, why, "neither HOME nor XDG_STATE_HOME is set: name a folder with --state-dir%.*s%.*s",
                      S(""), S(""));
    return 0;
}

/* A folder of this user's own, where what runs belongs. */
static bool is_runtime_dir(const char *path)
{
    struct stat st;
    return path && *path == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool fits_sockets(slice path)
{
    return path.len + SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES;
}

slice conf_usual_run_dir(struct arena *arena, slice state_dir)
{
    slice path = arena_concat(arena, state_dir, S("/run"));
    unsigned long long hash = hash_bytes(state_dir);
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (!fits_sockets(path) && is_runtime_dir(runtime))
        path = arena_printf(arena, "%s/awssim/%016llx", runtime, hash);
    if (!fits_sockets(path) && geteuid() == 0 && is_runtime_dir("/run"))
        path = arena_printf(arena, "/run/awssim/%016llx", hash);
    return fits_sockets(path) ? path : S(CONF_TEMPORARY_RUN_DIR);
}

static void choose_run_dir(struct arena *arena, struct conf *conf)
{
    conf->run_dir = conf->run_dir.len > 0 ? absolute(arena, conf->run_dir) : conf_usual_run_dir(arena, conf->state_dir);
}

static void choose_init_dir(struct arena *arena, struct conf *conf)
{
    static const slice usual[] = {S("/etc/awssim/init"), S("/etc/localstack/init")};
    if (conf->init_dir.len > 0)
        conf->init_dir = absolute(arena, conf->init_dir);
    for (size_t i = 0; conf->init_dir.len == 0 && i < sizeof(usual) / sizeof(*usual); i++) {
        if (access(usual[i].ptr, R_OK | X_OK) == 0)
            conf->init_dir = usual[i];
    }
}

bool conf_replaces_simulator(const char *program)
{
    slice name = slice_of(program);
    return slice_ends(name, S("/simulator-aws")) || slice_eq(name, S("simulator-aws"));
}

/* Sockerless' backends expect commands on the machine's own files. */
static int choose_images(struct arena *arena, struct conf *conf, const bool given[N_OPTIONS], slice *why)
{
    if (is_given(given, S("images")) || !slice_eq(conf->profile, S("sockerless")))
        return 0;
    return set_option(arena, conf, find_option(S("images")), S("host"), why);
}

static int choose_defaults(struct arena *arena, int argc, char *const argv[], struct conf *conf,
                           const bool given[N_OPTIONS], slice *why)
{
    if (argc < 1 || !conf_replaces_simulator(argv[0]))
        return 0;
    for (size_t i = 0; i < N_REPLACED; i++) {
        if (!is_given(given, replaced[i].flag))
            TRY(set_option(arena, conf, find_option(replaced[i].flag), replaced[i].value, why));
    }
    return 0;
}

int conf_parse(struct arena *arena, int argc, char *const argv[], struct conf *conf, struct slice_list *rest,
               slice *why)
{
    bool given[N_OPTIONS];
    *conf = (struct conf){0};
    TRY(set_defaults(arena, conf, given, why));
    TRY(take_arguments(arena, &(struct arguments){argc, argv, rest}, conf, given, why));
    TRY(choose_defaults(arena, argc, argv, conf, given, why));
    TRY(choose_images(arena, conf, given, why));
    TRY(split_listen(arena, conf, given, why));
    TRY(check_words(arena, conf, why));
    TRY(read_secrets(arena, conf, why));
    TRY(choose_state_dir(arena, conf, why));
    choose_run_dir(arena, conf);
    choose_init_dir(arena, conf);
    if (conf->tls_cert.len > 0) {
        conf->tls_cert = absolute(arena, conf->tls_cert);
        conf->tls_key = absolute(arena, conf->tls_key);
    }
    return 0;
}

char **conf_argv(struct arena *arena, const struct conf *conf, const char *first)
{
    char **argv = arena_array(arena, N_OPTIONS + 3, sizeof(*argv));
    size_t n = 0;
    argv[n++] = arena_copy(arena, first, strlen(first) + 1);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const void *field = (const char *)conf + options[i].offset;
        slice text;
        if (options[i].type == SECRET)
            continue;
        if (options[i].type == TEXT)
            text = *(const slice *)field;
        else if (options[i].type == NUMBER)
            text = arena_printf(arena, "%lld", (long long)*(const int64_t *)field);
        else
            text = *(const bool *)field ? S("1") : S("0");
        slice argument = arena_printf(arena, "--%.*s=%.*s", SLICE_ARG(options[i].flag), SLICE_ARG(text));
        argv[n++] = arena_copy(arena, argument.ptr, argument.len + 1);
    }
    return argv;
}

char **conf_argv_and(struct arena *arena, const struct conf *conf, const char *first, const char *last)
{
    char **argv = conf_argv(arena, conf, first); /* has room for one more */
    size_t n = 0;
    while (argv[n])
        n++;
    argv[n] = arena_copy(arena, last, strlen(last) + 1);
    return argv;
}

bool conf_option_at(size_t i, struct conf_option *option)
{
    if (i >= N_OPTIONS)
        return false;
    const struct conf_choice *choice = find_choice(options[i].flag);
    *option = (struct conf_option){.flag = options[i].flag,
                                   .environment = options[i].environment,
                                   .otherwise = options[i].otherwise,
                                   .help = options[i].help,
                                   .words = choice ? choice->words : NULL,
                                   .is_switch = options[i].type == SWITCH};
    for (size_t k = 0; k < sizeof(paths) / sizeof(*paths); k++)
        option->is_path = option->is_path || slice_eq(paths[k], options[i].flag);
    return true;
}

void conf_export_secrets(struct arena *arena, const struct conf *conf)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (options[i].type != SECRET)
            continue;
        const void *field = (const char *)conf + options[i].offset;
        const char *value = slice_cstr(arena, *(const slice *)field);
        if (value)
            setenv(options[i].environment, value, 1);
    }
}

slice conf_help(struct arena *arena)
{
    slice text = S("");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        slice flag = arena_printf(arena, "--%.*s%s", SLICE_ARG(options[i].flag), options[i].type == SWITCH ? "" : " X");
        slice line = arena_printf(arena, "  %-20.*s %.*s [%s]", SLICE_ARG(flag), SLICE_ARG(options[i].help),
                                  options[i].environment);
        slice end =
            options[i].otherwise.len > 0 ? arena_printf(arena, " (%.*s)\n", SLICE_ARG(options[i].otherwise)) : S("\n");
        text = arena_concat(arena, text, arena_concat(arena, line, end));
    }
    return text;
}

slice conf_environment(struct arena *arena)
{
    slice text = S("");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        slice otherwise = options[i].otherwise;
        for (size_t k = 0; k < N_REPLACED; k++)
            otherwise = slice_eq(replaced[k].flag, options[i].flag) ? replaced[k].value : otherwise;
        slice line = arena_printf(arena, "  %-26s %.*s", options[i].environment, SLICE_ARG(options[i].help));
        slice end = otherwise.len > 0 ? arena_printf(arena, " (%.*s)\n", SLICE_ARG(otherwise)) : S("\n");
        text = arena_concat(arena, text, arena_concat(arena, line, end));
    }
    return text;
}
