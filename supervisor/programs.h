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

/* The router, the runner and one worker per service, each with its arguments. Executables are beside this one (as
 * installed) or in the folders of the build tree. Answers 0, or BAD_INPUT with a sentence in *why. */
int programs_list(struct arena *arena, const struct conf *conf, struct program_list *programs, slice *why);
