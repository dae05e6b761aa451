/* awssim-s3: Amazon S3 as a process. */
#include "services/s3/s3.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &s3_service);
}
