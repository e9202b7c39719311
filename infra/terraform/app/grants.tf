# What a function.yaml may ask for, and where: the word after `on`, the action, the resources. What is not here is refused.
locals {
  timeline_arn = data.aws_dynamodb_table.timeline.arn
  state_arn    = data.aws_dynamodb_table.state.arn
  audit_bucket = "${var.name}-audit-${local.place.account}-${local.place.region}" # by its name, as the stack `records` makes it
  audit_arn    = "arn:${local.place.partition}:s3:::${local.audit_bucket}"

  read_regions = setunion([local.place.region], var.regions)
  clusters     = sort(var.clusters)
  ecs_arns = {
    for kind in ["cluster", "service", "service-revision", "task"] : kind => [
      for pair in setproduct(sort(local.read_regions), local.clusters) :
      "arn:${local.place.partition}:ecs:${pair[0]}:${local.place.account}:${kind}/${pair[1]}${kind == "cluster" ? "" : "/*"}"
    ]
  }
  log_group_arns = [
    for pair in setproduct(
      sort(local.read_regions),
      sort(setunion(var.log_groups, flatten([for service in local.config.services : try(service.log_groups, [])]))),
    ) : "arn:${local.place.partition}:logs:${pair[0]}:${local.place.account}:log-group:${pair[1]}:*"
  ]

  grants = merge(
    {
      timeline = {
        for action in ["dynamodb:PutItem", "dynamodb:Query"] : action => { resources = [local.timeline_arn] }
      }
      state = merge(
        {
          for action in ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"] :
          action => { resources = [local.state_arn] }
        },
        { "dynamodb:Query" = { resources = ["${local.state_arn}/index/by_due", "${local.state_arn}/index/by_list"] } },
      )
      # Of the state, the kill switch alone. A transaction is allowed by its parts, each with its own key.
      switch = {
        "dynamodb:PutItem" = {
          resources = [local.state_arn]
          condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["switch#kill"] } }
        }
      }
      bus = {
        "events:PutEvents" = {
          resources = ["${local.arn.events}:event-bus/${var.name}"]
          condition = { StringEquals = { "events:source" = ["middlewatch"] } }
        }
      }
      audit = merge(
        { for action in ["s3:GetObject", "s3:GetObjectRetention", "s3:PutObject"] : action => { resources = ["${local.audit_arn}/anchors/*"] } },
        # Under a condition on the prefix, S3 would answer a read of what is not there with 403.
        { "s3:ListBucket" = { resources = [local.audit_arn] } },
      )
      services = merge(
        {
          for action in ["ecs:DescribeServices", "ecs:ListServiceDeployments"] :
          action => { resources = local.ecs_arns["service"] }
        },
        {
          "ecs:DescribeServiceRevisions" = { resources = local.ecs_arns["service-revision"] }
          "ecs:UpdateService" = {
            resources = [for cluster in local.clusters : "${local.arn.ecs}:service/${cluster}/*"]
            condition = {
              ArnEquals    = { "ecs:cluster" = [for cluster in local.clusters : "${local.arn.ecs}:cluster/${cluster}"] }
              StringEquals = { "aws:ResourceTag/${var.opt_in_tag.key}" = [var.opt_in_tag.value] }
            }
          }
        },
      )
      tasks = {
        "ecs:DescribeTasks" = { resources = local.ecs_arns["task"] }
        # It knows no resource but a container instance, and Fargate has none: the condition bounds it.
        "ecs:ListTasks" = {
          resources = length(local.clusters) > 0 ? ["*"] : []
          condition = { ArnEquals = { "ecs:cluster" = local.ecs_arns["cluster"] } }
        }
      }
      alarms = {
        # Where it is allowed on less than everything, composite alarms are left out (CloudWatch API, DescribeAlarms).
        "cloudwatch:DescribeAlarms" = { resources = ["*"] }
        "sns:ConfirmSubscription"   = { resources = sort(try(local.config.allowed_topics, [])) }
      }
      canary     = { "cloudwatch:SetAlarmState" = { resources = ["${local.arn.cloudwatch}:alarm:${local.canary_alarm}"] } }
      log_groups = { "logs:FilterLogEvents" = { resources = local.log_group_arns } }
      email = {
        "ses:SendEmail" = {
          resources = local.mail_arns
          condition = { StringEquals = { "ses:FromAddress" = [var.ses_sender] } }
        }
      }
      # These know no resource: whoever may call them may call them for everything.
      anything = { for action in ["cloudwatch:GetMetricData", "ecs:DescribeTaskDefinition"] : action => { resources = ["*"] } }
    },
    # By the key's alias, so that the plan shows the permission before the key exists; the key's own policy names the roles too.
    {
      for seal in local.seals : seal => {
        for action in ["kms:GenerateMac", "kms:VerifyMac"] : action => {
          resources = ["arn:${local.place.partition}:kms:${local.place.region}:${local.place.account}:key/*"]
          condition = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = ["alias/${var.name}-${seal}"] } }
        }
      }
    },
    # A queue that others send to goes by its function's name.
    {
      for name, function in local.functions :
      name => { "sqs:SendMessage" = { resources = ["${local.arn.sqs}:${var.name}-${name}"] } }
      if try(function.trigger.queue.direct, false)
    },
  )
}

check "clusters" {
  assert {
    condition = length(setsubtract(
      [for service in local.config.services : split("/", trimprefix(service.target, "ecs:"))[0] if startswith(service.target, "ecs:")],
      var.clusters,
    )) == 0
    error_message = "config/services.yaml names services in clusters that are not in `clusters`: they can be neither read nor acted on until you list them."
  }
}
