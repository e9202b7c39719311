locals {
  full_name = "${var.prefix}-${var.name}"
  arn       = { for service in ["events", "logs", "sqs"] : service => "arn:${var.place.partition}:${service}:${var.place.region}:${var.place.account}" }

  queue    = try(var.manifest.trigger.queue, null)
  routes   = toset(try(var.manifest.trigger.http, []))
  stream   = try(var.manifest.trigger.stream, null)
  schedule = try(var.manifest.trigger.schedule, null)

  has_queue    = local.queue != null
  has_stream   = local.stream != null
  has_schedule = local.schedule != null
  has_http     = length(local.routes) > 0
}

# Made before the function: a log group that Lambda makes by itself keeps everything for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.full_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.keys.app_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:Reserved concurrency is taken from the account's whole, which is 10 where the account is new; queues bound theirs by maximum_concurrency, the API by throttling.
  #checkov:skip=CKV_AWS_116:dead_letter_config serves asynchronous calls alone. Queue, stream and schedule each have their dead letters where they fail.
  #checkov:skip=CKV_AWS_117:It speaks to AWS's public endpoints, Slack and Jira, and to nothing in a VPC; there it would need a NAT gateway, dearer than all the rest.
  #checkov:skip=CKV_AWS_272:The zip is built reproducibly from the reviewed commit and sent by the same identity that may sign; a signing profile adds no second one.
  function_name    = local.full_name
  description      = substr(var.manifest.summary, 0, 256)
  role             = aws_iam_role.this.arn
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = "functions.${var.name}.handler.handler"
  filename         = var.package
  source_code_hash = fileexists(var.package) ? filebase64sha256(var.package) : null
  timeout          = var.manifest.timeout
  memory_size      = var.manifest.memory
  publish          = true
  kms_key_arn      = var.keys.app_arn

  environment {
    variables = merge(var.environment, local.has_queue ? { QUEUE_URL = aws_sqs_queue.this[0].url } : {})
  }

  logging_config {
    log_format = "Text" # the functions write JSON themselves, and metrics in CloudWatch's embedded format
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "snap_start" {
    for_each = var.snap_start ? ["PublishedVersions"] : []

    content {
      apply_on = snap_start.value
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.package)
      error_message = "There is no package ${var.package}: run `make build` first."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What is invoked; to go back, point it at the version before."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
