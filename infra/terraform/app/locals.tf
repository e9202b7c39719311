data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  root = "${path.module}/../../.."

  # The only list of functions is the folder.
  functions = {
    for path in fileset(local.root, "functions/*/function.yaml") :
    basename(dirname(path)) => yamldecode(file("${local.root}/${path}"))
  }
  config = yamldecode(file("${local.root}/config/services.yaml"))

  place = {
    account    = data.aws_caller_identity.current.account_id
    region     = data.aws_region.current.region
    partition  = data.aws_partition.current.partition
    dns_suffix = data.aws_partition.current.dns_suffix
  }
  # ARNs are made of names where they can be: a plan then shows every permission before anything exists.
  arn = {
    for service in ["cloudwatch", "ecs", "events", "lambda", "logs", "secretsmanager", "ses", "sns", "sqs"] :
    service => "arn:${local.place.partition}:${service}:${local.place.region}:${local.place.account}"
  }
  iam = "arn:${local.place.partition}:iam::${local.place.account}"

  canary_alarm  = "${var.name}-canary" # the alarm that our own test sets; it never rings by itself
  secret_prefix = "${var.name}/${var.environment}"
}
