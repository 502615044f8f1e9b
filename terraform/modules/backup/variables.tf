variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "buckets" {
  description = "Buckets to make, by what they hold: results (of jobs), exports (of the database), velero (of the cluster)."
  type        = set(string)
  default     = ["results", "exports", "velero"]

  validation {
    condition     = alltrue([for bucket in var.buckets : contains(["results", "exports", "velero"], bucket)])
    error_message = "Known: results, exports, velero."
  }
}

variable "resources" {
  description = "ARNs that AWS Backup copies every day in addition to their own backups; empty: no vault is made."
  type        = list(string)
  default     = []
}

variable "keep_days" {
  description = "How long daily and monthly recovery points are kept, in days."
  type        = object({ daily = optional(number, 35), monthly = optional(number, 365) })
  default     = {}

  validation {
    condition     = var.keep_days.daily >= 7 && var.keep_days.monthly >= 90 && var.keep_days.monthly > var.keep_days.daily
    error_message = "Daily ones at least 7 days, monthly ones at least 90 and longer than daily ones."
  }
}

variable "lock" {
  description = "Lock the vault: until a recovery point's time is over, not even an administrator can delete it. Cannot be undone after the grace time."
  type        = bool
  default     = false
}

variable "copy_region" {
  description = "Another region for a copy of each monthly recovery point; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.copy_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.copy_region))
    error_message = "A region such as eu-west-1."
  }
}

variable "copy_kms_key_arn" {
  description = "Key in that region."
  type        = string
  default     = null

  validation {
    condition     = (var.copy_region == null) == (var.copy_kms_key_arn == null) && try(strcontains(var.copy_kms_key_arn, ":kms:${var.copy_region}:"), true)
    error_message = "A copy needs a key of its own region, and a key is of use only with copy_region."
  }
}

variable "alarm_topic" {
  description = "SNS topic that hears of failed backups; null for none."
  type        = object({ arn = string })
  default     = null
}

variable "force_destroy" {
  description = "Delete buckets with what is in them, for environments that come and go."
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
