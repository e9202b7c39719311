output "timeline_table" {
  description = "The table of the timelines."
  value       = aws_dynamodb_table.timeline.name
}

output "state_table" {
  description = "The table of everything else."
  value       = aws_dynamodb_table.state.name
}

output "audit_bucket" {
  description = "The bucket that nothing leaves before its time."
  value       = aws_s3_bucket.audit.bucket
}
