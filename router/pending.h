/* pending: calls in flight between exchanges and workers. */
#pragma once

#include "proto/msg.h"

struct arena;
struct bus;
struct bus_peer;
struct exchange;
struct pending;
struct route_service;

struct pending_config {
    void (*on_drained)(void *context); /* calls have ended and none is left in flight */
    void *context;
};

/* Dials every worker. */
struct pending *pending_open(struct bus *bus, const struct pending_config *config);
void pending_close(struct pending *pending);

/* Sends the request to the service's worker and answers the exchange with its reply. While the worker is down the
 * request waits until its deadline; when it dies meanwhile, a request flagged MSG_FLAG_READONLY is sent again, another
 * is answered InternalFailure. Nothing of the request is needed afterwards. */
void pending_send(struct pending *pending, struct exchange *exchange, const struct route_service *service,
                  struct msg *request);

/* Answers all calls in flight to the service (NULL: to all) in its place: 503, so that the client tries again. */
void pending_refuse_sent(struct pending *pending, const struct route_service *service);

/* From now on requests are kept back; false sends what was kept, in order. */
void pending_hold(struct pending *pending, bool hold);

/* Calls sent and not answered. */
size_t pending_in_flight(const struct pending *pending);

struct pending_stats {
    uint64_t requests;
    uint64_t errors; /* answers of 400 and above */
    uint64_t faults; /* of these, 500 and above */
    uint64_t in_flight;
};
struct pending_stats pending_stats(const struct pending *pending, const struct route_service *service);
struct bus_peer *pending_peer(const struct pending *pending, const struct route_service *service);
