module "function" {
  source   = "../modules/function"
  for_each = local.functions

  name                 = each.key
  prefix               = var.name
  manifest             = each.value
  package              = "${coalesce(var.build_dir, "${local.root}/build")}/${each.key}.zip"
  place                = local.place
  environment          = local.environment
  grants               = local.grants
  secrets              = local.secrets
  bus                  = aws_cloudwatch_event_bus.middlewatch.name
  event_filters        = local.event_filters
  topics               = { alarms = aws_sns_topic.alarms.arn }
  streams              = { timeline = data.aws_dynamodb_table.timeline.stream_arn }
  scheduler_role_arn   = aws_iam_role.scheduler.arn
  permissions_boundary = var.permissions_boundary
  log_retention_days   = var.log_retention_days
  maximum_concurrency  = var.maximum_concurrency
  snap_start           = contains(var.snap_start, each.key)

  keys = {
    app_arn     = aws_kms_key.app.arn
    app_alias   = aws_kms_alias.app.name
    records_arn = data.aws_kms_alias.records.target_key_arn
  }
  api = {
    id            = aws_apigatewayv2_api.this.id
    execution_arn = aws_apigatewayv2_api.this.execution_arn
    authorizer_id = one(aws_apigatewayv2_authorizer.people[*].id)
    guarded       = local.guarded_routes
  }
}
