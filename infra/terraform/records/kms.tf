data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

resource "aws_kms_key" "records" {
  description             = "${var.name}: timelines, state and audit"
  enable_key_rotation     = true
  deletion_window_in_days = var.key_deletion_days

  # Who may use it is said by each role's own policy, for DynamoDB and S3 alone.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "records" {
  name          = "alias/${var.name}-records"
  target_key_id = aws_kms_key.records.key_id
}
