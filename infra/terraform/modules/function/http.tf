resource "aws_apigatewayv2_integration" "this" {
  count = local.has_http ? 1 : 0

  api_id                 = var.api.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:Slack and alerting tools cannot sign for IAM or bring a token: the functions check Slack's signature and every source's key. Routes for people get the authorizer where var.jwt names an issuer.
  for_each = { for route in local.routes : replace(route, ".", "_") => route } # a dot in an address hides the skip above from checkov

  api_id             = var.api.id
  route_key          = each.value
  target             = "integrations/${aws_apigatewayv2_integration.this[0].id}"
  authorization_type = contains(var.api.guarded, each.value) ? "JWT" : "NONE"
  authorizer_id      = contains(var.api.guarded, each.value) ? var.api.authorizer_id : null
}

resource "aws_lambda_permission" "api" {
  count = local.has_http ? 1 : 0

  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${var.api.execution_arn}/*/*"
}
