locals {
  relays = [for name, function in local.functions : name if anytrue([for call in function.calls : contains(call.actions, "events:PutEvents")])]
}

resource "aws_cloudwatch_event_bus" "middlewatch" {
  name               = var.name
  description        = "The facts of the timeline, as the relay found them in its stream."
  kms_key_identifier = aws_kms_key.app.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

# Whoever else may put events in this account: not here, and never in our name.
resource "aws_cloudwatch_event_bus_policy" "middlewatch" {
  event_bus_name = aws_cloudwatch_event_bus.middlewatch.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Relay"
        Effect    = "Allow"
        Principal = { AWS = "${local.iam}:root" }
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.middlewatch.arn
        Condition = {
          ArnEquals    = { "aws:PrincipalArn" = [for name in local.relays : "${local.iam}:role/${var.name}-${name}"] }
          StringEquals = { "events:source" = "middlewatch" }
        }
      },
      {
        Sid       = "NobodyElse"
        Effect    = "Deny"
        Principal = "*"
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.middlewatch.arn
        Condition = {
          ArnNotEquals = { "aws:PrincipalArn" = [for name in local.relays : "${local.iam}:role/${var.name}-${name}"] }
        }
      },
      {
        Sid       = "NothingElse"
        Effect    = "Deny"
        Principal = "*"
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.middlewatch.arn
        Condition = { StringNotEquals = { "events:source" = "middlewatch" } }
      },
    ]
  })
}

# For a replay by hand; what stalls is published again from the timeline.
resource "aws_cloudwatch_event_archive" "middlewatch" {
  name               = var.name
  description        = "Every fact that was published."
  event_source_arn   = aws_cloudwatch_event_bus.middlewatch.arn
  event_pattern      = jsonencode({ source = ["middlewatch"] })
  retention_days     = var.archive_days
  kms_key_identifier = aws_kms_key.app.arn
}

# What the bus itself could not decrypt; what a rule could not deliver is in the dead letters of its function.
resource "aws_sqs_queue" "undelivered" {
  #checkov:skip=CKV2_AWS_73:Its one purpose is the day on which our key does not work.
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  redrive_allow_policy      = jsonencode({ redrivePermission = "denyAll" })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "${local.arn.sqs}:${var.name}-undelivered"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Bus"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "${local.arn.sqs}:${var.name}-undelivered"
        Condition = { ArnEquals = { "aws:SourceArn" = "${local.arn.events}:event-bus/${var.name}" } }
      },
    ]
  })
}
