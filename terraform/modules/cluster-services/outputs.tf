output "versions" {
  description = "Versions of the charts that run."
  value       = var.versions
}
