/* awssim-logs: CloudWatch Logs as a process. */
#include "services/logs/logs.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &logs_service);
}
