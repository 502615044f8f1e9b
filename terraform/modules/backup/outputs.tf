output "buckets" {
  description = "Name and ARN of each bucket, by what it holds."
  value       = { for kind, bucket in aws_s3_bucket.main : kind => { name = bucket.id, arn = bucket.arn } }
}

output "vault_arn" {
  description = "Vault of recovery points; null if nothing is copied."
  value       = local.vault ? aws_backup_vault.main[0].arn : null
}
