/* api: AWS API models as tables. tools/apigen.py makes them, with the matching C structures, from a service's api.json;
 * one codec per wire protocol walks them in both directions.
 *
 * How a shape is represented in a C structure:
 *   string, enum, blob      slice                (blobs decoded)
 *   integer, long           struct opt_int
 *   timestamp               struct opt_int       (milliseconds)
 *   float, double           struct opt_double
 *   boolean                 struct opt_bool
 *   structure               pointer, NULL when absent
 *   document                const struct val *, NULL when absent
 *   list of T               struct { T *items; size_t len; bool set; }, T as above but structures by value
 *   map of K to V           a list of struct { slice key; V value; }, structures by value
 */
#pragma once

#include "common/slice.h"

struct call;

enum api_type {
    API_STRING,
    API_BLOB,
    API_BOOLEAN,
    API_INTEGER,
    API_LONG,
    API_FLOAT,
    API_DOUBLE,
    API_TIMESTAMP,
    API_LIST,
    API_MAP,
    API_STRUCTURE,
    API_DOCUMENT,
};

enum api_location {
    API_BODY,
    API_URI,
    API_QUERYSTRING,
    API_HEADER,
    API_HEADERS, /* a map of headers with a common prefix */
    API_STATUS,
};

enum api_timestamp { API_TIME_DEFAULT, API_TIME_EPOCH, API_TIME_ISO8601, API_TIME_RFC1123, API_TIME_ISO8601_MS };

enum api_shape_flag {
    API_UNION = 1,       /* exactly one member is set */
    API_FLATTENED = 2,   /* list or map without a wrapper element */
    API_SENSITIVE = 4,   /* values are not shown in error texts */
    API_EVENTSTREAM = 8, /* structure whose members are events */
    API_EVENT = 16,
    API_STREAMING = 32,
};

enum api_member_flag {
    API_REQUIRED = 1,
    API_MEMBER_FLATTENED = 2,
    API_PAYLOAD = 4, /* this member is the HTTP body */
    API_MEMBER_STREAMING = 8,
    API_IDEMPOTENCY_TOKEN = 16,
    API_XML_ATTRIBUTE = 32,
    API_HOST_LABEL = 64,
    API_EVENT_PAYLOAD = 128,
    API_EVENT_HEADER = 256,
    API_OMIT_EMPTY = 512, /* overlay: an unset list stays away although it is top-level in an output */
};

struct api_constraint {
    int64_t min;   /* length, size or value; INT64_MIN: none */
    int64_t max;   /* INT64_MAX: none */
    slice pattern; /* absent: none */
    const slice *enums;
    uint16_t n_enums;
    bool enum_open;  /* overlay: unknown words are accepted (AWS's set grows faster than the model) */
    uint16_t number; /* index among the service's constraints: key of the compiled pattern */
};

struct api_member;

struct api_shape {
    slice name;
    uint8_t type;  /* enum api_type */
    uint8_t flags; /* enum api_shape_flag */
    uint16_t n_members;
    uint32_t size;                           /* sizeof of the C representation (of a structure: of the struct itself) */
    uint32_t entry_size;                     /* list, map: of one element */
    const struct api_member *members;        /* structure: members; list: the element; map: key and value */
    const struct api_constraint *constraint; /* NULL: none */
};

struct api_member {
    slice name;  /* in the model, and in JSON */
    slice wire;  /* locationName, else name: query, XML, headers, labels */
    slice query; /* name in ec2query input; absent elsewhere */
    const struct api_shape *shape;
    uint32_t offset;
    uint16_t flags;    /* enum api_member_flag */
    uint8_t location;  /* enum api_location */
    uint8_t timestamp; /* enum api_timestamp */
    slice xmlns;       /* with prefix as "prefix=uri", or the uri; absent: none */
};

struct api_error {
    slice name; /* shape name */
    slice code; /* on the wire */
    uint16_t status;
    bool fault;                    /* the service's fault, not the caller's */
    slice message_key;             /* "message" or "Message" */
    const struct api_shape *shape; /* its modelled members; NULL for overlay errors */
};

