locals {
  audit_name = "${var.name}-audit-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.region}"
  audit_arn  = "arn:${data.aws_partition.current.partition}:s3:::${local.audit_name}" # made of names: the plan shows the policy whole
}

# Where every timeline ended, hour by hour: what outlives the account's own mistakes (docs/audit.md). `archive` writes here.
resource "aws_s3_bucket" "audit" {
  #checkov:skip=CKV_AWS_18:Whatever is done to it is in CloudTrail; a second bucket for access logs would need the same protection again.
  #checkov:skip=CKV_AWS_144:A copy in another region is a choice of your own; versions and the lock guard against mistakes.
  #checkov:skip=CKV2_AWS_62:Nothing waits for new objects.
  bucket              = local.audit_name
  object_lock_enabled = true
}

resource "aws_s3_bucket_versioning" "audit" {
  bucket = aws_s3_bucket.audit.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "audit" {
  bucket = aws_s3_bucket.audit.id

  rule {
    default_retention {
      mode = var.audit_mode
      days = var.audit_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "audit" {
  bucket = aws_s3_bucket.audit.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.records.arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "audit" {
  bucket = aws_s3_bucket.audit.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "audit" {
  bucket = aws_s3_bucket.audit.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "audit" {
  bucket = aws_s3_bucket.audit.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.audit_arn, "${local.audit_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # Nobody puts an anchor where there is one (S3 user guide, 'Enforce conditional writes').
        Sid       = "CreateOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.audit_arn}/anchors/*"
        Condition = { Null = { "s3:if-none-match" = "true" } }
      },
      {
        # Not even hidden behind a delete marker. Who wants one gone has to take this policy away first, which CloudTrail tells.
        Sid       = "KeepAnchors"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"]
        Resource  = "${local.audit_arn}/anchors/*"
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.audit]
}

resource "aws_s3_bucket_lifecycle_configuration" "audit" {
  bucket = aws_s3_bucket.audit.id

  rule {
    id     = "tidy"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    # An old version can go once its lock has run out.
    noncurrent_version_expiration {
      noncurrent_days = var.audit_days + 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}
