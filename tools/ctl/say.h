/* say: how awssimctl talks about failures. */
#pragma once

#include "tools/ctl/ctl.h"

/* One line on stderr, "awssimctl: …"; answers the code. */
enum ctl_exit say(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "awssim is not running …" with how to start it. */
enum ctl_exit say_not_running(const struct ctl *ctl);

/* 'text', quoted for a POSIX shell when it has to be. */
slice say_quoted(struct arena *arena, slice text);
