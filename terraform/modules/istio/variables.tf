variable "chart_version" {
  description = "Version of Istio's charts. Each minor is supported for about eight months."
  type        = string
  default     = "1.30.3"

  validation {
    condition     = can(regex("^1\\.[0-9]+\\.[0-9]+$", var.chart_version)) && try(tonumber(split(".", var.chart_version)[1]) >= 30, false)
    error_message = "A whole version of 1.30 or newer, such as 1.30.3."
  }
}

variable "mode" {
  description = "ambient (one proxy per node, none in pods) or sidecar."
  type        = string
  default     = "ambient"

  validation {
    condition     = contains(["ambient", "sidecar"], var.mode)
    error_message = "One of: ambient, sidecar."
  }
}

variable "egress" {
  description = "What pods of the mesh reach outside: ALLOW_ANY, or REGISTRY_ONLY (then Oura's hosts need the chart's ServiceEntry)."
  type        = string
  default     = "REGISTRY_ONLY"

  validation {
    condition     = contains(["ALLOW_ANY", "REGISTRY_ONLY"], var.egress)
    error_message = "One of: ALLOW_ANY, REGISTRY_ONLY."
  }
}

variable "replicas" {
  description = "Replicas of istiod; with more than one there is a disruption budget."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 1 && var.replicas <= 5
    error_message = "1 to 5."
  }
}

variable "tracing_endpoint" {
  description = "Host of the OpenTelemetry collector's gRPC port 4317, within the cluster; null for no traces of the mesh."
  type        = string
  default     = null
}
