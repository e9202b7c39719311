variable "name" {
  description = "What every resource's name begins with. Not `middlewatch-…`: alarms of that name are Middlewatch's own, and it does not hear them."
  type        = string
  default     = "shop-demo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name)) && !startswith(var.name, "middlewatch")
    error_message = "Take 3 to 30 lower-case letters, digits and hyphens, beginning with a letter but not with `middlewatch`."
  }
}

variable "region" {
  description = "The region to deploy in, the same as Middlewatch's; null takes the one of your AWS configuration (AWS_REGION)."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Name a region as AWS writes it, such as eu-west-1."
  }
}

variable "subnet_ids" {
  description = "Public subnets for the task; none: those of the account's default VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "List ids of subnets, such as subnet-0123456789abcdef0."
  }
}

variable "spot" {
  description = "True runs the task on Fargate Spot, for about a third of the price; AWS may replace it at two minutes' notice."
  type        = bool
  default     = true
}

variable "image" {
  description = "An image for arm64 with the AWS CLI and a shell."
  type        = string
  default     = "public.ecr.aws/aws-cli/aws-cli:2.32.2"

  validation {
    condition     = can(regex("^[^\\s:@]+(:[0-9][^\\s]*|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "Name an image by a version or a digest, never by `latest`."
  }
}

variable "opt_in_tag" {
  description = "The tag that lets Middlewatch change the service; the same as in the stack `app`."
  type = object({
    key   = string
    value = string
  })
  default = { key = "middlewatch", value = "allow" }

  validation {
    condition     = var.opt_in_tag.key != "" && var.opt_in_tag.value != ""
    error_message = "Give the tag a key and a value."
  }
}
