/* awssim-ec2: the EC2 service as a process. */
#include "services/ec2/ec2.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &ec2_service);
}
