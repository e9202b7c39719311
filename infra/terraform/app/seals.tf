# What only one function may say is sealed under a key of its own, which nobody else may make codes with: neither another
# function nor, by its own policy, an administrator of the account (shared/seal.py). KMS rotates no keys of this kind.
locals {
  seals = toset(["approval-seal", "decision-seal"])

  # Who asks for what of which key, as the manifests say.
  sealing = {
    for seal in local.seals : seal => {
      for action in ["kms:GenerateMac", "kms:VerifyMac"] : action => sort([
        for name, function in local.functions : "${local.iam}:role/${var.name}-${name}"
        if anytrue([for call in function.calls : call.on == seal && contains(call.actions, action)])
      ])
    }
  }
}

resource "aws_kms_key" "seal" {
  #checkov:skip=CKV_AWS_7:KMS rotates no HMAC keys.
  for_each = local.seals

  description              = "${var.name}: ${each.key}"
  key_usage                = "GENERATE_VERIFY_MAC"
  customer_master_key_spec = "HMAC_256"
  deletion_window_in_days  = var.key_deletion_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Administration"
        Effect    = "Allow"
        Principal = { AWS = "${local.iam}:root" }
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:DisableKey", "kms:EnableKey",
          "kms:Get*", "kms:List*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
          "kms:Update*",
        ]
        Resource = "*"
      }],
      [
        for action, roles in local.sealing[each.key] : {
          Sid       = trimprefix(action, "kms:")
          Effect    = "Allow"
          Principal = { AWS = "${local.iam}:root" }
          Action    = action
          Resource  = "*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = roles } }
        }
      ],
    )
  })

  lifecycle {
    precondition {
      condition     = length(local.sealing[each.key]["kms:GenerateMac"]) > 0 && length(setintersection(local.sealing[each.key]["kms:GenerateMac"], local.sealing[each.key]["kms:VerifyMac"])) == 0
      error_message = "Nobody makes the ${each.key}, or somebody who checks it may make it too: whoever relies on a seal must not be able to forge it."
    }
  }
}

resource "aws_kms_alias" "seal" {
  for_each = local.seals

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.seal[each.key].key_id
}
