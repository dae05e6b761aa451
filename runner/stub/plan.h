/* plan: what the runner tells the stub: pairs of NUL-terminated texts, key and value, until the end of the file. Keys:
 *   arg     one argument of the command, in order        env    NAME=VALUE, in order
 *   cwd     working directory                            user   name, uid, name:group or uid:gid
 *   join    the cgroup.procs of a control group
 *   limit   "RESOURCE SOFT HARD" (RLIMIT_* number)       exit   where the exit record is written
 *   layers  folder of the image's layers; without it the container sees the host's files
 *   layer   a layer's name in that folder, the lowest first
 *   scratch where the container's own files are: names that begin with this path
 *   host    the host name                                hosts  further lines of /etc/hosts
 *   sealed  any text: the root cannot be written to      add, drop  a capability
 *   volume  path that can be written to nevertheless     privileged any text: the kernel's files are not guarded
 *   mirror  any text: the root shows the host's programs and libraries (mirror.h); without layers
 *   files   "SOFT HARD": open files, as far as this machine permits
 *   processes how many processes and threads it may have; only in a user namespace of its own they are counted by the
 *           stub's means, RLIMIT_NPROC: elsewhere that counts all processes of the user
 *   nonewprivs any text: no program gives more rights
 *   init    any text: in a root of its own an init is process 1, and not the command
 *   template folder that such a root is laid over, for tasks (runner/template.h): "root" in it, and for some of the
 *           host's folders what is laid between them and the container's own
 *   hide    path on the host that such a root does not show
 *   sandbox any text: for code of strangers. The root cannot be written to, no program gives more rights, memory is
 *           not shared
 *   passwd  what /etc/passwd says
 *   mount   path in the container, in order; what follows is of this mount:
 *     source    path on the host of what is bound there; several are laid over each other, the lowest first, and cannot
 *               be written to; without one, a file system in memory
 *     within    folder of the host that the source is below, whose content others can change: links lead nowhere else
 *     options   of the file system in memory, as mount(8) takes them
 *     readonly  any text
 *     fill      any text: a new volume: when it is empty, it gets what the image has at that path */
#pragma once

#include <stddef.h>

enum {
    PLAN_MAX_LIMITS = 32,
    PLAN_MAX_MOUNTS = 128,
    PLAN_MAX_LAYERS = 127, /* docker has no more */
    PLAN_MAX_CAPABILITIES = 96,
    PLAN_MAX_GROUPS = 4,
    PLAN_MAX_VOLUMES = 32,
    PLAN_MAX_HIDDEN = 4,
    PLAN_MAX_SOURCES = 8
};

/* How the complaint begins when there is no sandbox because this process may not make one. */
#define PLAN_NO_SANDBOX "no sandbox is permitted"

/* A real-time signal for the stub: kill everything in the container. Unlike after a SIGKILL of the stub itself, nothing
 * of it runs any more when the stub has ended. */
enum { PLAN_KILL_SIGNAL = 63 };

struct plan_limit {
    int resource;
    unsigned long long soft;
    unsigned long long hard;
};

struct plan_mount {
    const char *target;
    const char *sources[PLAN_MAX_SOURCES]; /* none: in memory */
    size_t n_sources;
    const char *within;
    const char *options;
    int read_only;
    int fill;
};

struct plan_capability {
    const char *name;
    int drop;
};

struct plan {
    char **args; /* NULL-terminated, as are the others */
    char **env;
    const char *cwd;
    const char *user;
    const char *exit_record;
    struct plan_limit limits[PLAN_MAX_LIMITS];
    size_t n_limits;
    const char *layer_folder;
    const char *layers[PLAN_MAX_LAYERS];
    size_t n_layers;
    const char *scratch;
    const char *host_name;
    const char *hosts;
    int read_only_root;
    int privileged;
    int sandbox;
    int no_new_privileges;
    int init;
    struct plan_limit files;      /* soft 0: as it is */
    unsigned long long processes; /* 0: no limit */
    int own_users;                /* it runs in a user namespace of its own: set when that has been made */
    int mirror;
    const char *template;
    const char *hidden[PLAN_MAX_HIDDEN];
    size_t n_hidden;
    const char *passwd;
    const char *volumes[PLAN_MAX_VOLUMES];
    size_t n_volumes;
    const char *groups[PLAN_MAX_GROUPS];
    size_t n_groups;
    struct plan_capability capabilities[PLAN_MAX_CAPABILITIES];
    size_t n_capabilities;
    struct plan_mount mounts[PLAN_MAX_MOUNTS];
    size_t n_mounts;
};

/* Whether the container has a root of its own. */
int plan_has_root(const struct plan *plan);

/* Whether that root is made of the host's files. */
int plan_mirrors(const struct plan *plan);

/* Reads the plan from a descriptor; the texts live as long as the process. 0, or -1 when it is broken. */
int plan_read(int fd, struct plan *plan);
