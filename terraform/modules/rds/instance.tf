resource "aws_db_parameter_group" "main" {
  count = local.aurora ? 0 : 1

  name        = "${var.name}-postgres${var.postgres_version}"
  family      = "postgres${var.postgres_version}"
  description = "PostgreSQL ${var.postgres_version} of ${var.name}"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }

  # A new major version takes a new group before the old one goes.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "main" {
  #checkov:skip=CKV_AWS_157:Multi-AZ is a variable, on in production
  #checkov:skip=CKV_AWS_118:enhanced monitoring is a variable, on in production
  #checkov:skip=CKV_AWS_353:insights are a variable, on in production
  #checkov:skip=CKV2_AWS_69:rds.force_ssl is in the parameter group
  count = local.aurora ? 0 : 1

  identifier     = var.name
  engine         = "postgres"
  engine_version = tostring(var.postgres_version)
  instance_class = var.instance_class
  # Not: three years of paid support, which RDS begins by itself.
  engine_lifecycle_support = "open-source-rds-extended-support-disabled"

  storage_type          = "gp3"
  allocated_storage     = var.storage_gibibytes.allocated
  max_allocated_storage = var.storage_gibibytes.maximum
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_name  = "myhealth"
  username = "master"
  # RDS makes the password, keeps it in Secrets Manager and changes it every week; the program's roles have their own.
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.main.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.main[0].name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false
  maintenance_window          = "sun:03:30-sun:04:30"
  backup_window               = "02:00-03:00"
  backup_retention_period     = var.backup_days
  copy_tags_to_snapshot       = true
  delete_automated_backups    = !var.deletion_protection
  deletion_protection         = var.deletion_protection
  skip_final_snapshot         = !var.deletion_protection
  final_snapshot_identifier   = var.deletion_protection ? "${var.name}-final" : null

  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = var.insights
  performance_insights_kms_key_id       = var.insights ? var.kms_key_arn : null
  performance_insights_retention_period = var.insights ? 7 : null
  database_insights_mode                = "standard"
  monitoring_interval                   = var.insights ? 60 : 0
  monitoring_role_arn                   = var.insights ? aws_iam_role.monitoring[0].arn : null

  tags = { Name = var.name }
}

resource "aws_db_instance" "replica" {
  #checkov:skip=CKV_AWS_157:a replica is one of several
  #checkov:skip=CKV_AWS_118:enhanced monitoring is a variable, on in production
  #checkov:skip=CKV_AWS_353:insights are a variable, on in production
  #checkov:skip=CKV2_AWS_69:rds.force_ssl is in the parameter group
  #checkov:skip=CKV_AWS_133:backups are the primary's
  count = local.aurora ? 0 : var.replicas

  identifier          = "${var.name}-replica-${count.index}"
  replicate_source_db = aws_db_instance.main[0].identifier
  instance_class      = var.instance_class

  engine_lifecycle_support = "open-source-rds-extended-support-disabled"

  storage_type          = "gp3"
  max_allocated_storage = var.storage_gibibytes.maximum
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  iam_database_authentication_enabled = true
  vpc_security_group_ids              = [aws_security_group.database.id]
  publicly_accessible                 = false
  parameter_group_name                = aws_db_parameter_group.main[0].name
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"

  auto_minor_version_upgrade            = true
  maintenance_window                    = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot                 = true
  deletion_protection                   = var.deletion_protection
  skip_final_snapshot                   = true
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = var.insights
  performance_insights_kms_key_id       = var.insights ? var.kms_key_arn : null
  performance_insights_retention_period = var.insights ? 7 : null
  database_insights_mode                = "standard"
  monitoring_interval                   = var.insights ? 60 : 0
  monitoring_role_arn                   = var.insights ? aws_iam_role.monitoring[0].arn : null

  tags = { Name = "${var.name}-replica-${count.index}" }
}
