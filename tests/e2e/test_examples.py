#!/usr/bin/env python3
"""The examples about functions, each run as a user would: one script against a running awssim. And what S3 and functions
do with each other beyond them."""

import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Skipped, Suite, wait_until  # noqa: E402
from functions import archive, create, make_role, messages, refused, reported  # noqa: E402

suite = Suite()


def example(sim, *command):
    """What the script prints."""
    done = subprocess.run([*command[:-1], str(ROOT / "examples" / command[-1])], capture_output=True, text=True, timeout=100,
                          cwd=sim.dir, env={"PATH": os.environ["PATH"], "HOME": sim.dir, "LANG": "C.UTF-8", "AWS_PAGER": "", **sim.env()})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@suite.test
def zip_invoke_logs(sim):
    if not shutil.which("aws"):
        raise Skipped("there is no AWS CLI on this machine")
    for _ in range(2):  # it can be run again
        told = example(sim, "sh", "lambda/run.sh")
        assert told[0].startswith('{"greeting": "hello, world"'), told
        assert any("greeting world" in line for line in told) and told[-1].startswith("REPORT"), told


@suite.test
def upload_function_object(sim):
    for _ in range(2):
        told = example(sim, sys.executable, "lambda/upload.py")
        assert told[0] == "HELLO, WORLD" and "ObjectCreated:Put: incoming/hello.txt -> shouted/hello.txt" in told, told


@suite.test
def notifications_need_permission(sim):
    s3 = sim.client("s3")
    functions = create(sim, "told", archive(app__py="def handler(e, c):\n    for r in e['Records']: print(r['eventName'], r['s3']['object']['key'])"))
    arn = functions.get_function(FunctionName="told")["Configuration"]["FunctionArn"]
    s3.create_bucket(Bucket="telling")
    wanted = {"Bucket": "telling", "NotificationConfiguration": {"LambdaFunctionConfigurations": [
        {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]}}
    refused(s3.put_bucket_notification_configuration, "InvalidArgument", 400, **wanted)
    functions.add_permission(FunctionName="told", StatementId="other", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                             SourceArn="arn:aws:s3:::another")
    refused(s3.put_bucket_notification_configuration, "InvalidArgument", 400, **wanted)
    functions.add_permission(FunctionName="told", StatementId="this", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                             SourceArn="arn:aws:s3:::telling", SourceAccount="123456789012")
    s3.put_bucket_notification_configuration(**wanted)
    s3.put_object(Bucket="telling", Key="a b", Body=b"1")
    s3.copy_object(Bucket="telling", Key="copy", CopySource="telling/a b")
    s3.delete_object(Bucket="telling", Key="a b")
    reported(sim, "told", 3)
    said = [line for line in messages(sim, "told") if line.startswith("Object")]
    assert sorted(said) == ["ObjectCreated:Copy copy", "ObjectCreated:Put a+b", "ObjectRemoved:Delete a+b"], said
    functions.remove_permission(FunctionName="told", StatementId="this")
    s3.put_object(Bucket="telling", Key="unheard", Body=b"")
    wait_until(lambda: "lambda refused S3Notification (403)" in pathlib.Path(sim.state_dir, "log", "s3.log").read_text())


if __name__ == "__main__":
    with Awssim() as simulator:
        make_role(simulator)
        sys.exit(suite.main(simulator))
