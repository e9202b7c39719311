variable "name" {
  description = "The function's name: its folder under functions/."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.name))
    error_message = "Name the folder under functions/ in lower case, digits and underscores."
  }
}

variable "prefix" {
  description = "What every resource's name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix))
    error_message = "Take 3 to 20 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "manifest" {
  description = "The decoded functions/<name>/function.yaml: summary, trigger, timeout (seconds), memory (MB), secrets, calls."
  type        = any

  validation {
    condition     = length([for kind in ["queue", "http", "stream", "schedule"] : kind if can(var.manifest.trigger[kind])]) == 1
    error_message = "function.yaml: trigger needs exactly one of queue, http, stream, schedule."
  }
  validation {
    condition     = try(var.manifest.timeout >= 1 && var.manifest.timeout <= 900, false)
    error_message = "function.yaml: timeout is in seconds, 1 to 900 (Lambda's own limit)."
  }
  validation {
    condition     = try(var.manifest.memory >= 128 && var.manifest.memory <= 10240, false)
    error_message = "function.yaml: memory is in MB, 128 to 10240 (Lambda's own limits)."
  }
  validation {
    condition     = !can(var.manifest.trigger.http) || try(var.manifest.timeout <= 29, false)
    error_message = "function.yaml: an HTTP API waits 30 seconds; a function behind it needs a timeout of 29 at most."
  }
  validation {
    condition     = !can(var.manifest.trigger.stream) || try(var.manifest.trigger.stream == "timeline", false)
    error_message = "function.yaml: only the table `timeline` has a stream."
  }
}

variable "package" {
  description = "The path of the function's zip."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "The package is a zip file."
  }
}

variable "place" {
  description = "Where we are: partition, its DNS suffix, region and account."
  type = object({
    partition  = string
    dns_suffix = string
    region     = string
    account    = string
  })
}

variable "environment" {
  description = "The function's environment variables; QUEUE_URL is added where it has a queue."
  type        = map(string)
}

variable "grants" {
  description = "What a manifest may ask for: by the name after `on`, by action, on which ARNs and under which condition."
  type = map(map(object({
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  })))
}

variable "secrets" {
  description = "The ARN pattern of each secret that a manifest may name."
  type        = map(string)
}

variable "keys" {
  description = "The KMS keys: `app` by ARN and by alias, `records` by ARN."
  type = object({
    app_arn     = string
    app_alias   = string
    records_arn = string
  })
}

variable "permissions_boundary" {
  description = "The ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "Logs are kept for a number of days; 0 would keep them for ever."
  }
}

variable "snap_start" {
  description = "Whether published versions start from a snapshot (Lambda SnapStart)."
  type        = bool
  default     = false
}

variable "maximum_concurrency" {
  description = "How many invocations the queue may have at once (2 to 1000)."
  type        = number
  default     = 5

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "Lambda takes 2 to 1000."
  }
}

variable "bus" {
  description = "The name of our event bus, for rules on facts."
  type        = string
}

variable "event_filters" {
  description = "What is added to a pattern on the default bus, by its source: the JSON of `detail` and `resources` filters."
  type        = map(string)
  default     = {}
}

variable "topics" {
  description = "The ARN of each SNS topic that a queue may subscribe to, by the manifest's name for it."
  type        = map(string)
  default     = {}
}

variable "streams" {
  description = "The ARN of the stream of each table, by the manifest's name for it."
  type        = map(string)
  default     = {}
}

variable "api" {
  description = "The HTTP API: its id, its execution ARN, and the routes that ask for a token, with the authorizer that checks it."
  type = object({
    id            = string
    execution_arn = string
    authorizer_id = optional(string)
    guarded       = optional(list(string), [])
  })
}

variable "scheduler_role_arn" {
  description = "The role that EventBridge Scheduler invokes with."
  type        = string
}
