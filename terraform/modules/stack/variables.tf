variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "size" {
  description = "What the environment is made of; everything that costs is here. The cost table of docs/terraform-cost.md is computed from it."
  type = object({
    # Networking
    nat                 = optional(string, "single")
    zones               = optional(list(string), ["a", "b", "c"])
    interface_endpoints = optional(set(string), [])

    # Cluster
    scaling = optional(string, "managed-nodes")
    node_groups = map(object({
      instance_types = list(string)
      capacity_type  = optional(string, "ON_DEMAND")
      architecture   = optional(string, "arm64")
      minimum        = optional(number, 1)
      maximum        = optional(number, 3)
      desired        = optional(number, 2)
      disk_gibibytes = optional(number, 20)
    }))

    # Database
    database = object({
      engine           = optional(string, "instance")
      postgres_version = optional(number, 18)
      instance_class   = string
      storage          = optional(object({ allocated = number, maximum = number }), { allocated = 20, maximum = 100 })
      multi_az         = optional(bool, false)
      replicas         = optional(number, 0)
      backup_days      = optional(number, 7)
      insights         = optional(bool, false)
      export           = optional(bool, false)
    })

    # Watching
    vault              = optional(bool, false)
    vault_lock         = optional(bool, false)
    guardduty          = optional(bool, false)
    config             = optional(bool, false)
    record_data        = optional(bool, false)
    pod_logs           = optional(bool, false)
    log_retention_days = optional(number, 365)
    cdn                = optional(bool, false)

    budget_usd = number
  })
}

variable "protected" {
  description = "Deletion protection everywhere, a last snapshot, secrets that can be brought back. Off for what comes and goes."
  type        = bool
}

variable "cidr" {
  description = "IPv4 range of the VPC."
  type        = string
  default     = "10.0.0.0/16"
}

variable "domain" {
  description = "Domain of the environment, and an existing hosted zone or null for a new one; null: no names, no certificates."
  type        = object({ name = string, zone_id = optional(string) })
  default     = null

  validation {
    condition     = var.domain != null || !var.size.cdn
    error_message = "The documentation's site (size.cdn) needs a domain."
  }
}

variable "alarm_email" {
  description = "Address that receives alarms and the budget's warnings."
  type        = string
}

variable "access" {
  description = "Who may use the cluster, as in the module eks."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}
}

variable "secret_operator_arns" {
  description = "Roles of people that write, rotate and read secrets."
  type        = list(string)
  default     = []
}

variable "public_access_cidrs" {
  description = "Networks that reach the API server over the internet; empty: none."
  type        = list(string)
  default     = []
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
  default     = "1.36"
}

variable "identity" {
  description = "How pods get their role: pod-identity or irsa."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa"], var.identity)
    error_message = "One of: pod-identity, irsa."
  }
}

variable "account_defaults" {
  description = "Set the account's own defaults; one environment of an account does so."
  type        = bool
  default     = true
}

variable "github" {
  description = "Roles for the jobs of a repository; null for none. Each role has a GitHub environment of its own: NAME-plan, NAME-apply, NAME-push."
  type = object({
    repository       = string
    create_provider  = optional(bool, true)
    state_bucket_arn = string
    state_key_arn    = string
  })
  default = null
}

variable "tags" {
  description = "Tags of everything: the provider's default_tags, and here for what those do not reach."
  type        = map(string)
  default     = {}
}
