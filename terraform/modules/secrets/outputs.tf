output "arns" {
  description = "ARN of each secret."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.arn }
}

output "names" {
  description = "Name of each secret in Secrets Manager."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.name }
}

output "keys" {
  description = "Keys of each secret."
  value       = { for name, secret in local.secrets : name => secret.keys }
}
