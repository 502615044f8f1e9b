locals {
  monitoring = "monitoring"
  logging    = "logging"

  # Names that other modules and the chart use: the ServiceAccounts of workload-identity, the endpoint of OTLP.
  collector_host = "collector.${local.monitoring}.svc.cluster.local"

  annotations = { for name in ["collector", "fluent-bit", "yace"] : name => lookup(var.service_account_annotations, name, {}) }
}

resource "helm_release" "kube_prometheus_stack" {
  name             = "kube-prometheus-stack"
  repository       = "oci://ghcr.io/prometheus-community/charts"
  chart            = "kube-prometheus-stack"
  version          = var.versions.kube_prometheus_stack
  namespace        = local.monitoring
  create_namespace = true
  atomic           = true
  timeout          = 900

  values = [yamlencode({
    prometheus = {
      prometheusSpec = {
        retention      = "${var.retention_days}d"
        externalLabels = { cluster = var.cluster_name }
        # Monitors of any release, not only this one's.
        serviceMonitorSelectorNilUsesHelmValues = false
        podMonitorSelectorNilUsesHelmValues     = false
        ruleSelectorNilUsesHelmValues           = false
        probeSelectorNilUsesHelmValues          = false
        # History: years, corrected, day by day, without backfill (docs/history.md).
        remoteRead = [{
          url              = "http://myhealth-api.${var.namespace}.svc:8872/api/v1/prometheus/read"
          readRecent       = true
          requiredMatchers = { source = "history" }
          authorization    = { credentials = { name = var.remote_read_token_secret, key = "token" } }
        }]
        storageSpec = var.storage_gibibytes.prometheus == 0 ? null : {
          volumeClaimTemplate = { spec = {
            accessModes = ["ReadWriteOnce"]
            resources   = { requests = { storage = "${var.storage_gibibytes.prometheus}Gi" } }
          } }
        }
        resources = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "1Gi" } }
      }
    }
    grafana = {
      admin       = { existingSecret = var.grafana_secret, userKey = "admin-user", passwordKey = "admin-password" }
      persistence = { enabled = var.storage_gibibytes.grafana > 0, size = "${max(var.storage_gibibytes.grafana, 1)}Gi" }
      sidecar     = { dashboards = { enabled = true, searchNamespace = "ALL", label = "grafana_dashboard", folderAnnotation = "grafana_folder", provider = { foldersFromFilesStructure = true } } }
      "grafana.ini" = {
        "auth.anonymous" = { enabled = false }
        analytics        = { reporting_enabled = false, check_for_updates = false }
        security         = { cookie_secure = true, disable_gravatar = true }
      }
    }
    # EKS keeps these to itself.
    kubeControllerManager = { enabled = false }
    kubeScheduler         = { enabled = false }
    kubeEtcd              = { enabled = false }
  })]
}

resource "helm_release" "collector" {
  count = var.traces ? 1 : 0

  name             = "collector"
  repository       = "https://open-telemetry.github.io/opentelemetry-helm-charts"
  chart            = "opentelemetry-collector"
  version          = var.versions.collector
  namespace        = local.monitoring
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    mode             = "deployment"
    fullnameOverride = "collector"
    image            = { repository = "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib" }
    command          = { name = "otelcol-contrib" }
    serviceAccount   = { name = "collector", annotations = local.annotations["collector"] }
    config = {
      receivers  = { otlp = { protocols = { grpc = { endpoint = "0.0.0.0:4317" }, http = { endpoint = "0.0.0.0:4318" } } } }
      processors = { memory_limiter = { check_interval = "1s", limit_percentage = 80 }, batch = {} }
      exporters  = { awsxray = { region = var.region } }
      service = { pipelines = {
        traces  = { receivers = ["otlp"], processors = ["memory_limiter", "batch"], exporters = ["awsxray"] }
        metrics = null
        logs    = null
      } }
    }
    resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "256Mi" } }
  })]
}

resource "helm_release" "fluent_bit" {
  count = var.log_group == null ? 0 : 1

  name             = "fluent-bit"
  repository       = "https://fluent.github.io/helm-charts"
  chart            = "fluent-bit"
  version          = var.versions.fluent_bit
  namespace        = local.logging
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    serviceAccount = { name = "fluent-bit", annotations = local.annotations["fluent-bit"] }
    config = {
      outputs = join("\n", [
        "[OUTPUT]",
        "    Name cloudwatch_logs",
        "    Match kube.*",
        "    region ${var.region}",
        "    log_group_name ${var.log_group}",
        "    log_stream_prefix ${var.cluster_name}-",
        # The group is Terraform's, with its key and its retention.
        "    auto_create_group false",
      ])
    }
    resources = { requests = { cpu = "50m", memory = "64Mi" }, limits = { memory = "128Mi" } }
  })]
}

resource "helm_release" "yace" {
  count = var.cloudwatch ? 1 : 0

  name             = "yace"
  repository       = "oci://ghcr.io/prometheus-community/charts"
  chart            = "prometheus-yet-another-cloudwatch-exporter"
  version          = var.versions.yace
  namespace        = local.monitoring
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    serviceAccount = { name = "yace", annotations = local.annotations["yace"] }
    serviceMonitor = { enabled = true, interval = "300s" }
    config = yamlencode({
      apiVersion = "v1alpha1"
      discovery = { jobs = [
        for kind, metrics in {
          "AWS/RDS"            = ["CPUUtilization", "DatabaseConnections", "FreeableMemory", "FreeStorageSpace", "ReadLatency", "WriteLatency"]
          "AWS/ApplicationELB" = ["RequestCount", "TargetResponseTime", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"]
          "AWS/ApiGateway"     = ["Count", "Latency", "4xx", "5xx"]
          } : {
          type    = kind
          regions = [var.region]
          period  = 300
          length  = 300
          metrics = [for metric in metrics : { name = metric, statistics = ["Average", "Sum"] }]
        }
      ] }
    })
  })]
}

resource "helm_release" "keda" {
  count = var.scaler == "keda" ? 1 : 0

  name             = "keda"
  repository       = "https://kedacore.github.io/charts"
  chart            = "keda"
  version          = var.versions.keda
  namespace        = "keda"
  create_namespace = true
  atomic           = true
}

resource "helm_release" "prometheus_adapter" {
  count = var.scaler == "adapter" ? 1 : 0

  name             = "prometheus-adapter"
  repository       = "oci://ghcr.io/prometheus-community/charts"
  chart            = "prometheus-adapter"
  version          = var.versions.prometheus_adapter
  namespace        = local.monitoring
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    prometheus = { url = "http://kube-prometheus-stack-prometheus.${local.monitoring}.svc", port = 9090 }
    rules = { default = false, custom = [
      {
        seriesQuery  = "myhealth_http_requests_in_flight{namespace!=\"\",pod!=\"\"}"
        resources    = { overrides = { namespace = { resource = "namespace" }, pod = { resource = "pod" } } }
        metricsQuery = "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"
      },
    ] }
  })]

  depends_on = [helm_release.kube_prometheus_stack]
}
