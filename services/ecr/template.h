/* template: repositories that the registry makes itself. */
#pragma once

#include "services/ecr/ecr.h"

/* Makes a repository of that name by the template for it; reason is PULL_THROUGH_CACHE, for which there need be no
 * template, or CREATE_ON_PUSH. NOT_FOUND when nothing allows it. */
int template_make(struct call *c, slice account, slice name, slice reason, struct repository *repository);
