#!/usr/bin/env python3
"""An upload to S3 calls a function, which writes another object: prints that object and the function's log.

Start awssim and set the environment first: eval "$(awssimctl env)"
"""

import io
import json
import os
import pathlib
import sys
import time
import zipfile

try:
    import boto3
except ImportError:
    sys.exit(f"boto3 is missing for {sys.executable}: sudo apt install python3-boto3, or pip install boto3 in a virtual environment")

BUCKET, FUNCTION, ROLE = "shouting", "shout", "shout-lambda"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                                                 "Action": "sts:AssumeRole"}]}
# boto3 older than 1.28 does not read AWS_ENDPOINT_URL by itself.
ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")


def client(service):
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=os.environ.get("AWS_REGION", "us-east-1"),
                        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
                        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"))


def make_role(iam):
    try:
        return iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        return iam.get_role(RoleName=ROLE)["Role"]["Arn"]


def make_function(functions, role):
    """The function's ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.write(pathlib.Path(__file__).with_name("shout.py"), "shout.py")
    try:
        functions.delete_function(FunctionName=FUNCTION)
    except functions.exceptions.ResourceNotFoundException:
        pass
    made = functions.create_function(FunctionName=FUNCTION, Runtime="python3.11", Role=role, Handler="shout.handler",
                                     Timeout=30, MemorySize=256, Code={"ZipFile": package.getvalue()})
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION, WaiterConfig={"Delay": 1})
    return made["FunctionArn"]


def make_bucket(s3, functions, function):
    """Uploads below incoming/ call the function, which its policy must allow."""
    functions.add_permission(FunctionName=FUNCTION, StatementId="uploads", Action="lambda:InvokeFunction",
                             Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{BUCKET}")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [{
        "LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}}}]})


def read_log(logs):
    """The function's messages, once the invocation's REPORT is among them."""
    while True:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{FUNCTION}")["events"]
            if any(event["message"].startswith("REPORT") for event in events):
                return [event["message"] for event in events]
        except logs.exceptions.ResourceNotFoundException:
            pass
        time.sleep(0.1)


def main():
    s3, functions = client("s3"), client("lambda")
    make_bucket(s3, functions, make_function(functions, make_role(client("iam"))))
    s3.delete_object(Bucket=BUCKET, Key="shouted/hello.txt")
    s3.put_object(Bucket=BUCKET, Key="incoming/hello.txt", Body=b"hello, world")
    log = read_log(client("logs"))
    if any("No module named 'boto3'" in message for message in log):
        sys.exit("The function's Python has no boto3: sudo apt install python3-boto3 gives it one.\n" + "\n".join(log))
    s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key="shouted/hello.txt", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    print(s3.get_object(Bucket=BUCKET, Key="shouted/hello.txt")["Body"].read().decode())
    print("\n".join(log))


main()
