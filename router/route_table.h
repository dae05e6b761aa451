/* route_table: the services that have a worker, from the generated tables. */
#pragma once

#include "router/route.h"

/* By signing name, by X-Amz-Target prefix, by form Version and Action (an empty Version: by the Action alone). NULL:
 * none. */
const struct route_service *route_table_signing(slice signing_name);
const struct route_service *route_table_target(slice prefix);
const struct route_service *route_table_version(slice version, slice action);

/* Whether the operation only reads; false for an unknown one. */
bool route_table_readonly(const struct route_service *service, slice operation);
