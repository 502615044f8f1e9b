variable "platform" {
  description = "The environment's output `platform`, which scripts/platform-variables.sh writes."
  type = object({
    name          = string
    region        = string
    cluster_name  = string
    vpc_id        = string
    subnet_ids    = list(string)
    domain        = optional(string)
    zone_id       = optional(string)
    certificate   = optional(string)
    velero_bucket = optional(string)
    log_group     = optional(string)
    kms_key_arn   = string
    karpenter     = optional(object({ queue = string, node_role = string }))

    service_account_annotations = map(map(string))
  })
}

variable "cloudwatch" {
  description = "Read metrics of RDS, load balancers and API Gateway into Prometheus."
  type        = bool
  default     = false
}

variable "scaler" {
  description = "What gives the autoscaler the program's own metrics: keda, adapter or none."
  type        = string
  default     = "keda"

  validation {
    condition     = contains(["keda", "adapter", "none"], var.scaler)
    error_message = "One of: keda, adapter, none."
  }
}

variable "istio" {
  description = "Install Istio; null for none."
  type        = object({ mode = optional(string, "ambient"), egress = optional(string, "REGISTRY_ONLY") })
  default     = null
}

variable "gateway" {
  description = "API Gateway before the load balancer that the chart's Ingress made; null for none."
  type = object({
    listener_arn      = string
    security_group_id = string
    waf               = optional(bool, false)
    authorizer        = optional(object({ issuer = string, audience = set(string), scopes = optional(set(string)) }))
  })
  default = null

  validation {
    condition     = var.gateway == null || try(var.platform.domain, null) != null
    error_message = "A gateway needs the environment's domain."
  }
}
