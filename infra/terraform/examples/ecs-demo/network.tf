data "aws_vpc" "default" {
  count = length(var.subnet_ids) == 0 ? 1 : 0

  default = true
}

data "aws_subnets" "default" {
  count = length(var.subnet_ids) == 0 ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default[0].id]
  }

  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

data "aws_subnet" "chosen" {
  count = length(var.subnet_ids) == 0 ? 0 : 1

  id = var.subnet_ids[0]
}

locals {
  subnet_ids = length(var.subnet_ids) == 0 ? data.aws_subnets.default[0].ids : var.subnet_ids
  vpc_id     = length(var.subnet_ids) == 0 ? data.aws_vpc.default[0].id : data.aws_subnet.chosen[0].vpc_id
}

# Nobody reaches the task; it fetches its image and speaks to AWS.
resource "aws_security_group" "task" {
  name        = var.name
  description = "Nothing in, HTTPS out."
  vpc_id      = local.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.task.id
  description       = "The image, the logs and the parameter"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
