variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "recovery_days" {
  description = "How long a deleted secret can be brought back, in days; 0 deletes at once, for environments that come and go."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "0, or 7 to 30 days."
  }
}

variable "rotation_days" {
  description = "After how many days a reminder to rotate is sent, by the secret's kind."
  type        = object({ keys = optional(number, 90), credentials = optional(number, 180) })
  default     = {}

  validation {
    condition     = alltrue([for days in values(var.rotation_days) : days >= 1 && days <= 365])
    error_message = "1 to 365 days."
  }
}

variable "reminder_topic" {
  description = "SNS topic that receives reminders to rotate; null for none."
  type        = object({ arn = string })
  default     = null
}

variable "reader_arns" {
  description = "Roles that read values: External Secrets' and people's. Every other reader of the account is refused by each secret's own policy."
  type        = list(string)

  validation {
    condition     = length(var.reader_arns) > 0 && alltrue([for arn in var.reader_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/", arn))])
    error_message = "At least one role's ARN; without one no role could read a value."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
