#!/bin/sh
# Runs a task in an image of the simulator's registry, as build_and_push.sh has pushed it, and prints what it wrote to
# its log group and how it ended.
# usage: eval "$(awssimctl env)"; examples/images/run_task.sh [REPOSITORY [TAG]]
# Needs an AWS CLI.
set -eu
aws() { command aws --endpoint-url "${AWS_ENDPOINT_URL:?run: eval \"\$(awssimctl env)\"}" "$@"; }

repository=${1:-demo/hello}
tag=${2:-podman}
family=$(echo "$repository" | tr / -)
uri=$(aws ecr describe-repositories --repository-names "$repository" --query 'repositories[0].repositoryUri' --output text)
subnet=$(aws ec2 describe-subnets --query 'Subnets[0].SubnetId' --output text)

aws ecs create-cluster --cluster-name default --query cluster.status --output text >/dev/null
aws ecs register-task-definition --family "$family" --requires-compatibilities FARGATE --network-mode awsvpc \
    --cpu 256 --memory 512 --query taskDefinition.status --output text --container-definitions "[{
        \"name\": \"main\", \"image\": \"$uri:$tag\",
        \"logConfiguration\": {\"logDriver\": \"awslogs\", \"options\": {\"awslogs-group\": \"/$family\",
            \"awslogs-region\": \"${AWS_REGION:-us-east-1}\", \"awslogs-stream-prefix\": \"task\",
            \"awslogs-create-group\": \"true\"}}}]" >/dev/null

task=$(aws ecs run-task --task-definition "$family" --launch-type FARGATE \
    --network-configuration "awsvpcConfiguration={subnets=[$subnet]}" --query 'tasks[0].taskArn' --output text)
aws ecs wait tasks-stopped --tasks "$task"
aws logs get-log-events --log-group-name "/$family" --log-stream-name "task/main/${task##*/}" --start-from-head \
    --query 'events[].message' --output text
aws ecs describe-tasks --tasks "$task" --query 'tasks[0].containers[0].[exitCode, imageDigest]' --output text
