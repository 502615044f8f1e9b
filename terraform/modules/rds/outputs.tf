output "host" {
  description = "Name of the server that is written to."
  value       = local.aurora ? aws_rds_cluster.main[0].endpoint : aws_db_instance.main[0].address
}

output "replica_host" {
  description = "Name of a server that answers reads; null without replicas."
  value = var.replicas == 0 ? null : (
    local.aurora ? aws_rds_cluster.main[0].reader_endpoint : aws_db_instance.replica[0].address
  )
}

output "port" {
  description = "Port of PostgreSQL."
  value       = 5432
}

output "database" {
  description = "Name of the database."
  value       = "myhealth"
}

output "arn" {
  description = "ARN of the instance or the cluster; what a backup plan names."
  value       = local.aurora ? aws_rds_cluster.main[0].arn : aws_db_instance.main[0].arn
}

output "master_secret_arn" {
  description = "Secret with the master's password, which RDS keeps and changes. For making roles, not for the program."
  value       = local.aurora ? aws_rds_cluster.main[0].master_user_secret[0].secret_arn : aws_db_instance.main[0].master_user_secret[0].secret_arn
}

output "security_group_id" {
  description = "Group of the database."
  value       = aws_security_group.database.id
}
