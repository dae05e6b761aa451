/* env: the settings with which AWS clients find the running awssim, for one's shell. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include <stdio.h>

struct setting {
    slice name;
    slice value;
};

enum { SETTINGS = 6 };

struct format {
    slice shell;
    const char *line; /* name, value */
    const char *begin, *between, *end;
};

static const struct format formats[] = {
    {S("bash"), "export %.*s='%.*s'", "", "\n", "\n"},       {S("sh"), "export %.*s='%.*s'", "", "\n", "\n"},
    {S("zsh"), "export %.*s='%.*s'", "", "\n", "\n"},        {S("fish"), "set -gx %.*s '%.*s';", "", "\n", "\n"},
    {S("powershell"), "$Env:%.*s = '%.*s'", "", "\n", "\n"}, {S("json"), "\"%.*s\": \"%.*s\"", "{", ", ", "}\n"},
};

static const struct format *find_format(slice shell)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        if (slice_eq(formats[i].shell, shell))
            return &formats[i];
    }
    return NULL;
}

static void print(const struct format *format, const struct setting settings[SETTINGS])
{
    fputs(format->begin, stdout);
    for (size_t i = 0; i < SETTINGS; i++) {
        printf(format->line, SLICE_ARG(settings[i].name), SLICE_ARG(settings[i].value));
        fputs(i + 1 < SETTINGS ? format->between : format->end, stdout);
    }
}

enum ctl_exit env_run(struct ctl *ctl)
{
    struct instance instance;
    const struct format *format = find_format(ctl->shell.ptr ? ctl->shell : S("bash"));
    if (!format)
        return say(CTL_USAGE, "--shell is bash, fish, powershell or json, not '%.*s'", SLICE_ARG(ctl->shell));
    if (!instance_find(ctl, &instance))
        say(CTL_OK, "note: awssim is not running; start it with: %s start%.*s", ctl->program,
            SLICE_ARG(ctl->state_option));
    /* The last one keeps clients from putting a prefix before the host name, which 127.0.0.1 does not resolve. */
    const struct setting settings[SETTINGS] = {
        {S("AWS_ENDPOINT_URL"), instance.endpoint}, {S("AWS_ACCESS_KEY_ID"), S("test")},
        {S("AWS_SECRET_ACCESS_KEY"), S("test")},    {S("AWS_DEFAULT_REGION"), S("us-east-1")},
        {S("AWS_REGION"), S("us-east-1")},          {S("AWS_DISABLE_HOST_PREFIX_INJECTION"), S("true")},
    };
    print(format, settings);
    return CTL_OK;
}
