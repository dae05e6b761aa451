/* servicediscovery: what the files of the Cloud Map service share: namespaces, services (srv), instances and operations
 * as rows, and the look-ups that answer by themselves.
 *
 * Events from ecs, whose tasks are instances:
 *
 *   RegisterTaskInstance    {"account", "region", "service": id or ARN, "instanceId", "attributes": {…}}
 *   DeregisterTaskInstance  {"account", "region", "service", "instanceId"}
 *
 * They take effect at once. Refused (4xx) when the service is gone or the attributes do not fit it; removing what is
 * not there is fine. */
#pragma once

#include "common/list.h"
#include "servicediscovery_api.h"
#include "services/worker/call.h"

enum servicediscovery_sql {
#define SQL(name, text) SERVICEDISCOVERY_SQL_##name,
#include "services/servicediscovery/sql.def"
#undef SQL
};

extern const struct service servicediscovery_process;

struct namespace
{
    int64_t id;
    slice name_id; /* ns-… */
    slice name;
    slice type;
    slice state;
    slice description;
    slice creator;
    int64_t created_ms;
    slice vpc;
    slice zone; /* Route 53's hosted zone */
    struct opt_int soa_ttl;
    slice http_name;
    int64_t services;
};

/* A service of Cloud Map. */
struct srv {
    int64_t id;
    slice service_id; /* srv-… */
    slice name;
    slice type;
    slice description;
    slice creator;
    int64_t created_ms;
    struct servicediscovery_dns_config *dns; /* NULL: none; as the two below */
    struct servicediscovery_health_check_config *health;
    struct servicediscovery_health_check_custom_config *custom_health;
    int64_t revision;
    int64_t namespace_row;
    slice namespace_id;
    slice namespace_type;
};

struct instance {
    int64_t id;
    slice name;
    slice creator;
    struct pair_list attributes;
    slice health;
};

struct operation {
    int64_t id;
    slice name;
    slice type;
    slice status;
    int64_t created_ms;
    int64_t updated_ms;
    slice namespace; /* ids of the targets; absent when there is none */
    slice service;
    slice instance;
    slice creator;
    slice doc;
    slice error_code;
    slice error_message;
    slice account;
    slice region;
};

/* What is behind the last '/' of an ARN of this account and region, or the id itself. */
slice servicediscovery_id(struct call *c, slice id_or_arn);
slice servicediscovery_arn(struct call *c, const char *kind, slice id);

/* A copy in lower case: how DNS compares names. */
slice servicediscovery_lower(struct call *c, slice text);

/* The number a statement with one column answers. */
int64_t servicediscovery_number(struct db_rows rows);

/* The row number in a page token of that kind, or InvalidInput; and the token. */
int servicediscovery_page(struct call *c, slice kind, slice token, int64_t *after);
slice servicediscovery_page_token(struct call *c, slice kind, int64_t last);

/* The namespace, or NamespaceNotFound. */
int namespace_get(struct call *c, slice id, struct namespace *ns);

/* One row of the statements NAMESPACE_…; false at the end. */
bool namespace_next(struct db_rows *rows, struct namespace *ns);

/* The namespace with that HttpName; false when there is none. */
bool namespace_find_http(struct call *c, slice http_name, struct namespace *ns);

/* Carry out operations. Answers 0 or what is wrong. */
int namespace_created(struct call *c, const struct operation *operation);
int namespace_updated(struct call *c, const struct operation *operation);
int namespace_deleted(struct call *c, const struct operation *operation);

/* The service, or ServiceNotFound. */
int srv_get(struct call *c, slice id, struct srv *srv);
bool srv_find_named(struct call *c, int64_t namespace_row, slice name, struct srv *srv);
bool srv_next(struct call *c, struct db_rows *rows, struct srv *srv);
int srv_updated(struct call *c, const struct operation *operation);

/* What CreateService and UpdateService require of these settings; fills in the defaults. */
int srv_check_dns(struct call *c, const struct namespace *ns, struct servicediscovery_dns_config *dns);
int srv_check_health(struct call *c, const struct namespace *ns, const struct servicediscovery_dns_config *dns,
                     struct servicediscovery_health_check_config *health);

/* Whether the service makes records of that type. */
bool srv_has_record(const struct srv *srv, const char *type, int64_t *ttl);

/* Attributes an instance of the service must, may and must not have; InvalidInput. */
int instance_check(struct call *c, const struct srv *srv, const struct pair_list *attributes);

bool instance_next(struct call *c, struct db_rows *rows, struct instance *instance);
int instance_get(struct call *c, const struct srv *srv, slice name, struct instance *instance);
int instance_registered(struct call *c, const struct operation *operation);
int instance_deregistered(struct call *c, const struct operation *operation);
int instance_register_task(struct call *c, slice body);
int instance_deregister_task(struct call *c, slice body);

/* What an operation of its type does. Answers 0 or what is wrong. */
typedef int operation_apply_fn(struct call *c, const struct operation *operation);

enum { OPERATION_STEP_MS = 50 }; /* from one status to the next */

/* Starts an operation; type, targets, creator and doc are the caller's. With the leniency it is carried out at once. */
int operation_begin(struct call *c, struct operation *operation, operation_apply_fn *apply, slice *operation_id);

/* One row of the statements OPERATION_…; false at the end. */
bool operation_next(struct db_rows *rows, struct operation *operation);

/* DuplicateRequest, naming the operation. */
int operation_duplicate(struct call *c, const struct operation *operation);

/* The newest operation of that creator and type; false when there is none. */
bool operation_find_creator(struct call *c, slice creator, slice type, struct operation *operation);

/* An operation under way on an instance, or on a namespace. */
bool operation_find_open(struct call *c, slice service, slice instance, struct operation *operation);
bool operation_find_open_namespace(struct call *c, slice namespace, struct operation *operation);

/* The timer. */
int operation_run_due(struct call *c, int64_t *next_due_ms);

int tags_check(struct call *c, slice resource, const struct servicediscovery_tag_list *tags);
void tags_set(struct call *c, slice resource, const struct servicediscovery_tag_list *tags);

/* The same, checked, and TooManyTags when there would be more than 50. */
int tags_add(struct call *c, slice resource, const struct servicediscovery_tag_list *tags);
void tags_delete_all(struct call *c, slice resource);
