locals {
  key_alias = "alias/${var.name}"
}

# One key for all that passes through: queues, topics, the bus and its archive, logs, schedules, environments, secrets.
resource "aws_kms_key" "app" {
  description             = "${var.name}: messages, logs and secrets"
  enable_key_rotation     = true
  deletion_window_in_days = var.key_deletion_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "Account"
          Effect    = "Allow"
          Principal = { AWS = "${local.iam}:root" }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          Sid       = "Logs"
          Effect    = "Allow"
          Principal = { Service = "logs.${local.place.region}.${local.place.dns_suffix}" }
          Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = {
            ArnLike = {
              "kms:EncryptionContext:aws:logs:arn" = [
                "${local.arn.logs}:log-group:/aws/lambda/${var.name}-*",
                "${local.arn.logs}:log-group:/aws/apigateway/${var.name}",
              ]
            }
          }
        },
        {
          Sid       = "Bus"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = {
            StringEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = "${local.arn.events}:event-bus/${var.name}" }
          }
        },
        {
          # EventBridge's way into an encrypted queue passes on neither aws:SourceAccount nor aws:SourceArn (SNS developer
          # guide, 'Managing Amazon SNS encryption keys'); what it may fill is said by the policy of each queue.
          Sid       = "Deliveries"
          Effect    = "Allow"
          Principal = { Service = ["events.amazonaws.com", "sns.amazonaws.com"] }
          Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
          Resource  = "*"
        },
        {
          Sid       = "Alarms"
          Effect    = "Allow"
          Principal = { Service = "cloudwatch.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = { StringEquals = { "aws:SourceAccount" = concat([local.place.account], sort(var.alarm_accounts)) } }
        },
      ],
      [
        for _ in range(length(var.alarm_accounts) > 0 ? 1 : 0) : {
          Sid       = "AlarmsElsewhere"
          Effect    = "Allow"
          Principal = { AWS = [for account in sort(var.alarm_accounts) : "arn:${local.place.partition}:iam::${account}:root"] }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = { StringEquals = { "kms:ViaService" = "sns.${local.place.region}.${local.place.dns_suffix}" } }
        }
      ],
    )
  })
}

resource "aws_kms_alias" "app" {
  name          = local.key_alias
  target_key_id = aws_kms_key.app.key_id
}
