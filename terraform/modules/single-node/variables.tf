variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "zone" {
  description = "Availability zone of the instance and its volume, for example eu-central-1a."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.zone))
    error_message = "A zone such as eu-central-1a."
  }
}

variable "instance_type" {
  description = "Type of the instance; Graviton, because the machine image is."
  type        = string
  default     = "t4g.micro"

  validation {
    condition     = can(regex("^(t4g|m[678]g|c[678]g|r[678]g)\\.", var.instance_type))
    error_message = "A Graviton type such as t4g.micro."
  }
}

variable "data_gibibytes" {
  description = "Size of the volume with the database."
  type        = number
  default     = 8

  validation {
    condition     = var.data_gibibytes >= 4 && var.data_gibibytes <= 100
    error_message = "4 to 100 GiB."
  }
}

variable "snapshot_id" {
  description = "Snapshot from which the data volume is made, for a restore; null begins empty."
  type        = string
  default     = null
}

variable "keep_snapshots" {
  description = "Daily snapshots kept."
  type        = number
  default     = 14

  validation {
    condition     = var.keep_snapshots >= 7
    error_message = "At least 7."
  }
}

variable "release" {
  description = "The program: https address of its executable for linux/arm64, and the SHA-256 of that."
  type        = object({ url = string, sha256 = string })

  validation {
    condition     = startswith(var.release.url, "https://") && can(regex("^[0-9a-f]{64}$", var.release.sha256))
    error_message = "An https address, and 64 hexadecimal digits."
  }
}

variable "domain" {
  description = "Name under which the API is reached from the internet, with a certificate of Let's Encrypt; null: nothing is open, and one reaches it by Session Manager or a tunnel."
  type        = object({ name = string, zone_id = string, email = string })
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "A name in lower case without a dot at its end, such as health.example.org."
  }
}

variable "client_cidrs" {
  description = "Networks that reach the API, with a domain."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Networks such as 203.0.113.0/24."
  }
}

variable "time_zone" {
  description = "IANA time zone that decides which day is today (--time-zone)."
  type        = string
  default     = "Etc/UTC"

  validation {
    condition     = can(regex("^[A-Za-z]+/[A-Za-z_/+-]+[0-9]*$", var.time_zone))
    error_message = "A zone such as Europe/Berlin."
  }
}

variable "alarm_email" {
  description = "Address that hears of a failed instance and of the budget."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "An e-mail address."
  }
}

variable "budget_usd" {
  description = "Budget of a month in US dollars."
  type        = number
  default     = 15

  validation {
    condition     = var.budget_usd > 0
    error_message = "More than nothing."
  }
}

variable "tags" {
  description = "Tags of what the provider's default_tags do not reach."
  type        = map(string)
  default     = {}
}
