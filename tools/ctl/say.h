/* say: how awssimctl talks about failures. */
#pragma once

#include "tools/ctl/ctl.h"

/* One line on stderr, "awssimctl: …"; answers the code. */
enum ctl_exit say(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says that another user's state directory cannot be looked into, when that is so, and answers whether it is. */
bool say_other_owner(const struct ctl *ctl);

/* "awssim is not running …" with how to start it. */
enum ctl_exit say_not_running(const struct ctl *ctl);

/* Whether what is written there is for a person's eyes and may be coloured (https://no-color.org). */
bool say_in_colours(int fd);

/* 'text', quoted for a POSIX shell when it has to be. */
slice say_quoted(struct arena *arena, slice text);
