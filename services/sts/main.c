/* awssim-sts: the Security Token Service as a process. */
#include "services/sts/sts.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &sts_service);
}
