locals {
  api_url = var.domain == null ? aws_apigatewayv2_api.this.api_endpoint : "https://${var.domain.name}"
}

output "environment" {
  description = "What the command `middlewatch` needs to know of this deployment."
  value = merge(
    {
      AWS_REGION          = local.place.region
      AWS_ACCOUNT_ID      = local.place.account
      ENVIRONMENT         = var.environment
      TIMELINE_TABLE      = data.aws_dynamodb_table.timeline.name
      STATE_TABLE         = data.aws_dynamodb_table.state.name
      BUS_NAME            = aws_cloudwatch_event_bus.middlewatch.name
      AUDIT_BUCKET        = local.audit_bucket
      MIDDLEWATCH_API_URL = local.api_url
      SECRET_PREFIX       = local.secret_prefix
      NAME_PREFIX         = var.name
      TEST_ALARM          = local.canary_alarm
      ALARMS_TOPIC_ARN    = aws_sns_topic.alarms.arn
      FUNCTIONS           = join(",", sort(keys(local.functions)))
      SECRETS             = join(",", sort(local.kept_secrets))
    },
    { for name in ["SECRET_BUNDLE", "JIRA_URL", "SES_SENDER", "EMAIL_RECIPIENT", "MODEL"] : name => local.environment[name] if contains(keys(local.environment), name) },
  )
}

output "api_url" {
  description = "Where alerting tools and people send their requests."
  value       = local.api_url
}

output "alarms_topic_arn" {
  description = "Where alarms elsewhere publish."
  value       = aws_sns_topic.alarms.arn
}

output "slack_request_urls" {
  description = "What the Slack app's manifest asks for."
  value       = { for path in ["actions", "commands"] : path => "${local.api_url}/slack/${path}" }
}

output "domain_target" {
  description = "Where the DNS of your own domain has to point, if Route 53 does not have it; null without one."
  value       = one(aws_apigatewayv2_domain_name.this[*].domain_name_configuration[0].target_domain_name)
}
