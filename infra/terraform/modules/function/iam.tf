locals {
  # Every action that the manifest asks for, with what may be granted for it: null where nothing may.
  asked = flatten([
    for call in var.manifest.calls : [
      for action in call.actions : {
        on     = call.on
        action = action
        grant  = try(var.grants[call.on][action], null)
      }
    ]
  ])
  refused = distinct([for ask in local.asked : "${ask.action} on ${ask.on}" if ask.grant == null])
  forbidden = distinct([
    for ask in local.asked : "${ask.action} on ${ask.on}"
    if strcontains(ask.action, "*")
    || (ask.on == "timeline" && !contains(["dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem"], ask.action))
    || (startswith(ask.action, "ecs:") && !can(regex("^ecs:(Describe|List)", ask.action)) && var.name != "${split(":", ask.action)[0]}_action")
  ])

  # One statement for all actions on the same resources under the same condition.
  grouped = {
    for ask in local.asked : jsonencode(ask.grant) => ask...
    if try(length(ask.grant.resources) > 0, false)
  }
  declared_statements = [
    for place, group in values(local.grouped) : merge(
      {
        Sid      = "Declared${place}"
        Effect   = "Allow"
        Action   = sort(distinct(group[*].action))
        Resource = group[0].grant.resources
      },
      { for _ in range(length(group[0].grant.condition) > 0 ? 1 : 0) : "Condition" => group[0].grant.condition },
    )
  ]

  # What the platform needs beside what the manifest declares.
  sends   = local.has_stream || local.has_schedule || anytrue([for ask in local.asked : ask.action == "sqs:SendMessage"])
  reads   = anytrue([for ask in local.asked : contains(["timeline", "state"], ask.on)]) || local.has_stream
  keeps   = anytrue([for ask in local.asked : ask.on == "audit"])
  secrets = try(var.manifest.secrets, [])
  via = {
    for service in ["dynamodb", "lambda", "s3", "secretsmanager", "sqs"] :
    service => "${service}.${var.place.region}.${var.place.dns_suffix}"
  }
  platform_statements = concat(
    [
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.arn.logs}:log-group:/aws/lambda/${local.full_name}:*"]
      },
      {
        Sid      = "Traces" # X-Ray knows no resource
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      },
      {
        Sid      = "AppKey" # by its alias, so that the plan shows the whole policy before the key exists
        Effect   = "Allow"
        Action   = concat(["kms:Decrypt"], local.sends ? ["kms:GenerateDataKey"] : [])
        Resource = ["arn:${var.place.partition}:kms:${var.place.region}:${var.place.account}:key/*"]
        Condition = {
          "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.keys.app_alias] }
          StringEquals = {
            "kms:ViaService" = concat(
              [local.via.lambda],
              length(local.secrets) > 0 ? [local.via.secretsmanager] : [],
              local.has_queue || local.sends ? [local.via.sqs] : [],
            )
          }
        }
      },
    ],
    [
      for _ in range(local.reads || local.keeps ? 1 : 0) : {
        Sid       = "RecordsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = [var.keys.records_arn]
        Condition = { StringEquals = { "kms:ViaService" = concat(local.reads ? [local.via.dynamodb] : [], local.keeps ? [local.via.s3] : []) } }
      }
    ],
    [
      for _ in range(local.has_queue ? 1 : 0) : {
        Sid      = "Queue"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = [local.queue_arn]
      }
    ],
    [
      for _ in range(local.has_stream ? 1 : 0) : {
        Sid      = "Stream"
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
        Resource = [var.streams[local.stream]]
      }
    ],
    [
      for _ in range(local.has_stream ? 1 : 0) : {
        Sid      = "Streams" # listing them knows no resource
        Effect   = "Allow"
        Action   = ["dynamodb:ListStreams"]
        Resource = ["*"]
      }
    ],
    [
      for _ in range(local.has_stream || local.has_schedule ? 1 : 0) : {
        Sid      = "DeadLetters"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [local.dead_letters_arn]
      }
    ],
    [
      for _ in range(length(local.secrets) > 0 ? 1 : 0) : {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = sort(distinct([for secret in local.secrets : var.secrets[secret]]))
      }
    ],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.declared_statements, local.platform_statements) })
}

resource "aws_iam_role" "this" {
  name                 = local.full_name
  description          = "What ${local.full_name} may do: its function.yaml, and what Lambda itself needs."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = local.full_name
  role   = aws_iam_role.this.id
  policy = local.policy

  lifecycle {
    precondition {
      condition     = length(local.forbidden) == 0
      error_message = "functions/${var.name}/function.yaml asks for what no function may have: ${join(", ", local.forbidden)}. The timeline is only ever read and appended to, what changes ECS is in the function of that backend alone, and an action is named whole."
    }
    precondition {
      condition     = length(local.refused) == 0
      error_message = "functions/${var.name}/function.yaml asks for what is not granted: ${join(", ", local.refused)}. Say in infra/terraform/app/grants.tf on which resources it may be, or ask for less."
    }
  }
}
