resource "aws_rds_cluster_parameter_group" "main" {
  count = local.aurora ? 1 : 0

  name        = "${var.name}-aurora-postgresql${var.postgres_version}"
  family      = "aurora-postgresql${var.postgres_version}"
  description = "PostgreSQL ${var.postgres_version} of ${var.name}"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster" "main" {
  #checkov:skip=CKV_AWS_324:PostgreSQL's logs are exported below
  #checkov:skip=CKV2_AWS_8:automated backups reach back var.backup_days days
  #checkov:skip=CKV_AWS_139:deletion protection is a variable, on by default
  #checkov:skip=CKV_AWS_326:backtracking is of Aurora MySQL
  #checkov:skip=CKV2_AWS_27:slow statements are logged by the parameter group
  count = local.aurora ? 1 : 0

  cluster_identifier       = var.name
  engine                   = "aurora-postgresql"
  engine_version           = tostring(var.postgres_version)
  engine_lifecycle_support = "open-source-rds-extended-support-disabled"

  database_name                       = "myhealth"
  master_username                     = "master"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true

  storage_encrypted               = true
  kms_key_id                      = var.kms_key_arn
  db_subnet_group_name            = aws_db_subnet_group.main.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.main[0].name

  allow_major_version_upgrade     = false
  preferred_maintenance_window    = "sun:03:30-sun:04:30"
  preferred_backup_window         = "02:00-03:00"
  backup_retention_period         = var.backup_days
  copy_tags_to_snapshot           = true
  delete_automated_backups        = !var.deletion_protection
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.deletion_protection
  final_snapshot_identifier       = var.deletion_protection ? "${var.name}-final" : null
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

resource "aws_rds_cluster_instance" "main" {
  #checkov:skip=CKV_AWS_118:enhanced monitoring is a variable, on in production
  #checkov:skip=CKV_AWS_353:insights are a variable, on in production
  count = local.aurora ? 1 + (var.multi_az ? 1 : 0) + var.replicas : 0

  identifier         = "${var.name}-${count.index}"
  cluster_identifier = aws_rds_cluster.main[0].id
  engine             = aws_rds_cluster.main[0].engine
  engine_version     = aws_rds_cluster.main[0].engine_version
  instance_class     = var.instance_class
  # The standby is first in line.
  promotion_tier = count.index

  publicly_accessible             = false
  ca_cert_identifier              = "rds-ca-rsa2048-g1"
  auto_minor_version_upgrade      = true
  copy_tags_to_snapshot           = true
  performance_insights_enabled    = var.insights
  performance_insights_kms_key_id = var.insights ? var.kms_key_arn : null
  monitoring_interval             = var.insights ? 60 : 0
  monitoring_role_arn             = var.insights ? aws_iam_role.monitoring[0].arn : null
}
