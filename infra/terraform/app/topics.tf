# Alarms that have no way to the default bus: other accounts, and tools that speak SNS.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.app.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.alarms.arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "Services"
          Effect    = "Allow"
          Principal = { Service = "cloudwatch.amazonaws.com" }
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.alarms.arn
          Condition = { StringEquals = { "aws:SourceAccount" = concat([local.place.account], sort(var.alarm_accounts)) } }
        },
      ],
      [
        for _ in range(length(var.alarm_accounts) > 0 ? 1 : 0) : {
          Sid       = "AlarmsElsewhere"
          Effect    = "Allow"
          Principal = { AWS = [for account in sort(var.alarm_accounts) : "arn:${local.place.partition}:iam::${account}:root"] }
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.alarms.arn
        }
      ],
    )
  })
}

# People hear here that Middlewatch itself fails: CloudWatch, SNS and e-mail, and nothing of ours in between.
resource "aws_sns_topic" "operators" {
  #checkov:skip=CKV_AWS_26:It has to reach people when the key itself is what is broken; it carries the names and descriptions of our own alarms.
  name = "${var.name}-operators"
}

resource "aws_sns_topic_policy" "operators" {
  arn = aws_sns_topic.operators.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.operators.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OurAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.operators.arn
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.place.account }
          ArnLike      = { "aws:SourceArn" = "${local.arn.cloudwatch}:alarm:${var.name}-*" }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "operators" {
  for_each = var.operator_emails

  topic_arn = aws_sns_topic.operators.arn
  protocol  = "email"
  endpoint  = each.value
}
