variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "keep_images" {
  description = "Images kept; older ones are removed."
  type        = number
  default     = 10

  validation {
    condition     = var.keep_images >= 3 && var.keep_images <= 1000
    error_message = "3 to 1000: with fewer there is nothing to roll back to."
  }
}

variable "puller_arns" {
  description = "Roles of other accounts that pull, such as nodes of production from a shared registry."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.puller_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role/.+|root)$", arn))])
    error_message = "ARNs of roles or of accounts' roots."
  }
}

variable "pull_through" {
  description = "Public registries that are copied when they are first asked for: prefix in ECR → upstream and, where it wants one, the secret with credentials (its name begins with ecr-pullthroughcache/)."
  type        = map(object({ upstream = string, credential_arn = optional(string) }))
  default     = {}

  validation {
    condition = alltrue([for rule in var.pull_through :
      contains(["public.ecr.aws", "registry.k8s.io", "quay.io"], rule.upstream) || try(strcontains(rule.credential_arn, ":secret:ecr-pullthroughcache/"), false)
    ])
    error_message = "Without credentials: public.ecr.aws, registry.k8s.io and quay.io. Others, such as ghcr.io, need a secret whose name begins with ecr-pullthroughcache/."
  }
}

variable "force_delete" {
  description = "Delete the repository with its images, for environments that come and go."
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
