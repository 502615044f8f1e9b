variable "region" {
  description = "Region of the instance."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as eu-central-1."
  }
}

variable "account_id" {
  description = "The account, so that credentials of another one are refused before anything is made."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}

variable "size" {
  description = "What costs, in size.auto.tfvars.json."
  type = object({
    instance_type  = string
    data_gibibytes = number
    keep_snapshots = number
    budget_usd     = number
  })
}

variable "release" {
  description = "The program: https address of its executable for linux/arm64, and the SHA-256 of that."
  type        = object({ url = string, sha256 = string })
}

variable "domain" {
  description = "Name under which the API is reached from the internet; null: nothing is open."
  type        = object({ name = string, zone_id = string, email = string })
  default     = null
}

variable "client_cidrs" {
  description = "Networks that reach the API, with a domain."
  type        = set(string)
  default     = ["0.0.0.0/0"]
}

variable "time_zone" {
  description = "IANA time zone that decides which day is today."
  type        = string
  default     = "Etc/UTC"
}

variable "snapshot_id" {
  description = "Snapshot from which the data volume is made, for a restore."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "Address that hears of a failed instance and of the budget."
  type        = string
}

variable "tags" {
  description = "Further tags of everything."
  type        = map(string)
  default     = {}
}
