# The stack `records` is found by its names: it is applied first, and this one may come and go beside it.
data "aws_dynamodb_table" "timeline" {
  name = "${var.name}-timeline"
}

data "aws_dynamodb_table" "state" {
  name = "${var.name}-state"
}

data "aws_kms_alias" "records" {
  name = "alias/${var.name}-records"
}
