#!/bin/sh
# A zip function from its code to its logs, with the AWS CLI. Needs `awssimctl start` and `eval "$(awssimctl env)"`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
here=$(dirname "$0")
# An AWS CLI older than 2023 does not read AWS_ENDPOINT_URL by itself.
aws() { command aws --endpoint-url "${AWS_ENDPOINT_URL:?run: eval \"\$(awssimctl env)\"}" "$@"; }

# The role trusts Lambda; it needs no permissions here.
aws iam create-role --role-name hello-lambda --assume-role-policy-document \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}' \
    >/dev/null 2>&1 || true

python3 -m zipfile -c "$folder/code.zip" "$here/app.py"
aws lambda delete-function --function-name hello >/dev/null 2>&1 || true
aws lambda create-function --function-name hello --runtime python3.11 --handler app.handler \
    --role arn:aws:iam::123456789012:role/hello-lambda --zip-file "fileb://$folder/code.zip" >/dev/null
aws lambda wait function-active-v2 --function-name hello

printf '{"name": "world"}' >"$folder/event.json"
aws lambda invoke --function-name hello --payload "fileb://$folder/event.json" "$folder/answer.json" >/dev/null
cat "$folder/answer.json"
echo

# The log is complete a moment behind the answer.
until aws logs filter-log-events --log-group-name /aws/lambda/hello --query 'events[].message' --output text 2>/dev/null |
    grep -q REPORT; do :; done
aws logs filter-log-events --log-group-name /aws/lambda/hello --query 'events[].[message]' --output text
