/* awssim-efs: Elastic File System as a process. */
#include "services/efs/efs.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &efs_service);
}
