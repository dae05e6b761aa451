/* plan: what the runner tells the stub: pairs of NUL-terminated texts, key and value, until the end of the file. Keys:
 *   arg     one argument of the command, in order        env    NAME=VALUE, in order
 *   cwd     working directory                            user   name, uid, name:group or uid:gid
 *   limit   "RESOURCE SOFT HARD" (RLIMIT_* number)       exit   where the exit record is written */
#pragma once

#include <stddef.h>

enum { PLAN_MAX_LIMITS = 32 };

/* A real-time signal for the stub: kill everything in the container. Unlike after a SIGKILL of the stub itself, nothing
 * of it runs any more when the stub has ended. */
enum { PLAN_KILL_SIGNAL = 63 };

struct plan_limit {
    int resource;
    unsigned long long soft;
    unsigned long long hard;
};

struct plan {
    char **args; /* NULL-terminated, as are the others */
    char **env;
    const char *cwd;
    const char *user;
    const char *exit_record;
    struct plan_limit limits[PLAN_MAX_LIMITS];
    size_t n_limits;
};

/* Reads the plan from a descriptor; the texts live as long as the process. 0, or -1 when it is broken. */
int plan_read(int fd, struct plan *plan);
