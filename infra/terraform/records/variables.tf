variable "name" {
  description = "What every resource's name begins with; the same as in the stack `app`."
  type        = string
  default     = "middlewatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Take 3 to 20 lower-case letters, digits and hyphens, beginning with a letter: the bucket's name is made of it."
  }
}

variable "region" {
  description = "The region to deploy in; null takes the one of your AWS configuration (AWS_REGION)."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Name a region as AWS writes it, such as eu-west-1."
  }
}

variable "account_id" {
  description = "The only account that may be deployed to; null asks nothing."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has 12 digits; put it in quotes, so that leading zeros stay."
  }
}

variable "tags" {
  description = "Tags of every resource, beside `application`."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[^\\s].{0,127}$", key)) && !startswith(lower(key), "aws:") && length(value) <= 256]) && length(var.tags) <= 40
    error_message = "Take at most 40 tags, with keys of 1 to 128 characters that do not begin with `aws:`, and values of 256 at most."
  }
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted. To remove them for good: apply with false, then destroy."
  type        = bool
  default     = true
}

variable "audit_days" {
  description = "For how many days nobody may remove or overwrite what is in the audit bucket."
  type        = number
  default     = 400

  validation {
    condition     = var.audit_days >= 1 && var.audit_days <= 36500
    error_message = "S3 Object Lock takes 1 to 36500 days."
  }
}

variable "audit_mode" {
  description = "GOVERNANCE: whoever may bypass it explicitly can still remove an object. COMPLIANCE: nobody can, the account's root included, until the days have passed."
  type        = string
  default     = "GOVERNANCE"

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.audit_mode)
    error_message = "Object Lock knows GOVERNANCE and COMPLIANCE."
  }
}

variable "key_deletion_days" {
  description = "How long the KMS key waits before it is gone for good, in days; everything here is unreadable without it."
  type        = number
  default     = 30

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "KMS takes 7 to 30 days."
  }
}
