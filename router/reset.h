/* reset: empties awssim between two tests: what runs is stopped and state is forgotten, while new requests wait. */
#pragma once

struct bus_peer;
struct ev_loop;
struct exchange;
struct pending;
struct reset;
struct route_service;

struct reset *reset_open(struct ev_loop *loop, struct bus_peer *runner, struct pending *pending);
void reset_close(struct reset *reset);

/* Resets one service, or all (NULL), and answers the exchange when that is done or has failed. Resets run one after the
 * other. */
void reset_begin(struct reset *reset, struct exchange *exchange, const struct route_service *service);

/* No call is in flight any more. */
void reset_on_drained(struct reset *reset);
