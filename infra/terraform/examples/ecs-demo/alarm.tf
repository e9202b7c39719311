resource "aws_cloudwatch_log_group" "orders" {
  #checkov:skip=CKV_AWS_158:Made-up orders; a key would cost more than all the rest.
  #checkov:skip=CKV_AWS_338:Nobody needs them for a year.
  name              = local.log_group
  retention_in_days = 7
}

# The dimensions are what names the service to Middlewatch, so the log lines carry them.
resource "aws_cloudwatch_log_metric_filter" "orders" {
  for_each = { OrdersServed = "info", OrderErrors = "error" }

  name           = each.key
  log_group_name = aws_cloudwatch_log_group.orders.name
  pattern        = "{ $.level = \"${each.value}\" }"

  metric_transformation {
    namespace  = var.name
    name       = each.key
    value      = "1"
    unit       = "Count"
    dimensions = { ClusterName = "$.ClusterName", ServiceName = "$.ServiceName" }
  }
}

# It needs no action: Middlewatch hears of it on the default bus.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.name}-${local.service}-errors"
  alarm_description   = "Orders fail."
  namespace           = var.name
  metric_name         = "OrderErrors"
  dimensions          = { ClusterName = var.name, ServiceName = local.service }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 0 # a healthy task logs no error, and a slow one serves few orders a minute
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}
