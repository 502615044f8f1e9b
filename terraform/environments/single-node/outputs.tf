output "url" {
  description = "Where the API is reached; null without a domain."
  value       = module.single_node.url
}

output "page" {
  description = "Opens the page with gauges on this machine."
  value       = module.single_node.page
}

output "log_in" {
  description = "Opens a shell on the instance."
  value       = module.single_node.log_in
}

output "instance_id" {
  description = "The instance."
  value       = module.single_node.instance_id
}

output "volume_id" {
  description = "The volume with the database."
  value       = module.single_node.volume_id
}
