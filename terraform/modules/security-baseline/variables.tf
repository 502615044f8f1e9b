variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "alarm_email" {
  description = "Address that receives alarms and budgets; it confirms once."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "An e-mail address."
  }
}

variable "budget_usd" {
  description = "Budget of a month in US dollars: a warning at 80 %, and when the forecast goes over."
  type        = number

  validation {
    condition     = var.budget_usd > 0
    error_message = "More than nothing: an account without a budget is how a forgotten cluster is noticed by its bill."
  }
}

variable "cloudtrail" {
  description = "Write every call to the account into a bucket. The first trail of an account costs nothing but storage."
  type        = bool
  default     = true
}

variable "trail_buckets" {
  description = "ARNs of buckets whose objects' reads and writes are recorded, too: they hold health data."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.trail_buckets : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", arn))])
    error_message = "ARNs of buckets, without slash."
  }
}

variable "config" {
  description = "AWS Config with rules. Bills each change of each resource."
  type        = bool
  default     = false
}

variable "guardduty" {
  description = "GuardDuty, with EKS audit logs, RDS log-ins and S3. Bills by volume."
  type        = bool
  default     = false
}

variable "access_analyzer" {
  description = "Find what is shared outside the account. Costs nothing."
  type        = bool
  default     = true
}

variable "account_defaults" {
  description = "Set the account's own defaults: encrypted disks, IMDSv2, no public snapshots, no public buckets. One environment of an account does so."
  type        = bool
  default     = true
}

variable "audit_days" {
  description = "How long the audit bucket keeps objects, in days. They cannot be deleted before."
  type        = number
  default     = 400

  validation {
    condition     = var.audit_days >= 90
    error_message = "At least 90 days."
  }
}

variable "force_destroy" {
  description = "Delete the audit bucket with what is in it, for environments that come and go."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
