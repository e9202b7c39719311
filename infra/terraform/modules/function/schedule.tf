resource "aws_scheduler_schedule" "this" {
  count = local.has_schedule ? 1 : 0

  name                = local.full_name
  description         = var.manifest.summary
  schedule_expression = local.schedule
  kms_key_arn         = var.keys.app_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live.arn
    role_arn = var.scheduler_role_arn

    # The next tick does what a late one would have done.
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 1
    }

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters[0].arn
    }
  }
}

# The scheduler's call is asynchronous: Lambda takes it, and has its own say about failures.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = local.has_schedule ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters[0].arn
    }
  }
}
