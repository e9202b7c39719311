output "alarm_name" {
  description = "The alarm that rings when the service is broken."
  value       = aws_cloudwatch_metric_alarm.errors.alarm_name
}

output "break_parameter" {
  description = "What `middlewatch demo break` writes to."
  value       = aws_ssm_parameter.break.name
}

output "cluster" {
  description = "For `clusters` of the stack `app`."
  value       = aws_ecs_cluster.this.name
}

output "services_yaml" {
  description = "What belongs under `services:` in config/services.yaml."
  value = templatefile("${path.module}/services.yaml.tftpl", {
    name      = var.name
    service   = local.service
    log_group = local.log_group
    account   = data.aws_caller_identity.current.account_id
    region    = data.aws_region.current.region
  })
}
