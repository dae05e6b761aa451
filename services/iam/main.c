/* awssim-iam: Identity and Access Management as a process. */
#include "services/iam/iam.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &iam_service);
}
