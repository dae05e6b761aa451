#!/usr/bin/env python3
"""Runs an ECS task with boto3 and prints its log while it runs.

Start awssim and set the environment first: eval "$(awssimctl env)"
"""

import json
import os
import pathlib
import sys
import time

try:
    import boto3
except ImportError:
    sys.exit(f"boto3 is missing for {sys.executable}: sudo apt install python3-boto3, or pip install boto3 in a virtual environment")

GROUP = "/demo/hello"
# boto3 older than 1.28 does not read AWS_ENDPOINT_URL by itself.
ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")


def client(service):
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=os.environ.get("AWS_REGION", "us-east-1"),
                        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
                        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"))


def default_subnet(ec2):
    answer = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    return answer["Subnets"][0]["SubnetId"]


def start(ecs):
    """Registers the example's task definition and runs it: the task's ARN."""
    definition = json.loads(pathlib.Path(__file__).with_name("hello-task.json").read_text(encoding="utf-8"))
    ecs.create_cluster(clusterName="demo")
    ecs.register_task_definition(**definition)
    answer = ecs.run_task(cluster="demo", taskDefinition=definition["family"], launchType="FARGATE",
                          networkConfiguration={"awsvpcConfiguration": {"subnets": [default_subnet(client("ec2"))]}})
    return answer["tasks"][0]["taskArn"]


def follow(ecs, logs, task):
    """Prints the log until the task has stopped, and returns the stopped task."""
    stream = f"hello/main/{task.rsplit('/', 1)[1]}"
    ecs.get_waiter("tasks_running").wait(cluster="demo", tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    token = {}
    while True:
        [now] = ecs.describe_tasks(cluster="demo", tasks=[task])["tasks"]
        answer = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
        for event in answer["events"]:
            print(f"[{now['lastStatus']}] {event['message']}", flush=True)
        token = {"nextToken": answer["nextForwardToken"]}
        if now["lastStatus"] == "STOPPED":
            return now
        time.sleep(0.5)


def main():
    ecs, logs = client("ecs"), client("logs")
    try:
        logs.create_log_group(logGroupName=GROUP)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    stopped = follow(ecs, logs, start(ecs))
    print(stopped["stopCode"], "-", stopped["stoppedReason"])
    for container in stopped["containers"]:
        print(container["name"], "exit code", container.get("exitCode"))


main()
