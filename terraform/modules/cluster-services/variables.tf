variable "versions" {
  description = "Exact versions of the charts, and of the image of Velero's plug-in for AWS."
  type = object({
    load_balancer_controller = optional(string, "3.5.0")
    external_dns             = optional(string, "1.21.1")
    external_secrets         = optional(string, "2.9.0")
    karpenter                = optional(string, "1.14.1")
    velero                   = optional(string, "12.1.0")
    velero_plugin            = optional(string, "v1.13.1")
  })
  default = {}

  validation {
    condition     = alltrue([for version in values(var.versions) : can(regex("^v?[0-9]+\\.[0-9]+\\.[0-9]+$", version))])
    error_message = "Exact versions such as 2.9.0."
  }
}

variable "cluster_name" {
  description = "The cluster; load balancers and records carry its name."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as eu-central-1."
  }
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "domain" {
  description = "Domain whose records external-dns keeps; null runs none."
  type        = string
  default     = null
}

variable "karpenter" {
  description = "Run Karpenter with this queue of interruptions and this role of nodes; null runs none."
  type        = object({ queue = string, node_role = string })
  default     = null
}

variable "velero_bucket" {
  description = "Bucket of Velero's backups; null runs none."
  type        = string
  default     = null
}

variable "backup_namespaces" {
  description = "Namespaces that Velero copies."
  type        = list(string)
  default     = ["myhealth", "monitoring"]

  validation {
    condition     = length(var.backup_namespaces) > 0 && !contains(var.backup_namespaces, "*")
    error_message = "Name them: a copy of everything cannot be restored into a running cluster."
  }
}

variable "service_account_annotations" {
  description = "Annotations of the ServiceAccounts, from workload-identity; empty with Pod Identity."
  type        = map(map(string))
  default     = {}
}
