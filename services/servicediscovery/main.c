/* awssim-servicediscovery: Cloud Map as a process. */
#include "services/servicediscovery/servicediscovery.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &servicediscovery_service);
}
