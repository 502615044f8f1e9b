output "chart_values" {
  description = "What the chart's values take about observability."
  value = {
    otlpEndpoint   = var.traces ? "http://${local.collector_host}:4318" : null
    collectorHost  = var.traces ? local.collector_host : null
    scaler         = var.scaler
    prometheusUrl  = "http://kube-prometheus-stack-prometheus.${local.monitoring}.svc:9090"
    serviceMonitor = true
  }
}
