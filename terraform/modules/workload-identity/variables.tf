variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "cluster_name" {
  description = "EKS cluster in which the workloads run."
  type        = string
}

variable "identity" {
  description = "How pods get their role: pod-identity, or irsa where there is no Pod Identity agent (Fargate)."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa"], var.identity)
    error_message = "One of: pod-identity, irsa."
  }
}

variable "oidc_provider" {
  description = "With irsa: the cluster's IAM OIDC provider and its issuer without https://."
  type        = object({ arn = string, issuer = string })
  default     = null

  validation {
    condition     = (var.identity == "irsa") == (var.oidc_provider != null)
    error_message = "irsa needs the OIDC provider, and pod-identity has no use for one."
  }
}

variable "service_accounts" {
  description = "Where each workload runs, by the name of its policy. A workload that is not named gets no role."
  type        = map(object({ namespace = string, service_account = string }))

  validation {
    condition = alltrue([for name in keys(var.service_accounts) : contains(
      ["myhealth", "external-secrets", "external-dns", "load-balancer-controller", "karpenter", "velero", "fluent-bit", "collector", "yace"], name,
    )])
    error_message = "Known workloads: myhealth, external-secrets, external-dns, load-balancer-controller, karpenter, velero, fluent-bit, collector, yace."
  }
}

variable "results" {
  description = "Where the program puts results of jobs (--jobs.results): bucket and prefix."
  type        = object({ bucket_arn = string, prefix = string })
  default     = null

  validation {
    condition     = var.results == null || can(regex("^[a-z0-9][a-z0-9/_-]*[a-z0-9]$", var.results.prefix))
    error_message = "A prefix without slashes at its ends: two installations that share a bucket need one each."
  }
}

variable "secret_arns" {
  description = "Secrets that External Secrets may read."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^*]", arn))])
    error_message = "ARNs of secrets, none of which begins with a wildcard."
  }
}

variable "zone_arn" {
  description = "Hosted zone in which external-dns keeps records."
  type        = string
  default     = null
}

variable "velero_bucket_arn" {
  description = "Bucket of Velero's backups."
  type        = string
  default     = null
}

variable "log_group_arn" {
  description = "Log group into which Fluent Bit writes."
  type        = string
  default     = null
}

variable "karpenter" {
  description = "Role of Karpenter's nodes and its queue of interruptions."
  type        = object({ node_role_arn = string, queue_arn = string })
  default     = null
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
