data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

locals {
  region = data.aws_region.current.region

  # Namespaces and ServiceAccounts: of the chart (myhealth), of modules/observability and modules/cluster-services.
  service_accounts = merge(
    {
      myhealth                 = { namespace = "myhealth", service_account = "myhealth" }
      external-secrets         = { namespace = "external-secrets", service_account = "external-secrets" }
      load-balancer-controller = { namespace = "kube-system", service_account = "aws-load-balancer-controller" }
      velero                   = { namespace = "velero", service_account = "velero-server" }
      collector                = { namespace = "monitoring", service_account = "collector" }
      yace                     = { namespace = "monitoring", service_account = "yace" }
    },
    var.domain == null ? {} : { external-dns = { namespace = "external-dns", service_account = "external-dns" } },
    var.size.scaling == "karpenter" ? { karpenter = { namespace = "kube-system", service_account = "karpenter" } } : {},
    var.size.pod_logs ? { fluent-bit = { namespace = "logging", service_account = "fluent-bit" } } : {},
  )

  results_prefix = "results"
}

module "security_baseline" {
  source = "../security-baseline"

  name             = var.name
  alarm_email      = var.alarm_email
  budget_usd       = var.size.budget_usd
  guardduty        = var.size.guardduty
  config           = var.size.config
  trail_buckets    = var.size.record_data ? [module.backup.buckets["results"].arn, module.backup.buckets["exports"].arn] : []
  account_defaults = var.account_defaults
  force_destroy    = !var.protected
  kms_key_arn      = aws_kms_key.main.arn
}

module "networking" {
  source = "../networking"

  name                    = var.name
  cidr                    = var.cidr
  zones                   = [for letter in var.size.zones : "${local.region}${letter}"]
  nat                     = var.size.nat
  interface_endpoints     = var.size.interface_endpoints
  cluster_name            = var.name
  flow_log_retention_days = var.size.log_retention_days
  kms_key_arn             = aws_kms_key.main.arn
}

module "eks" {
  source = "../eks"

  name                = var.name
  kubernetes_version  = var.kubernetes_version
  vpc_id              = module.networking.vpc_id
  subnet_ids          = module.networking.private_subnet_ids
  public_access_cidrs = var.public_access_cidrs
  scaling             = var.size.scaling
  node_groups         = var.size.node_groups
  access              = var.access
  oidc_provider       = var.identity == "irsa"
  deletion_protection = var.protected
  log_retention_days  = var.size.log_retention_days
  tags                = var.tags
  kms_key_arn         = aws_kms_key.main.arn
}

module "rds" {
  source = "../rds"

  name                      = var.name
  engine                    = var.size.database.engine
  postgres_version          = var.size.database.postgres_version
  instance_class            = var.size.database.instance_class
  storage_gibibytes         = var.size.database.storage
  multi_az                  = var.size.database.multi_az
  replicas                  = var.size.database.replicas
  backup_days               = var.size.database.backup_days
  insights                  = var.size.database.insights
  vpc_id                    = module.networking.vpc_id
  subnet_ids                = module.networking.database_subnet_ids
  client_security_group_ids = { cluster = module.eks.security_group_id }
  deletion_protection       = var.protected
  alarm_topic               = { arn = module.security_baseline.alarm_topic_arn }
  kms_key_arn               = aws_kms_key.main.arn

  export = var.size.database.export ? {
    bucket_name = module.backup.buckets["exports"].name
    bucket_arn  = module.backup.buckets["exports"].arn
  } : null
}

module "backup" {
  source = "../backup"

  name          = var.name
  resources     = var.size.vault ? [local.database_arn] : []
  lock          = var.size.vault_lock
  force_destroy = !var.protected
  alarm_topic   = var.size.vault ? { arn = module.security_baseline.alarm_topic_arn } : null
  kms_key_arn   = aws_kms_key.main.arn
}

locals {
  # Built from the name: the database itself needs a bucket of the same module.
  database_arn = "arn:${data.aws_partition.current.partition}:rds:${local.region}:${data.aws_caller_identity.current.account_id}:${var.size.database.engine == "aurora" ? "cluster" : "db"}:${var.name}"
}

resource "aws_cloudwatch_log_group" "pods" {
  #checkov:skip=CKV_AWS_338:the retention is a variable of 365 days by default
  count = var.size.pod_logs ? 1 : 0

  name              = "/myhealth/${var.name}/pods"
  retention_in_days = var.size.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

module "workload_identity" {
  source = "../workload-identity"

  name              = var.name
  cluster_name      = module.eks.cluster_name
  identity          = var.identity
  oidc_provider     = module.eks.oidc_provider
  service_accounts  = local.service_accounts
  results           = { bucket_arn = module.backup.buckets["results"].arn, prefix = local.results_prefix }
  secret_arns       = values(module.secrets.arns)
  zone_arn          = var.domain == null ? null : module.dns[0].zone_arn
  velero_bucket_arn = module.backup.buckets["velero"].arn
  log_group_arn     = var.size.pod_logs ? aws_cloudwatch_log_group.pods[0].arn : null
  kms_key_arn       = aws_kms_key.main.arn

  karpenter = var.size.scaling == "karpenter" ? {
    node_role_arn = module.eks.node_role_arn
    queue_arn     = module.eks.interruption_queue.arn
  } : null
}

module "secrets" {
  source = "../secrets"

  name           = var.name
  recovery_days  = var.protected ? 30 : 0
  reminder_topic = { arn = module.security_baseline.alarm_topic_arn }
  reader_arns    = concat([local.external_secrets_role], var.secret_operator_arns)
  kms_key_arn    = aws_kms_key.main.arn
}

locals {
  # Built from the name: the role itself needs the secrets' ARNs.
  external_secrets_role = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.name}-external-secrets"
}

module "ecr" {
  source = "../ecr"

  name         = var.name
  force_delete = !var.protected
  pull_through = { k8s = { upstream = "registry.k8s.io" }, quay = { upstream = "quay.io" }, public = { upstream = "public.ecr.aws" } }
  kms_key_arn  = aws_kms_key.main.arn
}

module "dns" {
  source = "../dns"
  count  = var.domain == null ? 0 : 1

  name              = var.name
  domain            = var.domain.name
  zone_id           = var.domain.zone_id
  alternative_names = [for host in ["api", "stream", "grafana", "docs"] : "${host}.${var.domain.name}"]
  cdn_certificate   = var.size.cdn
}

module "cdn" {
  source = "../cdn"
  count  = var.size.cdn ? 1 : 0

  name            = var.name
  domain          = "docs.${var.domain.name}"
  zone_id         = module.dns[0].zone_id
  certificate_arn = module.dns[0].cdn_certificate_arn
}

module "github_oidc" {
  source = "../github-oidc"
  count  = var.github == null ? 0 : 1

  name             = var.name
  repository       = var.github.repository
  create_provider  = var.github.create_provider
  state_bucket_arn = var.github.state_bucket_arn
  state_key_arn    = var.github.state_key_arn
  state_prefix     = var.name
  repository_arn   = module.ecr.repository_arn

  roles = { for kind in ["plan", "apply", "push"] : kind => { environment = "${var.name}-${kind}", kind = kind } }
}
