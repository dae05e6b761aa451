/* options: the command line behind the command's name. */
#pragma once

#include "tools/ctl/ctl.h"

/* Fills ctl from the arguments (argv[0] is the program, the command's name is not among them) and the environment.
 * Answers 0, or BAD_INPUT with a sentence in *why. */
int options_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char *const argv[], slice *why);

/* An option of awssimctl's own, for help, manual page and completion. */
struct ctl_own_option {
    slice flag; /* "--json" */
    slice letter;
    enum ctl_option bit;
    const char *value; /* its name in the help; NULL: a switch */
    const char *help;
};

/* The own option of that number, from 0; NULL when there are not so many. */
const struct ctl_own_option *options_own_at(size_t i);

/* Lines for the help: the command's own options, and those of all commands. */
slice options_help(struct arena *arena, const struct ctl_command *command);