/* in is valid and typed; out is zeroed. Answers 0, CALL_FAILED, CALL_LATER or a fault. */
typedef int api_handler_fn(struct call *call, const void *in, void *out);

struct api_operation {
    slice name;
    slice method;
    slice uri; /* with {labels} and a literal query */
    uint16_t status;
    bool readonly;               /* may be repeated */
    bool unsigned_ok;            /* the model asks for no signature */
    const struct api_shape *in;  /* NULL: none, or not imported */
    const struct api_shape *out; /* NULL: none, or not imported */
    slice result_wrapper;        /* query: absent when the operation has no output; REST-XML: the body's root element */
    const struct api_error *const *errors;
    uint16_t n_errors;
    api_handler_fn *handler; /* NULL: known, not implemented */
    bool on_full_disk;       /* it makes room, or needs none */
};

/* REST: the operations of one method whose paths have as many segments. */
struct api_route {
    slice method;
    uint16_t segments;
    bool greedy; /* the last segment takes all that follow */
    uint16_t n_operations;
    const uint16_t *operations; /* indices into the service's */
};

enum api_protocol { API_AWSJSON, API_QUERY, API_EC2QUERY, API_RESTJSON, API_RESTXML };

/* How central validation answers: reference in each service's overlay. */
enum api_validation_style {
    API_STYLE_FULL,       /* "1 validation error detected: Value 'x' at 'y' failed to satisfy constraint: …" */
    API_STYLE_NO_VALUE,   /* as FULL, with values and enum sets left out */
    API_STYLE_CONSTRAINT, /* "Invalid parameter at 'x' failed to satisfy constraint: '…'" */
    API_STYLE_PARAMETER,  /* MissingParameter / InvalidParameterValue, one at a time */
};

struct api_service {
    slice name;          /* the folder, the worker: "ecs" */
    slice title;         /* "Amazon ECS" */
    uint8_t protocol;    /* enum api_protocol */
    slice json_version;  /* "1.1" */
    slice target_prefix; /* of X-Amz-Target */
    slice api_version;
    slice xmlns;
    uint8_t validation_style;
    const struct api_error *validation_error;    /* what a violated constraint becomes */
    const struct api_error *serialization_error; /* what an undecodable body becomes */
    const struct api_error *uri_error;           /* and an undecodable path */
    const struct api_error *argument_error;      /* and an undecodable query string or header */
    const struct api_error *unknown_operation;
    const struct api_error *not_implemented;
    const struct api_error *internal_failure;
    const struct api_operation *operations; /* sorted by name */
    uint16_t n_operations;
    uint16_t n_constraints;
    const struct api_error *const *errors; /* all, modelled and overlay */
    uint16_t n_errors;
    uint16_t n_routes;
    const struct api_route *routes; /* NULL: not a REST service */
    const struct api_error *full_disk;
};

/* By exact name, or NULL. */
const struct api_operation *api_find_operation(const struct api_service *service, slice name);

/* By the code on the wire, or NULL. */
const struct api_error *api_find_error(const struct api_service *service, slice code);

/* The JSON form of a value of that shape, for storage and for calls between services; object is the C structure.
 * Only what is set is written. */
slice api_to_json(struct arena *arena, const struct api_shape *shape, const void *object);

/* The reverse: fills object (zeroed, of shape->size). Members the shape does not have are skipped, so an older document
 * stays readable. Answers 0 or BAD_INPUT. No constraints are checked. */
int api_from_json(struct arena *arena, const struct api_shape *shape, slice text, void *object);

/* Gives `to`, of shape to_shape, those members of `from` that both shapes have under the same name and with the same
 * shape. What they point to is shared. */
void api_assign(const struct api_shape *from_shape, const void *from, const struct api_shape *to_shape, void *to);

/* A deep copy into another arena. */
void api_copy(struct arena *arena, const struct api_shape *shape, const void *from, void *to);
