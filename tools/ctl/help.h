/* help: see help.c. */
#pragma once

#include "tools/ctl/ctl.h"

/* All commands, one line each. */
void help_overview(const char *program);

/* One command with its options. */
void help_print(struct arena *arena, const char *program, const struct ctl_command *command);

/* "there is no command …". */
enum ctl_exit help_refuse(const char *program, slice name);
