# A bus that refuses for an hour is waited for; a record that nobody can read holds its shard for an hour at most, and is then
# dropped here and kept on the timeline, from where a stalled incident is published again.
resource "aws_lambda_event_source_mapping" "stream" {
  count = local.has_stream ? 1 : 0

  event_source_arn               = var.streams[local.stream]
  function_name                  = aws_lambda_alias.live.arn
  starting_position              = "TRIM_HORIZON"
  batch_size                     = 100
  parallelization_factor         = 4 # by key: the entries of one incident stay in order
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_record_age_in_seconds  = 3600
  maximum_retry_attempts         = 1000

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead_letters[0].arn
    }
  }
}
