output "arns" {
  description = "ARN of each secret."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.arn }
}

output "contract" {
  description = "What the chart's ExternalSecrets take: for each secret its name in Secrets Manager and its keys, each with the program's setting that reads it (null: not the program's)."
  value = { for name, secret in local.secrets : name => {
    remote = aws_secretsmanager_secret.main[name].name
    keys   = secret.keys
  } }
}
