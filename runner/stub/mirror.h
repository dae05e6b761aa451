/* mirror: a root that shows the host's programs and libraries with their settings, and nothing of what users keep on
 * the machine. What is shown is a list: whatever else lies in the host's root is not there. */
#pragma once

#include "runner/stub/plan.h"

/* What of the host's root is shown. */
#define MIRROR_SHOWN                                                                                                   \
    {                                                                                                                  \
        "bin", "etc", "gnu", "lib", "lib32", "lib64", "libx32", "nix", "sbin", "usr"                                   \
    }

/* Puts the root together and makes it the working directory. For code of strangers (plan->sandbox) it is in memory and
 * shows the host's folders themselves, read-only. For others it is laid over the template's, and each of these folders
 * is laid under one that takes what is written; of /etc only what everybody may read is there. 0, or -1. */
int mirror_make(const struct plan *plan);

/* In the root that has been entered: what is shown cannot be written to any longer. 0, or -1. */
int mirror_seal(void);
