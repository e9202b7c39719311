# Everything here means that Middlewatch itself is failing. It goes to the operators' topic by CloudWatch and SNS alone.
#
# An alarm is paid by its metric, whether it stands alone or in an expression, so each function has its own, with its name in it.
# A failure has one alarm, where it shows whatever caused it:
#   fed by a queue    what is throttled or dies waits (oldest message), what fails is tried on (still-failing), and both end
#                     among the dead letters
#   fed by a stream   what crashes is tried for an hour (errors, age of the outbox), and then ends among the dead letters
#   fed by a clock    what crashes is a dead letter at once; what does not even start is silent
#   asked over HTTP   what crashes or is throttled is a 5xx of the API
locals {
  by_trigger = {
    for trigger in ["http", "queue", "schedule", "stream"] : trigger => {
      for name, manifest in local.functions : name => module.function[name] if can(manifest.trigger[trigger])
    }
  }

  # SQS redrives to a queue, and knows none behind a stream or a clock.
  redrive = "redrive it (SQS, 'Start DLQ redrive', with the function's own queue as custom destination)"
  purge   = "purge the queue, or this stays red: the next turn does the work, and a stalled incident is published again"

  queue_alarms = merge(
    {
      for name, function in merge(local.by_trigger.queue, local.by_trigger.schedule, local.by_trigger.stream) :
      "${name}-dead-letters" => {
        what    = "What ${name} should have handled failed for good and lies in ${var.name}-${name}-dlq. Read one, repair the cause, then ${contains(keys(local.by_trigger.queue), name) ? local.redrive : local.purge}."
        metrics = [{ namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = function.dead_letter_queue_name } }]
        above   = 0
        missing = "ignore" # SQS stops counting a queue that nobody touches for hours: what lies there lies there still
      }
    },
    {
      bus-dead-letters = {
        what    = "The bus could not decrypt facts; they lie in ${var.name}-undelivered. Look at the key of ${var.name} and its policy. Incidents that stall are published again."
        metrics = [{ namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = aws_sqs_queue.undelivered.name } }]
        above   = 0
        missing = "ignore"
      }
    },
    {
      for name, function in local.by_trigger.queue : "${name}-waiting" => {
        what    = "Messages for ${name} wait longer than five minutes: it crashes, is throttled, or is slower than what comes in. Its log says which."
        metrics = [{ namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", stat = "Maximum", dimensions = { QueueName = function.queue_name } }]
        above   = 300 # seconds
        times   = 2
      }
    },
  )

  function_alarms = merge(
    {
      for name, function in local.by_trigger.stream : "${name}-errors" => {
        what    = "${name} crashes, runs out of time or memory, or cannot be imported. Its log says why; the alias `live` can be pointed at the version before."
        metrics = [{ namespace = "AWS/Lambda", name = "Errors", stat = "Sum", dimensions = { FunctionName = function.function_name } }]
        above   = 0
      }
    },
    {
      for name, function in local.by_trigger.schedule : "${name}-silent" => {
        what    = "${name} has not run for three of its turns (${local.functions[name].trigger.schedule}). Look at the schedule ${var.name}-${name}, its role, and throttling."
        metrics = [{ namespace = "AWS/Lambda", name = "Invocations", stat = "Sum", dimensions = { FunctionName = function.function_name } }]
        below   = 1
        seconds = local.patience[name]
        missing = "breaching"
      }
    },
    {
      for name, function in local.by_trigger.stream : "outbox-age" => {
        what    = "What the timelines say reaches the bus more than a minute late: incidents stand still. Look at ${name}'s log and at EventBridge; nothing is lost, a stalled incident is published again."
        metrics = [{ namespace = "AWS/Lambda", name = "IteratorAge", stat = "Maximum", dimensions = { FunctionName = function.function_name } }]
        above   = 60000 # milliseconds
        times   = 3
      }
    },
    {
      # No reserved concurrency: whatever uses up the account's is felt here. The metric without dimensions is the account's.
      throttled = {
        what    = "Lambda throttles functions of this account and region, perhaps ours: the concurrency is used up. Ask for more, or stop what uses it."
        metrics = [{ namespace = "AWS/Lambda", name = "Throttles", stat = "Sum", dimensions = {} }]
        above   = 0
        times   = 3
      }
    },
  )

  # Three turns of a schedule in seconds, five minutes at least and a day at most, in whole minutes.
  patience = {
    for name, function in local.by_trigger.schedule : name => min(86400, max(300, try(
      3 * tonumber(regex("^rate\\((\\d+) ", local.functions[name].trigger.schedule)[0])
      * { minute = 60, hour = 3600, day = 86400 }[regex("^rate\\(\\d+ (minute|hour|day)s?\\)$", local.functions[name].trigger.schedule)[0]],
      86400,
    )))
  }

  platform_alarms = {
    # EventBridge sends these two only when they are not zero, so that the query has nothing to charge for until then.
    rules-failed = {
      what  = "A rule of the bus could not deliver a fact; it lies among the dead letters of its queue. Look at the queue's policy and key."
      query = "SELECT SUM(FailedInvocations) FROM SCHEMA(\"AWS/Events\", EventBusName, RuleName) WHERE EventBusName = '${var.name}'"
      above = 0
    }
    rules-lost = {
      what  = "A rule of the bus could deliver a fact neither to its queue nor to the dead letters. `middlewatch incidents timeline` still shows it; the incident is published again when it stalls. Look at the policies of both queues."
      query = "SELECT SUM(InvocationsFailedToBeSentToDlq) FROM SCHEMA(\"AWS/Events\", EventBusName, RuleName) WHERE EventBusName = '${var.name}'"
      above = 0
    }
    alarms-not-heard = {
      what = "Alarm or ECS events on the default bus could not be delivered to our queue. The sweep opens incidents for alarms that still ring. Look at the queue's policy and key."
      metrics = flatten([
        for name, _ in local.by_trigger.queue : [
          for place, _ in try(local.functions[name].trigger.queue.default_bus, []) : {
            namespace = "AWS/Events", name = "FailedInvocations", stat = "Sum", dimensions = { RuleName = "${var.name}-${name}-${place + 1}" }
          }
        ]
      ])
      above = 0
    }
    api-failing = {
      what    = "The HTTP API answers 5xx: alerts or clicks on Slack are refused (most senders try again). Look at the access log and at the function's."
      metrics = [{ namespace = "AWS/ApiGateway", name = "5xx", stat = "Sum", dimensions = { ApiId = aws_apigatewayv2_api.this.id } }]
      above   = 0
      seconds = 300
    }
    tables-failing = {
      what = "DynamoDB throttles a table or fails on appends. Turns come back by themselves; if it lasts, look at the table's metrics and at AWS's health page."
      metrics = concat(
        flatten([
          for table in [data.aws_dynamodb_table.timeline.name, data.aws_dynamodb_table.state.name] : [
            for name in ["ReadThrottleEvents", "WriteThrottleEvents"] :
            { namespace = "AWS/DynamoDB", name = name, stat = "Sum", dimensions = { TableName = table } }
          ]
        ]),
        # Every append is a transaction over both tables.
        [{ namespace = "AWS/DynamoDB", name = "SystemErrors", stat = "Sum", dimensions = { TableName = data.aws_dynamodb_table.timeline.name, Operation = "TransactWriteItems" } }],
      )
      above = 0
      times = 3
    }
  }

  # Counted by the functions themselves (shared/telemetry.py), and only when it happens.
  counted_alarms = {
    for name, alarm in {
      nobody-told       = { metric = "NobodyTold", what = "Somebody is needed for an incident and no channel could say so. The log line 'nobody told' names it: look at it now (`middlewatch incidents timeline ID`), then at Slack's token and SES." }
      messages-failing  = { metric = "MessagesFailed", above = 2, seconds = 900, what = "Slack, e-mail or Jira refuses what we say, again and again; the other channels may still work. `middlewatch doctor` says which." }
      timeline-tampered = { metric = "TimelineTampered", what = "An entry of a timeline was changed or removed, which no function may, or a timeline or anchor no longer agrees with the anchors in S3. The log of relay or archive names it, CloudTrail who did it; the archive of the bus has what it said, docs/audit.md what to do." }
      unproved          = { metric = "Unproved", what = "An approval, or the policy's word, carries no valid seal, and nothing was done on it: either its incident was open while a release came or a key was replaced, or somebody who can write to the tables made it up. `middlewatch incidents timeline ID` shows it, CloudTrail who wrote it." }
      quarantined       = { metric = "Quarantined", what = "A message that nobody can read was put aside: perhaps an alert that nobody hears of. `middlewatch quarantine list` shows it with the reason." }
      still-failing     = { metric = "StillFailing", seconds = 900, what = "A message fails again and again: what a function asks (Slack, Jira, KMS, DynamoDB) does not answer, or it has a bug. It is tried ten times, within half an hour where something is away; then it is a dead letter. The lines 'later' and 'unexpected' in the functions' logs say which and why." }
      budget-spent      = { metric = "BudgetSpent", what = "The hour's budget of actions or of questions to the model is used up: people are asked, nothing runs alone. A storm, or something that restarts in circles." }
      clock-slow        = { metric = "TimersLate", what = "Timers ring more than two minutes late: reminders, expiries and checks of recovery are late too. The timekeeper's log says why." }
      stalled           = { metric = "IncidentsStalled", what = "An incident did not move for longer than a turn may take; it was published again. If it goes on, the stage that should answer fails: look which queue waits." }
      canary-lost       = { metric = "CanaryLost", what = "The test alarm did not become a test incident in time: real alarms may not be heard either. `middlewatch doctor` says where it stops." }
    } : name => merge({ above = 0 }, alarm, { metrics = [{ namespace = var.name, name = alarm.metric, stat = "Sum", dimensions = {} }] })
  }

  alarms = merge(local.queue_alarms, local.function_alarms, local.platform_alarms, local.counted_alarms)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  evaluation_periods  = try(each.value.times, 1)
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = [aws_sns_topic.operators.arn]
  ok_actions          = [aws_sns_topic.operators.arn]

  dynamic "metric_query" {
    for_each = try(each.value.metrics, [])

    content {
      id          = "m${metric_query.key}"
      return_data = length(each.value.metrics) == 1

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = try(each.value.seconds, 60)
      }
    }
  }

  # A missing point is a zero here: DynamoDB's metrics ignore treat_missing_data (CloudWatch API, PutMetricAlarm).
  dynamic "metric_query" {
    for_each = try(length(each.value.metrics), 0) == 1 ? [] : [try(each.value.query, "SUM(FILL(METRICS(), 0))")]

    content {
      id          = "all"
      expression  = metric_query.value
      label       = each.key
      period      = can(each.value.query) ? 60 : null
      return_data = true
    }
  }
}

# The canary sets this one to ALARM, as nobody may send events in CloudWatch's name. Nobody publishes its metric, so that it is
# back at OK by itself, and it tells nobody but Middlewatch.
resource "aws_cloudwatch_metric_alarm" "test" {
  alarm_name          = local.canary_alarm
  alarm_description   = "Middlewatch's test of itself; `SetAlarmState` rings it, and nothing else does."
  namespace           = var.name
  metric_name         = "NobodyPublishesThis"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}
