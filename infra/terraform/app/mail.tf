locals {
  owns_identity = var.ses_sender != "" && var.ses_identity == ""
  mail_arns = concat(
    var.ses_sender == "" ? [] : ["${local.arn.ses}:identity/${local.owns_identity ? var.ses_sender : var.ses_identity}"],
    local.owns_identity ? ["${local.arn.ses}:configuration-set/${var.name}"] : [],
    # In the sandbox a recipient is an identity of the account too, and SES asks for it as well; ses:FromAddress bounds the sender.
    var.ses_sender == "" ? [] : [for recipient in sort(var.email_recipients) : "${local.arn.ses}:identity/${recipient}"],
  )
}

resource "aws_sesv2_configuration_set" "this" {
  count = local.owns_identity ? 1 : 0

  configuration_set_name = var.name

  delivery_options {
    tls_policy = "REQUIRE"
  }
}

resource "aws_sesv2_email_identity" "sender" {
  count = local.owns_identity ? 1 : 0

  email_identity         = var.ses_sender
  configuration_set_name = aws_sesv2_configuration_set.this[0].configuration_set_name
}
