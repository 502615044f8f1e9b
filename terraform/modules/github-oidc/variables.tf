variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "repository" {
  description = "The repository on GitHub, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "owner/name, without wildcards."
  }
}

variable "create_provider" {
  description = "Make GitHub's OIDC provider; an account has one, so the other environments of the account say false."
  type        = bool
  default     = true
}

variable "roles" {
  description = "Roles by name: the GitHub environment whose jobs may take them, and what they may do. plan reads, apply administers what Terraform made, push writes images."
  type = map(object({
    environment = string
    kind        = string
  }))
  default = {
    plan  = { environment = "plan", kind = "plan" }
    apply = { environment = "apply", kind = "apply" }
    push  = { environment = "release", kind = "push" }
  }

  validation {
    condition     = alltrue([for role in var.roles : contains(["plan", "apply", "push"], role.kind)])
    error_message = "kind is plan, apply or push."
  }

  validation {
    condition     = alltrue([for role in var.roles : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", role.environment))])
    error_message = "environment is the name of one GitHub environment, without wildcards."
  }

  validation {
    condition     = length(distinct([for role in var.roles : role.environment])) == length(var.roles)
    error_message = "Each role has an environment of its own: otherwise a plan's job could take the role that applies."
  }
}

variable "state_bucket_arn" {
  description = "Bucket of Terraform's states."
  type        = string
}

variable "state_key_arn" {
  description = "Key that encrypts the states."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.state_key_arn))
    error_message = "The ARN of a KMS key."
  }
}

variable "state_prefix" {
  description = "Where this environment's states lie in the bucket, such as dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9/-]*[a-z0-9]$", var.state_prefix))
    error_message = "A prefix without slashes at its ends."
  }
}

variable "repository_arn" {
  description = "ECR repository into which push may write; null without such a role."
  type        = string
  default     = null

  validation {
    condition     = var.repository_arn != null || !contains([for role in var.roles : role.kind], "push")
    error_message = "A role of the kind push needs the repository."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds what the role that applies may ever do; null for none."
  type        = string
  default     = null
}
