output "chart_values" {
  description = "Values of the chart that follow from this environment."
  value       = module.stack.chart_values
}

output "database" {
  description = "Where the database is, for scripts/database-roles.sh."
  value       = module.stack.database
}

output "platform" {
  description = "Variables of the platform's own apply."
  value       = module.stack.platform
}

output "master_secret_arn" {
  description = "Secret of the database's master, for scripts/database-roles.sh."
  value       = module.stack.master_secret_arn
}

output "name_servers" {
  description = "Name servers of a new zone, to delegate to."
  value       = module.stack.name_servers
}

output "github_role_arns" {
  description = "Roles of GitHub's jobs."
  value       = module.stack.github_role_arns
}
