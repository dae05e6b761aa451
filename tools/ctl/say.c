/* say: see say.h. */
#include "tools/ctl/say.h"

#include "common/buf.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum ctl_exit say(enum ctl_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("awssimctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

/* The name of whom the folder belongs to, when this user cannot look into it; else NULL. */
static const char *other_owner(const struct ctl *ctl)
{
    struct stat st = {.st_uid = (uid_t)-1};
    const char *path = slice_cstr(ctl->arena, ctl->conf.state_dir);
    if (!path || (stat(path, &st) != 0 && errno != EACCES))
        return NULL;
    if (access(path, R_OK | X_OK) == 0 || errno != EACCES)
        return NULL;
    if (st.st_uid == (uid_t)-1)
        return "";
    struct passwd *owner = getpwuid(st.st_uid);
    return owner ? arena_printf(ctl->arena, " (%s)", owner->pw_name).ptr
                 : arena_printf(ctl->arena, " (number %u)", (unsigned)st.st_uid).ptr;
}

bool say_other_owner(const struct ctl *ctl)
{
    const char *owner = other_owner(ctl);
    if (owner)
        say(CTL_FAILED,
            "the state directory %.*s belongs to another user%s; only that user and root can tell whether awssim runs "
            "there, and stop it",
            SLICE_ARG(ctl->conf.state_dir), owner);
    return owner;
}

enum ctl_exit say_not_running(const struct ctl *ctl)
{
    struct stat st;
    if (say_other_owner(ctl))
        return CTL_FAILED;
    if (geteuid() != 0 && !ctl->conf.state_dir_given && stat("/var/lib/awssim", &st) == 0)
        say(CTL_OK, "note: root has a state directory, /var/lib/awssim; what runs there is for `sudo %s`",
            ctl->program);
    return say(CTL_NOT_RUNNING, "awssim is not running (state directory %.*s). Start it with: %s start%.*s",
               SLICE_ARG(ctl->conf.state_dir), ctl->program, SLICE_ARG(ctl->state_option));
}

bool say_in_colours(int fd)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fd) && !(no_colour && *no_colour) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool is_plain(slice text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(plain, text.ptr[i], sizeof(plain) - 1))
            return false;
    }
    return text.len > 0;
}

slice say_quoted(struct arena *arena, slice text)
{
    if (is_plain(text))
        return text;
    struct buf out;
    buf_init(&out, arena);
    buf_add_char(&out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            buf_add(&out, S("'\\''"));
        else
            buf_add_char(&out, text.ptr[i]);
    }
    buf_add_char(&out, '\'');
    return buf_slice(&out);
}
