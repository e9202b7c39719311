locals {
  secret_names  = toset(flatten([for function in values(local.functions) : try(function.secrets, [])]))
  secret_bundle = "${local.secret_prefix}/bundle"

  # Those that there is a use for here: one that nobody uses costs as much as any other.
  source_secrets = { for source in try(local.config.sources, []) : source.name => source.secret if try(source.secret, "") != "" }
  kept_secrets = toset([
    for name in local.secret_names : name if(
      startswith(name, "jira_") ? var.jira_url != "" :
      startswith(name, "gemini_") ? startswith(var.model, "google") :
      startswith(name, "source_") || contains(values(local.source_secrets), name) ?
      contains([for source, secret in local.source_secrets : secret if contains(var.sources, source)], name) :
      true
    )
  ])

  # Secrets Manager ends an ARN with a hyphen and six characters of its own.
  secrets = {
    for name in local.secret_names :
    name => "${local.arn.secretsmanager}:secret:${var.secret_bundle ? local.secret_bundle : "${local.secret_prefix}/${name}"}-??????"
  }
}

# The places of the secrets. Their values come with `middlewatch secrets set NAME` and are in no plan and no state.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:Slack's, Jira's and the senders' secrets are issued elsewhere and cannot be rotated from here; docs/deploy.md says how they are changed.
  for_each = var.secret_bundle ? toset([local.secret_bundle]) : toset([for name in local.kept_secrets : "${local.secret_prefix}/${name}"])

  name                    = each.value
  description             = "Set with `middlewatch secrets set`."
  kms_key_id              = aws_kms_key.app.arn
  recovery_window_in_days = var.secret_recovery_days
}

check "sources" {
  assert {
    condition     = length(setsubtract(var.sources, keys(local.source_secrets))) == 0
    error_message = "`sources` names what config/services.yaml does not have among its sources with a secret: ${join(", ", setsubtract(var.sources, keys(local.source_secrets)))}."
  }
}
