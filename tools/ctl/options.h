/* options: the command line behind the command's name. */
#pragma once

#include "tools/ctl/ctl.h"

/* Fills ctl from the arguments (argv[0] is the program, the command's name is not among them) and the environment.
 * Answers 0, or BAD_INPUT with a sentence in *why. */
int options_parse(struct ctl *ctl, const struct ctl_command *command, int argc, char *const argv[], slice *why);

/* Lines for the help: the command's own options, and those of all commands. */
slice options_help(struct arena *arena, const struct ctl_command *command);
