locals {
  rules = merge(
    {
      for _ in range(length(local.facts) > 0 ? 1 : 0) : "facts" => {
        name = var.name
        bus  = var.bus
        pattern = merge(
          { source = ["middlewatch"], detail-type = local.facts },
          { for _ in range(try(length(local.queue.matching), 0) > 0 ? 1 : 0) : "detail" => local.queue.matching },
        )
      }
    },
    {
      for place, pattern in local.patterns : "default-${place}" => {
        name    = "${local.full_name}-${place}"
        bus     = "default"
        pattern = merge(pattern, [for source in pattern.source : jsondecode(lookup(var.event_filters, source, "{}"))]...)
      }
    },
  )
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name           = each.value.name
  description    = "What ${local.full_name} has to hear of."
  event_bus_name = each.value.bus
  event_pattern  = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = each.value.bus
  target_id      = "queue"
  arn            = aws_sqs_queue.this[0].arn

  retry_policy {
    maximum_event_age_in_seconds = 86400 # EventBridge's longest, as is the number of attempts
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

resource "aws_sns_topic_subscription" "queue" {
  count = local.topic != null ? 1 : 0

  topic_arn      = var.topics[local.topic]
  protocol       = "sqs"
  endpoint       = aws_sqs_queue.this[0].arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn })
}
