data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  service   = "orders"
  break     = "/${var.name}/break"
  arn       = "arn:${data.aws_partition.current.partition}"
  place     = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
  log_group = "/ecs/${var.name}/${local.service}"
}

# A new version of this parameter breaks every task that runs at that moment, and none that starts later: so a restart helps.
resource "aws_ssm_parameter" "break" {
  #checkov:skip=CKV2_AWS_34:It holds a time of day and no secret; a key would add a dollar a month.
  #checkov:skip=CKV_AWS_337:The same.
  name        = local.break
  description = "Written by `middlewatch demo break`."
  type        = "String"
  value       = "never"

  lifecycle {
    ignore_changes = [value]
  }
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights would cost more than the task.
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "orders" {
  family                   = "${var.name}-${local.service}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }

  container_definitions = jsonencode([{
    name                   = local.service
    image                  = var.image
    essential              = true
    entryPoint             = ["/bin/sh", "-c"]
    command                = [file("${path.module}/orders.sh")]
    readonlyRootFilesystem = true
    user                   = "1000:1000"
    stopTimeout            = 15
    environment = [
      { name = "BREAK", value = local.break },
      { name = "CLUSTER", value = var.name },
      { name = "SERVICE", value = local.service },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.orders.name
        awslogs-region        = data.aws_region.current.region
        awslogs-stream-prefix = local.service
      }
    }
  }])
}

resource "aws_ecs_service" "orders" {
  #checkov:skip=CKV_AWS_333:The public address is how the task reaches its image without a NAT gateway, which costs twenty times as much; nothing is let in.
  name                               = local.service
  cluster                            = aws_ecs_cluster.this.arn
  task_definition                    = aws_ecs_task_definition.orders.arn
  desired_count                      = 1
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  propagate_tags                     = "SERVICE"
  force_new_deployment               = true # or `spot` could not be changed in place
  tags                               = { (var.opt_in_tag.key) = var.opt_in_tag.value }

  # Tasks that never start (an image that is not there) end the deployment instead of being tried for ever.
  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  capacity_provider_strategy {
    capacity_provider = var.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.task.id]
    assign_public_ip = true
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this, aws_iam_role_policy.execution, aws_iam_role_policy.task]
}
