variable "name" {
  description = "What every resource's name begins with; the same as in the stack `records`."
  type        = string
  default     = "middlewatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Take 3 to 20 lower-case letters, digits and hyphens, beginning with a letter: bucket and role names are made of it."
  }
}

variable "environment" {
  description = "The deployment's environment; part of the secrets' names. In `production` the API's documentation pages are off."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,29}$", var.environment)) && var.environment != "local"
    error_message = "Take up to 30 lower-case letters, digits and hyphens, but not `local`: that one takes its secrets from the environment."
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

variable "build_dir" {
  description = "Where `make build` wrote the packages; null takes build/ of the repository."
  type        = string
  default     = null

  validation {
    condition     = var.build_dir == null || try(length(fileset(var.build_dir, "*.zip")) > 0, false)
    error_message = "There is no package in that folder: name the one that `make build` wrote to, or leave this out and run `make build`."
  }
}

variable "clusters" {
  description = "The ECS clusters whose services are read, and may be acted on where they carry the opt-in tag. None: nothing is."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cluster in var.clusters : can(regex("^[a-zA-Z0-9_-]{1,255}$", cluster))])
    error_message = "List clusters by name (not by ARN, and no `*`): what is not listed cannot be restarted."
  }
}

variable "regions" {
  description = "Further regions whose alarms, metrics, services and logs are read as evidence. Actions stay in the region of the deployment."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "Name regions as AWS writes them, such as eu-west-1."
  }
}

variable "opt_in_tag" {
  description = "The tag that an ECS service must carry before Middlewatch may change it."
  type = object({
    key   = string
    value = string
  })
  default = { key = "middlewatch", value = "allow" }

  validation {
    condition     = can(regex("^[A-Za-z0-9_.:/=+@-]{1,128}$", var.opt_in_tag.key)) && can(regex("^[A-Za-z0-9_.:/=+@-]{1,256}$", var.opt_in_tag.value))
    error_message = "Give the tag a key and a value of letters, digits and _ . : / = + @ - ; a wildcard would opt in everything."
  }
}

variable "log_groups" {
  description = "Log groups that may be read as evidence, beside those that config/services.yaml names. A name may end in `*`."
  type        = set(string)
  default     = ["/ecs/*"]

  validation {
    condition     = alltrue([for group in var.log_groups : can(regex("^[A-Za-z0-9_/.#-]{2,}[*]?$", group))])
    error_message = "Name log groups such as /ecs/shop/orders or /ecs/*; `*` alone would read every log of the account."
  }
}

variable "alarm_name_prefixes" {
  description = "Only CloudWatch alarms whose name begins so are taken in; none: all of the account and region but our own."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for prefix in var.alarm_name_prefixes : prefix != "" && !startswith("${var.name}-", prefix) && !startswith(prefix, "${var.name}-")
    ])
    error_message = "A prefix may neither be empty nor match our own alarms (`<name>-…`): those tell people without Middlewatch, and it must not investigate itself."
  }
}

variable "alarm_accounts" {
  description = "Other accounts whose alarms may publish to the topic `<name>-alarms`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.alarm_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "List account ids of 12 digits, in quotes."
  }
}

variable "operator_emails" {
  description = "Who is told by e-mail when Middlewatch itself fails. Each address confirms once by the link that SNS sends it."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.operator_emails : can(regex("^[^@\\s]+@[^@\\s]+[.][^@\\s]+$", address))])
    error_message = "List bare e-mail addresses, such as on-call@example.com."
  }
}

variable "settings" {
  description = "Settings of docs/settings.md that shall differ from their defaults, such as { HOLD_SECONDS = \"600\" }. Never a secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !startswith(key, "AWS_")])
    error_message = "Name settings as docs/settings.md does, in upper case; AWS_… belongs to Lambda."
  }
  validation {
    condition     = alltrue([for key in keys(var.settings) : !can(regex("(TOKEN|PASSWORD|SECRET|_KEYS?)$", key))])
    error_message = "That looks like a secret: put its value with `middlewatch secrets set NAME`, so that no state and no plan ever holds it."
  }
}

variable "jira_url" {
  description = "The address of Jira; empty: no tickets."
  type        = string
  default     = ""

  validation {
    condition     = var.jira_url == "" || can(regex("^https://[^\\s/@]+", var.jira_url))
    error_message = "Give Jira's address with https://, and without user or password in it."
  }
}

variable "ses_sender" {
  description = "The address that e-mail to people is sent from; empty: no e-mail."
  type        = string
  default     = ""

  validation {
    condition     = var.ses_sender == "" || can(regex("^[^@\\s<>]+@[^@\\s<>]+[.][^@\\s<>]+$", var.ses_sender))
    error_message = "Give the bare address, such as middlewatch@example.com."
  }
}

