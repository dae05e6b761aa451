#!/bin/bash
# Runs an ECS task with the AWS CLI, waits for its end and prints its log.
# Start awssim and set the environment first: eval "$(awssimctl env)"
set -euo pipefail
cd "$(dirname "$0")"
# An AWS CLI older than 2023 does not read AWS_ENDPOINT_URL by itself.
aws() { command aws --endpoint-url "${AWS_ENDPOINT_URL:?run: eval \"\$(awssimctl env)\"}" --output text "$@"; }

aws ecs create-cluster --cluster-name demo --query cluster.clusterArn
aws logs create-log-group --log-group-name /demo/hello 2>/dev/null || true
aws ecs register-task-definition --cli-input-json file://hello-task.json --query taskDefinition.taskDefinitionArn
subnet=$(aws ec2 describe-subnets --filters Name=default-for-az,Values=true --query 'Subnets[0].SubnetId')
task=$(aws ecs run-task --cluster demo --task-definition hello --launch-type FARGATE \
    --network-configuration "awsvpcConfiguration={subnets=[$subnet]}" --query 'tasks[0].taskArn')
aws ecs wait tasks-stopped --cluster demo --tasks "$task"
aws logs get-log-events --log-group-name /demo/hello --log-stream-name "hello/main/${task##*/}" --start-from-head \
    --query 'events[].[message]'
aws ecs describe-tasks --cluster demo --tasks "$task" --query 'tasks[0].[stopCode, stoppedReason, containers[0].exitCode]'
