/* say: see say.h. */
#include "tools/ctl/say.h"

#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>

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

enum ctl_exit say_not_running(const struct ctl *ctl)
{
    return say(CTL_NOT_RUNNING, "awssim is not running (state directory %.*s). Start it with: %s start%.*s",
               SLICE_ARG(ctl->conf.state_dir), ctl->program, SLICE_ARG(ctl->state_option));
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
