variable "environment" {
  description = "Which environment: the name of a file in sizes/, and part of every name."
  type        = string

  validation {
    condition     = fileexists("${path.module}/sizes/${var.environment}.json")
    error_message = "sizes/ has no file of this name."
  }
}

variable "region" {
  description = "Region of the environment."
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

variable "alarm_email" {
  description = "Address that receives alarms and the budget's warnings."
  type        = string
}

variable "cidr" {
  description = "IPv4 range of the VPC."
  type        = string
  default     = "10.0.0.0/16"
}

variable "domain" {
  description = "Domain of the environment, and an existing hosted zone or null for a new one."
  type        = object({ name = string, zone_id = optional(string) })
  default     = null
}

variable "access" {
  description = "Who may use the cluster, as in modules/eks."
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
}

variable "account_defaults" {
  description = "Set the account's own defaults; one environment of an account does so."
  type        = bool
  default     = true
}

variable "github" {
  description = "Roles for the jobs of a repository, as in modules/stack; null for none."
  type = object({
    repository       = string
    create_provider  = optional(bool, true)
    state_bucket_arn = string
    state_key_arn    = string
  })
  default = null
}

variable "tags" {
  description = "Further tags of everything."
  type        = map(string)
  default     = {}
}
