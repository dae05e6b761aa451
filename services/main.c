/* The program of every worker. It is one file, so that what the workers share stands in memory once; a link to it for
 * each service, awssim-NAME, says which one a process serves. */
#include "services.h"

#include "common/slice.h"
#include "services/worker/worker.h"

#include <stdio.h>

#define X(name) extern const struct service name##_process;
SERVICES
#undef X

static const struct service *const services[] = {
#define X(name) &name##_process,
    SERVICES
#undef X
        NULL,
};

static const struct worker_program workers = {.services = services, .credentials = S("iam")};

enum { EXIT_GIVE_UP = 100 };

int main(int argc, char *argv[])
{
    slice program = slice_of(argc > 0 ? argv[0] : "");
    for (const struct service *const *service = services; *service; service++) {
        slice name = (*service)->api->name;
        if (slice_ends(program, name) && slice_ends(slice_sub(program, 0, program.len - name.len), S("awssim-")))
            return worker_main(argc, argv, &workers, *service);
    }
    fprintf(stderr, "%s: start it under the name of a service, as awssim-ecs\n", argc > 0 ? argv[0] : "awssim-worker");
    return EXIT_GIVE_UP;
}
