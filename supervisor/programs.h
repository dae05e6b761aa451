/* programs: which processes awssim consists of, and where their executables are. */
#pragma once

#include "supervisor/child.h"

struct arena;
struct conf;

struct program_list {
    struct child_program *items;
    size_t len;
    bool set;
};

/* The program of each stage of init scripts (init_stages.h); NULL in *argv when there is no folder of them. Answers 0,
 * or BAD_INPUT with a sentence in *why. */
int programs_init(struct arena *arena, const struct conf *conf, char *const *const **argv, slice *why);

/* The router, the runner and one worker per service, each with its arguments. Executables are beside this one (as
 * installed) or in the folders of the build tree. Answers 0, or BAD_INPUT with a sentence in *why. */
int programs_list(struct arena *arena, const struct conf *conf, struct program_list *programs, slice *why);
