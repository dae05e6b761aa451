/* route_table: see route_table.h. The generated tables of proto/routes.h as struct route_service, made on first use. */
#include <stdlib.h>

#include "common/limits.h"
#include "proto/api.h"
#include "proto/routes.h"
#include "router/route_table.h"

static struct route_service *services;

static const struct route_service *service_at(size_t number)
{
    if (services)
        return &services[number];
    services = calloc(routes_n_services, sizeof(*services));
    if (!services)
        abort();
    for (size_t i = 0; i < routes_n_services; i++) {
        const struct routes_service *from = &routes_services[i];
        services[i] = (struct route_service){
            .name = from->name,
            .title = from->title,
            .xmlns = from->xmlns,
            .json_version = from->json_version,
            .protocol = from->protocol,
            .has_worker = true,
            .deadline_ms = from->patience_ms > 0 ? from->patience_ms : LIMIT_CALL_DEADLINE_MS,
            .is_s3 = slice_eq(from->name, S("s3")),
            .number = (uint16_t)i,
        };
    }
    return &services[number];
}

size_t route_count(void)
{
    return routes_n_services;
}

const struct route_service *route_at(size_t number)
{
    return service_at(number);
}

const struct route_service *route_named(slice name)
{
    for (size_t i = 0; i < routes_n_services; i++) {
        if (slice_eq(routes_services[i].name, name))
            return service_at(i);
    }
    return NULL;
}

const struct route_service *route_table_signing(slice signing_name)
{
    for (size_t i = 0; i < routes_n_services; i++) {
        if (slice_eq(routes_services[i].signing_name, signing_name))
            return service_at(i);
    }
    return NULL;
}

const struct route_service *route_table_target(slice prefix)
{
    for (size_t i = 0; i < routes_n_services && prefix.len > 0; i++) {
        if (slice_eq(routes_services[i].target_prefix, prefix) || slice_eq(routes_services[i].target_alias, prefix))
            return service_at(i);
    }
    return NULL;
}

static const struct routes_operation *operation_of(const struct routes_service *service, slice name)
{
    size_t low = 0, high = service->n_operations;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_cmp(service->operations[middle].name, name);
        if (order == 0)
            return &service->operations[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct route_service *route_table_version(slice version, slice action)
{
    for (size_t i = 0; i < routes_n_services; i++) {
        const struct routes_service *service = &routes_services[i];
        bool speaks_forms = service->protocol == API_QUERY || service->protocol == API_EC2QUERY;
        if (speaks_forms &&
            (version.len > 0 ? slice_eq(service->api_version, version) : operation_of(service, action) != NULL))
            return service_at(i);
    }
    return NULL;
}

bool route_table_readonly(const struct route_service *service, slice operation)
{
    if (!service->has_worker)
        return false;
    const struct routes_operation *found = operation_of(&routes_services[service->number], operation);
    return found && found->readonly;
}
