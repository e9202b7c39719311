# What happened: entries, put once and never changed. Its stream is what everything else hears.
resource "aws_dynamodb_table" "timeline" {
  name                        = "${var.name}-timeline"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "incident_id"
  range_key                   = "seq"
  stream_enabled              = true
  stream_view_type            = "NEW_AND_OLD_IMAGES" # the old image is what tells the relay that somebody changed one
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "incident_id"
    type = "S"
  }

  attribute {
    name = "seq"
    type = "N"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.records.arn
  }
}

# Whatever a role says: no entry is removed by anyone, and none is changed but by putting another over it. IAM cannot forbid
# that one; every append of ours is on the condition that nothing is there, and the relay tells of whatever was replaced.
resource "aws_dynamodb_resource_policy" "timeline" {
  resource_arn = aws_dynamodb_table.timeline.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AppendOnly"
      Effect    = "Deny"
      Principal = "*"
      Action = [
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:PartiQLDelete",
        "dynamodb:PartiQLInsert",
        "dynamodb:PartiQLUpdate",
        "dynamodb:UpdateItem",
        "dynamodb:UpdateTimeToLive",
      ]
      Resource = aws_dynamodb_table.timeline.arn
    }]
  })
}

# Everything that follows from it and may change: heads, timers, budgets, deliveries. Both indexes hold few of its items.
resource "aws_dynamodb_table" "state" {
  name                        = "${var.name}-state"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "key"
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = toset(["due_at", "due_shard", "key", "list", "list_at"])

    content {
      name = attribute.value
      type = "S"
    }
  }

  global_secondary_index {
    name            = "by_due"
    projection_type = "ALL"

    key_schema {
      attribute_name = "due_shard"
      key_type       = "HASH"
    }

    key_schema {
      attribute_name = "due_at"
      key_type       = "RANGE"
    }
  }

  global_secondary_index {
    name            = "by_list"
    projection_type = "ALL"

    key_schema {
      attribute_name = "list"
      key_type       = "HASH"
    }

    key_schema {
      attribute_name = "list_at"
      key_type       = "RANGE"
    }
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.records.arn
  }
}
