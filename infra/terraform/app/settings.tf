locals {
  # What every function is told; docs/settings.md says what each is. Secrets are never here.
  environment = merge(
    var.settings,
    {
      for name, value in {
        JIRA_URL        = var.jira_url
        SES_SENDER      = var.ses_sender
        EMAIL_RECIPIENT = join(",", var.email_recipients)
        MODEL           = var.model
        ALARM_PREFIXES  = join(",", sort(var.alarm_name_prefixes))
        SECRET_BUNDLE   = var.secret_bundle ? local.secret_bundle : ""
      } : name => value if value != ""
    },
    {
      # The queues that other functions send to, by name: in a module of equals, none can ask another for its URL.
      for name, function in local.functions :
      "${upper(name)}_QUEUE_URL" => "https://sqs.${local.place.region}.${local.place.dns_suffix}/${local.place.account}/${var.name}-${name}"
      if try(function.trigger.queue.direct, false)
    },
    {
      TIMELINE_TABLE = data.aws_dynamodb_table.timeline.name
      STATE_TABLE    = data.aws_dynamodb_table.state.name
      BUS_NAME       = var.name
      AUDIT_BUCKET   = local.audit_bucket
      ENVIRONMENT    = var.environment
      AWS_ACCOUNT_ID = local.place.account
      SECRET_PREFIX  = local.secret_prefix
      NAME_PREFIX    = var.name
      TEST_ALARM     = local.canary_alarm
    },
  )
}
