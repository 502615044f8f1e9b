output "repository_url" {
  description = "Where images are pushed and pulled."
  value       = aws_ecr_repository.main.repository_url
}

output "repository_arn" {
  description = "ARN of the repository, for the role that pushes."
  value       = aws_ecr_repository.main.arn
}

output "pull_through_prefixes" {
  description = "Upstream → prefix of its copies in this registry."
  value       = { for prefix, rule in var.pull_through : rule.upstream => prefix }
}
