locals {
  queue_arn        = "${local.arn.sqs}:${local.full_name}"
  dead_letters_arn = "${local.arn.sqs}:${local.full_name}-dlq"
  has_dead_letters = local.has_queue || local.has_stream || local.has_schedule
  dead_after       = 10 # receipts: half an hour of delays (shared/queue.py)

  facts    = try(local.queue.facts, [])
  patterns = { for place, pattern in try(local.queue.default_bus, []) : tostring(place + 1) => pattern }
  topic    = try(local.queue.topic, null)

  rule_arns = concat(
    [for _ in range(length(local.facts) > 0 ? 1 : 0) : "${local.arn.events}:rule/${var.bus}/${var.name}"],
    [for place, _ in local.patterns : "${local.arn.events}:rule/${local.full_name}-${place}"],
  )

  # The same rules and topic may fill both queues: the dead letters are what they could not deliver to the first.
  queue_policies = {
    for arn in [local.queue_arn, local.dead_letters_arn] : arn => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [
          {
            Sid       = "TlsOnly"
            Effect    = "Deny"
            Principal = "*"
            Action    = "sqs:*"
            Resource  = arn
            Condition = { Bool = { "aws:SecureTransport" = "false" } }
          },
        ],
        [
          for _ in range(length(local.rule_arns) > 0 ? 1 : 0) : {
            Sid       = "Rules"
            Effect    = "Allow"
            Principal = { Service = "events.amazonaws.com" }
            Action    = "sqs:SendMessage"
            Resource  = arn
            Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns } }
          }
        ],
        [
          for _ in range(local.topic != null ? 1 : 0) : {
            Sid       = "Topic"
            Effect    = "Allow"
            Principal = { Service = "sns.amazonaws.com" }
            Action    = "sqs:SendMessage"
            Resource  = arn
            Condition = { ArnEquals = { "aws:SourceArn" = [var.topics[local.topic]] } }
          }
        ],
      )
    })
  }
}

# Whatever fails for good ends here, whoever failed: the queue, a rule, the topic, the stream, the schedule, the call.
resource "aws_sqs_queue" "dead_letters" {
  count = local.has_dead_letters ? 1 : 0

  name                              = "${local.full_name}-dlq"
  message_retention_seconds         = 1209600 # 14 days, SQS's longest; the queue itself keeps 4
  kms_master_key_id                 = var.keys.app_arn
  kms_data_key_reuse_period_seconds = 3600
  policy                            = local.queue_policies[local.dead_letters_arn]
  redrive_allow_policy = (
    local.has_queue
    ? jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.queue_arn] })
    : jsonencode({ redrivePermission = "denyAll" })
  )
}

resource "aws_sqs_queue" "this" {
  count = local.has_queue ? 1 : 0

  name                              = local.full_name
  visibility_timeout_seconds        = 6 * var.manifest.timeout # Lambda's documentation, 'Using Lambda with Amazon SQS'
  message_retention_seconds         = 345600
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = var.keys.app_arn
  kms_data_key_reuse_period_seconds = 3600
  policy                            = local.queue_policies[local.queue_arn]
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = local.dead_after
  })
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = local.has_queue ? 1 : 0

  event_source_arn        = aws_sqs_queue.this[0].arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = try(local.queue.batch_size, 10)
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
