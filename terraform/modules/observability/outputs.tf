output "collector_host" {
  description = "The OpenTelemetry collector's name in the cluster; null without traces."
  value       = var.traces ? local.collector_host : null
}

output "chart_values" {
  description = "What the chart takes about observability, by the names of its values.yaml."
  value = {
    otlp          = { endpoint = var.traces ? "http://${local.collector_host}:4318" : "" }
    networkPolicy = { otlp = [{ namespaceSelector = { matchLabels = { "kubernetes.io/metadata.name" = local.monitoring } } }] }
    monitoring = {
      serviceMonitor = { enabled = true }
      prometheusRule = { enabled = true }
      dashboards     = { enabled = true }
    }
    # Without a scaler of metrics the HorizontalPodAutoscaler goes by CPU, which metrics-server tells.
    api = { autoscaling = {
      type             = var.scaler == "keda" ? "keda" : "hpa"
      requestsInFlight = var.scaler == "none" ? 0 : 20
      prometheusUrl    = "http://kube-prometheus-stack-prometheus.${local.monitoring}.svc:9090"
    } }
  }
}
