/* awssim-ecr: the container registry as a process. */
#include "services/ecr/ecr.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &ecr_service);
}
