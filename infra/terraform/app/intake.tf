# What of the account's default bus concerns us.
locals {
  watched_alarms = concat(
    [for prefix in sort(var.alarm_name_prefixes) : { prefix = prefix }],
    [for _ in range(length(var.alarm_name_prefixes) == 0 ? 1 : 0) : { anything-but = { prefix = "${var.name}-" } }],
  )

  event_filters = merge(
    # Alarms by name alone: the event carries no tags. Our own tell people by another way, but for the one that tests.
    { "aws.cloudwatch" = jsonencode({ detail = { alarmName = concat(local.watched_alarms, [local.canary_alarm]) } }) },
    # Deployments, tasks and services of the clusters that we watch: each of the three kinds names one of these. Without
    # clusters none: no cluster is called "".
    {
      "aws.ecs" = jsonencode({
        resources = flatten([
          for cluster in(length(var.clusters) > 0 ? sort(var.clusters) : [""]) : [
            for kind in ["service", "task"] : { prefix = "${local.arn.ecs}:${kind}/${cluster}/" }
          ]
        ])
      })
    },
  )
}
