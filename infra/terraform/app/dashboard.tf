# For somebody who was just woken: first whether Middlewatch itself is well, then what it is doing, then where it hangs.
# At most 50 metrics: up to there the first three dashboards of an account are free.
locals {
  widgets = [
    {
      type   = "text"
      height = 4
      properties = {
        markdown = join("\n", [
          "# Is Middlewatch well?",
          "**All green below:** it is; the incident is on Slack, or `middlewatch incidents list`. **Something red:** open it, its description says what to do; then `middlewatch doctor`.",
          "Until it is green again, trust the alarms' own pages and look at the services yourself: **alarms reach people by their other routes too.**",
          "To stop everything that it might do: `middlewatch stop`. To see what it could not read: `middlewatch quarantine list`.",
        ])
      }
    },
    {
      type       = "alarm"
      height     = 5
      properties = { title = "What is wrong", alarms = [for key in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[key].arn] }
    },
    {
      type   = "metric"
      width  = 12
      height = 6
      properties = {
        title   = "Incidents, in 5 minutes"
        period  = 300
        stat    = "Sum"
        metrics = [for name in ["IncidentsInvestigated", "Escalations", "ActionsCompleted", "RecoveriesVerified", "RecoveriesFailed", "IncidentsStalled"] : [var.name, name]]
      }
    },
    {
      type   = "metric"
      x      = 12
      width  = 12
      height = 6
      properties = {
        title   = "How long until a person answered, and until it was well (s, 90 %)"
        period  = 3600
        stat    = "p90"
        metrics = [[var.name, "TimeToAcknowledge"], [var.name, "TimeToRecover"]]
      }
    },
    {
      type   = "metric"
      width  = 12
      height = 7
      properties = {
        title       = "Where it hangs: the oldest message of each queue (s)"
        period      = 60
        stat        = "Maximum"
        metrics     = [for name, function in local.by_trigger.queue : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", function.queue_name, { label = name }]]
        annotations = { horizontal = [{ label = "people are told", value = 300 }] }
      }
    },
    {
      type   = "metric"
      x      = 12
      width  = 12
      height = 7
      properties = {
        title   = "Which function crashes"
        period  = 60
        stat    = "Sum"
        metrics = [for name, _ in local.functions : ["AWS/Lambda", "Errors", "FunctionName", module.function[name].function_name, { label = name }]]
      }
    },
    {
      type   = "metric"
      width  = 8
      height = 6
      properties = {
        title       = "How late the bus hears of the timelines (ms)"
        period      = 60
        stat        = "Maximum"
        metrics     = [for name, function in local.by_trigger.stream : ["AWS/Lambda", "IteratorAge", "FunctionName", function.function_name, { label = name }]]
        annotations = { horizontal = [{ label = "people are told", value = 60000 }] }
      }
    },
    {
      type   = "metric"
      x      = 8
      width  = 8
      height = 6
      properties = {
        title   = "What callers of the API got"
        period  = 60
        stat    = "Sum"
        metrics = [for name in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", name, "ApiId", aws_apigatewayv2_api.this.id]]
      }
    },
    {
      type   = "metric"
      x      = 16
      width  = 8
      height = 6
      properties = {
        title   = "Lambda in this account and region: at once, and throttled"
        period  = 60
        stat    = "Maximum"
        metrics = [["AWS/Lambda", "ConcurrentExecutions"], ["AWS/Lambda", "Throttles", { stat = "Sum" }]]
      }
    },
    {
      type   = "log"
      height = 9
      properties = {
        title = "What the functions complain of"
        view  = "table"
        query = join(" | ", concat(
          [for name, _ in local.functions : "SOURCE '${module.function[name].log_group_name}'"],
          [
            "fields @timestamp, service, level, message, why, incident_id",
            "filter level in ['WARNING', 'ERROR', 'CRITICAL'] or @message like /Task timed out|Runtime[.]|errorMessage/",
            "sort @timestamp desc",
            "limit 50",
          ],
        ))
      }
    },
  ]
  # One below the other; those that share a row stand at the same height, because each row begins at x = 0.
  rows = [for place, widget in local.widgets : sum(concat([0], [
    for other in slice(local.widgets, 0, place + 1) : try(other.x, 0) == 0 ? other.height : 0
  ]))]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    start          = "-PT3H"
    periodOverride = "inherit"
    widgets = [
      for place, widget in local.widgets : {
        type       = widget.type
        x          = try(widget.x, 0)
        y          = local.rows[place] - widget.height
        width      = try(widget.width, 24)
        height     = widget.height
        properties = merge(widget.properties, { for _ in range(contains(["metric", "log"], widget.type) ? 1 : 0) : "region" => local.place.region })
      }
    ]
  })

  lifecycle {
    precondition {
      condition     = sum([for widget in local.widgets : try(length(widget.properties.metrics), 0)]) <= 50
      error_message = "With more than 50 metrics the dashboard is paid for, even as one of the account's first three."
    }
  }
}
