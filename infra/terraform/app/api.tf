locals {
  open_routes = ["GET /", "GET /health"] # for whoever watches whether it is up
  guarded_routes = var.jwt == null ? [] : flatten([
    for function in values(local.functions) : [
      for route in try(function.trigger.http, []) : route if startswith(route, "GET ") && !contains(local.open_routes, route)
    ]
  ])
}

resource "aws_apigatewayv2_api" "this" {
  name                         = var.name
  description                  = "Alerts and Slack's clicks in; incidents out."
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != null
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.app.arn
}

resource "aws_apigatewayv2_stage" "live" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit = var.api_rate.burst
    throttling_rate_limit  = var.api_rate.steady
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    # No header and no query: they may hold keys.
    format = jsonencode({
      at         = "$context.requestTimeEpoch"
      request_id = "$context.requestId"
      ip         = "$context.identity.sourceIp"
      route      = "$context.routeKey"
      path       = "$context.path"
      status     = "$context.status"
      bytes      = "$context.responseLength"
      latency    = "$context.responseLatency"
      error      = "$context.error.message"
      backend    = "$context.integrationErrorMessage"
      refused    = "$context.authorizer.error"
    })
  }
}

resource "aws_apigatewayv2_authorizer" "people" {
  count = var.jwt == null ? 0 : 1

  api_id           = aws_apigatewayv2_api.this.id
  name             = "people"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audience
  }
}

resource "aws_apigatewayv2_domain_name" "this" {
  count = var.domain == null ? 0 : 1

  domain_name = var.domain.name

  domain_name_configuration {
    certificate_arn = var.domain.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count = var.domain == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.live.id
}

resource "aws_route53_record" "api" {
  count = try(var.domain.zone_id, null) == null ? 0 : 1

  zone_id = var.domain.zone_id
  name    = var.domain.name
  type    = "A"

  alias {
    name                   = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}
