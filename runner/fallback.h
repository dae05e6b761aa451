/* fallback: where a command runs whose image is nowhere: in a sandbox of this machine's programs, on its files, or not
 * at all. What is not asked for by name is a sandbox; where none can be made, only an awssim that is in a container
 * itself uses the files there are. */
#pragma once

#include "common/slice.h"

struct arena;
struct runner;

enum fallback_kind {
    FALLBACK_SANDBOX,
    FALLBACK_HOST,   /* asked for, or in a container */
    FALLBACK_STRICT, /* asked for */
    FALLBACK_NONE,   /* there are no sandboxes */
};

struct fallback {
    enum fallback_kind kind;
    slice path;    /* PATH in a sandbox */
    slice warning; /* for the user: what is not as he may expect; absent: nothing */
    slice why;     /* what is against sandboxes */
};

/* Decides, from the option --images and what this machine permits; says it in the log and, for awssimctl, in the file
 * images of the folder run_dir. */
void fallback_decide(struct runner *runner, slice images, slice run_dir);

/* Whether this awssim is in a container. */
bool fallback_in_container(void);

/* Whether functions and tasks may be run on the host's files. */
bool fallback_permits_host(const struct runner *runner);

/* Whether a sandbox shows what the host has at that path. */
bool fallback_shows(slice path);
