variable "versions" {
  description = "Exact versions of the charts."
  type = object({
    kube_prometheus_stack = optional(string, "88.5.3")
    collector             = optional(string, "0.170.0")
    fluent_bit            = optional(string, "0.58.1")
    yace                  = optional(string, "0.47.0")
    keda                  = optional(string, "2.20.2")
    prometheus_adapter    = optional(string, "5.3.0")
  })
  default = {}

  validation {
    condition     = alltrue([for version in values(var.versions) : can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", version))])
    error_message = "Exact versions such as 88.5.3: a range installs something else tomorrow."
  }
}

variable "region" {
  description = "Region of X-Ray and CloudWatch."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as eu-central-1."
  }
}

variable "namespace" {
  description = "Namespace of myhealth, whose API answers remote read."
  type        = string
  default     = "myhealth"
}

variable "remote_read_token_secret" {
  description = "Secret of the monitoring namespace with the token (scope remote-read) under the key token."
  type        = string
  default     = "myhealth-remote-read"
}

variable "retention_days" {
  description = "How long Prometheus keeps samples. History of years comes from the API by remote read."
  type        = number
  default     = 15

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 90
    error_message = "1 to 90 days."
  }
}

variable "storage_gibibytes" {
  description = "Volumes of Prometheus and Grafana; 0 keeps samples in the pod only."
  type        = object({ prometheus = number, grafana = number })
  default     = { prometheus = 20, grafana = 2 }

  validation {
    condition     = var.storage_gibibytes.prometheus >= 0 && var.storage_gibibytes.grafana >= 0
    error_message = "0 or more."
  }
}

variable "grafana_secret" {
  description = "Secret of the monitoring namespace with admin-user and admin-password: the ExternalSecret of the secrets module's grafana."
  type        = string
  default     = "myhealth-grafana"
}

variable "scaler" {
  description = "What gives the autoscaler the program's own metrics: keda, adapter (prometheus-adapter) or none. Never two for one Deployment."
  type        = string
  default     = "keda"

  validation {
    condition     = contains(["keda", "adapter", "none"], var.scaler)
    error_message = "One of: keda, adapter, none."
  }
}

variable "traces" {
  description = "Run an OpenTelemetry collector that sends traces to X-Ray."
  type        = bool
  default     = true
}

variable "log_group" {
  description = "CloudWatch log group into which Fluent Bit writes; null: logs stay with the nodes."
  type        = string
  default     = null
}

variable "cloudwatch" {
  description = "Read metrics of RDS, load balancers and API Gateway into Prometheus (YACE). Bills each request."
  type        = bool
  default     = false
}

variable "service_account_annotations" {
  description = "Annotations of the ServiceAccounts of collector, fluent-bit and yace, from workload-identity; empty with Pod Identity."
  type        = map(map(string))
  default     = {}
}

variable "cluster_name" {
  description = "Name of the cluster, an external label of all samples."
  type        = string
}
