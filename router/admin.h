/* admin: the router's own paths: health, reset, statistics, and LocalStack's names for them. */
#pragma once

#include "common/slice.h"

struct admin;
struct bus_peer;
struct conn_request;
struct exchange;
struct pending;
struct reset;

/* The run directory is borrowed. */
struct admin *admin_open(struct bus_peer *runner, struct pending *pending, struct reset *reset, slice run_dir,
                         const char *state_dir);
void admin_close(struct admin *admin);

/* Whether the path is one of these; is_signed: the request carries AWS credentials ("health" may be a bucket). */
bool admin_wants(slice path, bool is_signed);

/* Whether everybody may see it, always. */
bool admin_is_public(slice path);

/* Answers the exchange, at once or (reset) later. */
void admin_handle(struct admin *admin, struct exchange *exchange, const struct conn_request *request);
