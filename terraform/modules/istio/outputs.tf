output "version" {
  description = "Version of Istio."
  value       = helm_release.istiod.version
}

output "chart_values" {
  description = "What the chart's values take about the mesh."
  value = {
    mode   = var.mode
    egress = var.egress
    # A sidecar would keep a Job's pod from ending.
    jobLabels = var.mode == "sidecar" ? { "sidecar.istio.io/inject" = "false" } : {}
  }
}
