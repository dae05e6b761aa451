/* awssim-ecs: the Elastic Container Service as a process. */
#include "services/ecs/ecs.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &ecs_service);
}
