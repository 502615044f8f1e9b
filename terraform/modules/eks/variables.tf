variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. Standard support of 1.34 ends on 2026-12-02; what is older costs six times as much."
  type        = string
  default     = "1.36"

  validation {
    condition     = can(regex("^1\\.[0-9]+$", var.kubernetes_version)) && try(tonumber(split(".", var.kubernetes_version)[1]) >= 35, false)
    error_message = "1.35 or newer, as major.minor: older versions are near or in paid extended support."
  }
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of nodes and of the control plane's interfaces, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "EKS needs subnets in at least two zones."
  }
}

variable "public_access_cidrs" {
  description = "Networks that reach the API server over the internet; empty: none, it is reached from the VPC only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "Networks as 203.0.113.0/24; the whole internet (/0) is refused."
  }
}

variable "scaling" {
  description = "Who makes nodes: managed-nodes (node groups), karpenter (a small node group for Karpenter itself, and what it needs) or auto (EKS Auto Mode)."
  type        = string
  default     = "managed-nodes"

  validation {
    condition     = contains(["managed-nodes", "karpenter", "auto"], var.scaling)
    error_message = "One of: managed-nodes, karpenter, auto."
  }
}

variable "node_groups" {
  description = "Managed node groups by name. Not used with scaling = auto."
  type = map(object({
    instance_types = list(string)
    capacity_type  = optional(string, "ON_DEMAND")
    architecture   = optional(string, "arm64")
    minimum        = optional(number, 1)
    maximum        = optional(number, 3)
    desired        = optional(number, 2)
    disk_gibibytes = optional(number, 20)
    labels         = optional(map(string), {})
    taints         = optional(map(object({ value = optional(string), effect = string })), {})
  }))
  default = {
    main = { instance_types = ["t4g.medium", "t4g.large"] }
  }

  validation {
    condition     = alltrue([for group in var.node_groups : contains(["ON_DEMAND", "SPOT"], group.capacity_type)])
    error_message = "capacity_type is ON_DEMAND or SPOT."
  }

  validation {
    condition     = alltrue([for group in var.node_groups : contains(["arm64", "x86_64"], group.architecture)])
    error_message = "architecture is arm64 or x86_64."
  }

  validation {
    condition     = alltrue([for group in var.node_groups : group.minimum <= group.desired && group.desired <= group.maximum && group.maximum > 0])
    error_message = "minimum ≤ desired ≤ maximum, and maximum is at least 1."
  }

  validation {
    condition     = alltrue([for group in var.node_groups : length(group.instance_types) > 0])
    error_message = "Each group names at least one instance type; spot groups should name several."
  }
}

variable "addons" {
  description = "Add-ons and their versions; null takes EKS's default for the Kubernetes version. Pin them in production."
  type        = map(string)
  default = {
    vpc-cni                = null
    kube-proxy             = null
    eks-pod-identity-agent = null
    coredns                = null
    aws-ebs-csi-driver     = null
    metrics-server         = null
  }

  validation {
    condition     = alltrue([for name in ["vpc-cni", "kube-proxy", "coredns"] : contains(keys(var.addons), name)])
    error_message = "A cluster needs vpc-cni, kube-proxy and coredns."
  }
}

variable "access" {
  description = "Who may use the cluster: IAM principal, EKS access policy and, for other than view-only or cluster-wide policies, namespaces."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for entry in var.access : contains(["AmazonEKSViewPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSEditPolicy", "AmazonEKSAdminPolicy", "AmazonEKSClusterAdminPolicy"], entry.policy)])
    error_message = "policy is AmazonEKSViewPolicy, AmazonEKSAdminViewPolicy, AmazonEKSEditPolicy, AmazonEKSAdminPolicy or AmazonEKSClusterAdminPolicy."
  }

  validation {
    condition     = alltrue([for entry in var.access : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", entry.principal_arn))])
    error_message = "principal_arn is the ARN of an IAM role or user."
  }

  validation {
    condition     = alltrue([for entry in var.access : length(entry.namespaces) > 0 || entry.policy != "AmazonEKSEditPolicy"])
    error_message = "AmazonEKSEditPolicy is for namespaces; name them."
  }
}

variable "oidc_provider" {
  description = "Make an IAM OIDC provider, for IRSA: Fargate and clusters off EC2 need it. Pod Identity needs none."
  type        = bool
  default     = false
}

variable "control_plane_logs" {
  description = "Log types of the control plane."
  type        = set(string)
  default     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  validation {
    condition     = contains(var.control_plane_logs, "audit")
    error_message = "The audit log is not optional."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's logs are kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "A retention that CloudWatch Logs has, of 30 days or more: 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of what the provider's default_tags do not reach: instances and volumes of nodes."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
