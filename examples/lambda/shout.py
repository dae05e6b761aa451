"""Called for every upload: writes the object in capitals under shouted/ of the same bucket."""

import urllib.parse

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        target = f"shouted/{key.removeprefix('incoming/')}"
        s3.put_object(Bucket=bucket, Key=target, Body=body.upper())
        print(f"{record['eventName']}: {key} -> {target}")
