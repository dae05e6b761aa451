/* known: the services of AWS that exist, for those awssim has no worker for. */
#pragma once

#include "router/route.h"

/* The service of that signing name whose X-Amz-Target prefix is target, if several share the name and one of them has
 * it. NULL: AWS has no such service. */
const struct route_service *known_find(slice signing_name, slice target);

/* The service with that X-Amz-Target prefix, or NULL. */
const struct route_service *known_target(slice target);
