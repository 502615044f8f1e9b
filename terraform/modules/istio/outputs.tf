output "version" {
  description = "Version of Istio."
  value       = helm_release.istiod.version
}
