data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "types-lambda"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_lambda_function" "this" {
  function_name = "types"
  filename      = "function.zip"
  role          = aws_iam_role.this.arn
  runtime       = "python3.12"
  handler       = "function.handler"
  publish       = true
}

resource "aws_lambda_alias" "this" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name          = aws_lambda_function.this.function_name
  maximum_retry_attempts = 0
}

resource "aws_lambda_function_url" "this" {
  function_name      = aws_lambda_function.this.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_invocation" "this" {
  function_name = aws_lambda_function.this.function_name
  input         = jsonencode({ type = "invocation" })
}

resource "aws_lambda_layer_version" "this" {
  layer_name = "types"
  filename   = "function.zip"
}

resource "aws_lambda_layer_version_permission" "this" {
  layer_name     = aws_lambda_layer_version.this.layer_name
  version_number = aws_lambda_layer_version.this.version
  statement_id   = "everybody"
  action         = "lambda:GetLayerVersion"
  principal      = "*"
}

resource "aws_lambda_permission" "this" {
  statement_id  = "s3"
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "s3.amazonaws.com"
}

resource "aws_lambda_provisioned_concurrency_config" "this" {
  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_function.this.version
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_runtime_management_config" "this" {
  function_name     = aws_lambda_function.this.function_name
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_event_source_mapping" "this" {
  function_name    = aws_lambda_function.this.function_name
  event_source_arn = "arn:aws:sqs:us-east-1:${data.aws_caller_identity.current.account_id}:types"
  enabled          = false
}
resource "aws_cloudwatch_log_group" "this" {
  name              = "types"
  retention_in_days = 7
}

resource "aws_cloudwatch_log_stream" "this" {
  name           = "stream"
  log_group_name = aws_cloudwatch_log_group.this.name
}
