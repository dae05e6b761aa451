/* telemetry: what extensions are sent about their environment: the platform's events, the function's lines and the
 * extensions' own, through the Telemetry API or the older Logs API. */
#pragma once

#include "common/buf.h"

#include <ev.h>
#include <netinet/in.h>

struct environment;
struct delivery;

enum telemetry_kind { TELEMETRY_PLATFORM = 1, TELEMETRY_FUNCTION = 2, TELEMETRY_EXTENSION = 4 };

/* An extension wants telemetry: body is its request. False with a reason when it is not valid. What has happened since
 * the environment was started is sent, too. A further subscription replaces the extension's former one. */
bool telemetry_subscribe(struct environment *environment, slice extension, slice body, bool logs, const char **why);

/* Whether anybody may ever be told of what happens now: else nothing needs to be composed. */
bool telemetry_wanted(const struct environment *environment);

/* Something has happened. record is JSON. Types are AWS's ("platform.start"); those that an API does not know are not
 * sent by it. */
void telemetry_platform(struct environment *environment, slice type, slice record);

/* A line of the function or of an extension. */
void telemetry_line(struct environment *environment, enum telemetry_kind kind, slice line);

/* The environment is ready: who has not subscribed until now cannot any more. */
void telemetry_begun(struct environment *environment);

/* Sends what is collected, now. */
void telemetry_flush(struct environment *environment);

/* Forgets everything. */
void telemetry_close(struct environment *environment);

/* subscribe.c: what a subscription asks for. */
struct subscription_request {
    bool objects;      /* lines that are JSON objects are given as such */
    bool runtime_done; /* platform.runtimeDone is known */
    bool tcp;          /* newline-separated events over a connection that is kept; else HTTP */
    unsigned kinds;
    in_port_t port;
    slice path; /* of HTTP */
    int64_t max_items, max_bytes, timeout_ms;
};

/* Reads one; the texts are in the arena. False with a reason. */
bool subscription_read(struct arena *arena, slice body, bool logs, struct subscription_request *request,
                       const char **why);

/* delivery.c: brings batches to a listener inside an environment, one after the other. */
enum delivery_result { DELIVERY_DONE, DELIVERY_FAILED };

struct delivery_config {
    struct ev_loop *loop;
    struct arena *arena; /* lives longer than the delivery */
    in_port_t port;
    slice path;
    bool tcp;
    /* Whether the listener at the port may have what is sent. */
    bool (*admits)(void *context);
    /* The batch has arrived, or could not be brought after all attempts. */
    void (*on_end)(void *context, enum delivery_result result);
    void *context;
};

struct delivery *delivery_open(const struct delivery_config *config);
void delivery_close(struct delivery *delivery);
bool delivery_is_busy(const struct delivery *delivery);

/* items: JSON texts, each with a line break behind it. They are copied. Not while it is busy. */
void delivery_send(struct delivery *delivery, slice items);
