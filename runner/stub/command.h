/* command: becomes the container's command: limits, user, working directory, exec. */
#pragma once

#include "runner/stub/plan.h"

/* Never returns. What goes wrong is written to status_fd, in docker's words; success closes it (close-on-exec). */
_Noreturn void command_exec(const struct plan *plan, int status_fd);
