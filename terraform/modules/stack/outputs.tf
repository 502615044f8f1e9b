output "database" {
  description = "Where the database is, for scripts/database-roles.sh; replica_host is null without one."
  value = {
    host         = module.rds.host
    replica_host = module.rds.replica_host
    port         = module.rds.port
    name         = module.rds.database
  }
}

output "platform" {
  description = "Variables of the platform's own apply. scripts/platform-variables.sh writes them."
  value = {
    name          = var.name
    region        = local.region
    cluster_name  = module.eks.cluster_name
    vpc_id        = module.networking.vpc_id
    subnet_ids    = module.networking.private_subnet_ids
    domain        = try(var.domain.name, null)
    zone_id       = var.domain == null ? null : module.dns[0].zone_id
    certificate   = var.domain == null ? null : module.dns[0].certificate_arn
    velero_bucket = module.backup.buckets["velero"].name
    log_group     = var.size.pod_logs ? aws_cloudwatch_log_group.pods[0].name : null
    kms_key_arn   = aws_kms_key.main.arn
    karpenter     = var.size.scaling == "karpenter" ? { queue = module.eks.interruption_queue.name, node_role = module.eks.node_role_arn } : null

    service_account_annotations = module.workload_identity.service_account_annotations
  }
}

output "master_secret_arn" {
  description = "Secret of the database's master, for scripts/database-roles.sh."
  value       = module.rds.master_secret_arn
}

output "kms_key_arn" {
  description = "The environment's key."
  value       = aws_kms_key.main.arn
}

output "name_servers" {
  description = "Name servers of a new zone, to delegate to."
  value       = var.domain == null ? [] : module.dns[0].name_servers
}

output "github_role_arns" {
  description = "Roles of GitHub's jobs."
  value       = var.github == null ? {} : module.github_oidc[0].role_arns
}
