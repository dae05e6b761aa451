/* instance: the awssim that runs in a state directory, seen from outside: its lock file, and its control socket
 * (protocol in supervisor/control.h). */
#pragma once

#include "tools/ctl/ctl.h"

struct instance {
    slice pid;
    slice endpoint; /* "http://127.0.0.1:4566"; from the options when nothing runs */
    slice run_dir;
    slice log_dir;
};

/* Whether one is running, and what is known of it; otherwise what it would be with these options. */
bool instance_find(const struct ctl *ctl, struct instance *instance);

/* Where its router takes HTTP requests of its own user, trusted without a signature (tools/ctl/http.h). */
slice instance_private_endpoint(const struct ctl *ctl, const struct instance *instance);

/* Waits until nobody holds the lock any more. */
void instance_await_end(const struct ctl *ctl);

/* Sends one line to the control socket and reads the answer. Answers 0 with the text behind "ok", BAD_INPUT with the
 * text behind "error ", NOT_FOUND when nothing runs, -ECONNRESET when it ended without an answer, or
 * another -errno (-ETIMEDOUT after timeout_ms). */
int instance_ask(const struct ctl *ctl, const char *line, int64_t timeout_ms, slice *answer);

/* Why instance_ask did not answer 0, for people. */
slice instance_why(int result, slice answer);

/* Whether it answers /health with 200, asking again and again until timeout_ms have passed: the router learns from the
 * workers, not from the supervisor, that they are there. *last is the last answer's body. */
bool instance_await_health(const struct ctl *ctl, slice endpoint, int64_t timeout_ms, slice *last);
