output "function_name" {
  description = "The Lambda function's name."
  value       = aws_lambda_function.this.function_name
}

output "alias_arn" {
  description = "The alias `live`, which everything invokes."
  value       = aws_lambda_alias.live.arn
}

output "role_arn" {
  description = "The execution role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "The execution role's name."
  value       = aws_iam_role.this.name
}

output "policy" {
  description = "The JSON of all that the role may do."
  value       = local.policy
}

output "log_group_name" {
  description = "The log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "queue_name" {
  description = "The queue that feeds it; null where none does."
  value       = one(aws_sqs_queue.this[*].name)
}

output "queue_arn" {
  description = "The same queue's ARN."
  value       = one(aws_sqs_queue.this[*].arn)
}

output "queue_url" {
  description = "The same queue's URL."
  value       = one(aws_sqs_queue.this[*].url)
}

output "dead_letter_queue_name" {
  description = "Where goes what could not be delivered or handled; null behind HTTP, where the caller is told."
  value       = one(aws_sqs_queue.dead_letters[*].name)
}

output "dead_letter_queue_arn" {
  description = "The same queue's ARN."
  value       = one(aws_sqs_queue.dead_letters[*].arn)
}