variable "ses_identity" {
  description = "The verified SES identity (a domain or an address) that covers ses_sender; empty: the address is made an identity, which its owner confirms by the link that SES sends."
  type        = string
  default     = ""

  validation {
    condition     = var.ses_identity == "" || endswith(var.ses_sender, var.ses_identity)
    error_message = "ses_sender must be the identity itself or an address of that domain."
  }
}

variable "email_recipients" {
  description = "Who gets the e-mails about incidents."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.email_recipients) == 0 || var.ses_sender != ""
    error_message = "E-mail needs ses_sender too."
  }
  validation {
    condition     = alltrue([for address in var.email_recipients : can(regex("^[^@\\s,]+@[^@\\s,]+[.][^@\\s,]+$", address))])
    error_message = "List bare e-mail addresses, such as on-call@example.com."
  }
}

variable "model" {
  description = "The language model of the second opinion, such as google:gemini-3.8-flash; empty: rules alone."
  type        = string
  default     = ""

  validation {
    condition     = var.model == "" || can(regex("^[a-z][a-z0-9-]*:[^\\s]+$", var.model))
    error_message = "Name provider and model as pydantic-ai does, such as google:gemini-3.8-flash or bedrock:eu.anthropic.claude-sonnet-4-5-20250929-v1:0."
  }
}

variable "sources" {
  description = "The sources of config/services.yaml that send alerts here over HTTP; each gets a place for its secret. None: only what comes by EventBridge or SNS is taken in."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for source in var.sources : can(regex("^[a-z][a-z0-9_-]{0,39}$", source))])
    error_message = "Name sources as config/services.yaml does, such as grafana."
  }
}

variable "secret_bundle" {
  description = "True keeps all secrets in one, a JSON object: $0.40 a month instead of as much for each, but whoever reads one reads all."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "For how long a deleted secret can be brought back, in days; 0 deletes at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "Secrets Manager takes 0, or 7 to 30 days."
  }
}

variable "key_deletion_days" {
  description = "How long the KMS key waits before it is gone for good, in days."
  type        = number
  default     = 30

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "KMS takes 7 to 30 days."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "archive_days" {
  description = "How long the bus's archive keeps facts for a replay, in days; 0 for ever."
  type        = number
  default     = 30

  validation {
    condition     = var.archive_days >= 0
    error_message = "Give days, or 0 for ever."
  }
}

variable "maximum_concurrency" {
  description = "How many invocations each queue may have at once. A new account has 10 in all."
  type        = number
  default     = 5

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "Lambda takes 2 to 1000."
  }
}

variable "api_rate" {
  description = "Requests a second, and in a burst, that the HTTP API takes before it answers 429."
  type = object({
    steady = number
    burst  = number
  })
  default = { steady = 50, burst = 100 }

  validation {
    condition     = var.api_rate.steady > 0 && var.api_rate.burst >= var.api_rate.steady
    error_message = "Both are above 0, and the burst is no smaller than the steady rate."
  }
}

variable "domain" {
  description = "A domain of your own for the API: its name, the ARN of its certificate (ACM, same region) and, where Route 53 has it, its zone. null: AWS's own address."
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^arn:[^:]+:acm:[^:]+:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "certificate_arn is the ARN of an issued certificate in AWS Certificate Manager, in the region of the deployment."
  }
}

variable "jwt" {
  description = "Who signs the tokens of people that read incidents (any OIDC issuer), and for which audiences. null: their key alone (`X-Api-Key`) is asked for."
  type = object({
    issuer   = string
    audience = list(string)
  })
  default = null

  validation {
    condition     = var.jwt == null || try(startswith(var.jwt.issuer, "https://") && length(var.jwt.audience) > 0, false)
    error_message = "issuer is an https:// address, and at least one audience is needed."
  }
}

# What was weighed: a Slack click has 3 s for its answer, and the imports of slack_api alone take more than 1 s of them at a
# cold start (docs/benchmarks.md). A snapshot saves most of that, and costs about $2 a month for 512 MB (every published
# version that was invoked in the last 14 days counts). Python's own `random` is restored in the same state in every copy: only
# the jitter of retries uses it. Ids come from the system's generator; clients connect, secrets are read and the clock is asked
# at the first call, after the restore.
variable "snap_start" {
  description = "The functions whose versions start from a snapshot (Lambda SnapStart). slack_api gains most."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.snap_start : fileexists("${path.module}/../../../functions/${name}/function.yaml")])
    error_message = "Name folders under functions/, such as slack_api."
  }
}

variable "permissions_boundary" {
  description = "The ARN of an IAM policy that bounds every role, where your organisation asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[^:]+:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "Give the ARN of an IAM policy: arn:aws:iam::123456789012:policy/boundary."
  }
}
