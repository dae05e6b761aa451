/* awssim-lambda: AWS Lambda as a process. */
#include "services/lambda/lambda.h"
#include "services/worker/worker.h"

int main(int argc, char *argv[])
{
    return worker_main(argc, argv, &lambda_process);
}
