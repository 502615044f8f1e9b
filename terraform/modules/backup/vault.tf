data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

locals {
  vault = length(var.resources) > 0
}

resource "aws_backup_vault" "main" {
  count = local.vault ? 1 : 0

  name        = var.name
  kms_key_arn = var.kms_key_arn
}

resource "aws_backup_vault" "copy" {
  count = local.vault && var.copy_region != null ? 1 : 0

  region      = var.copy_region
  name        = "${var.name}-copy"
  kms_key_arn = var.copy_kms_key_arn
}

resource "aws_backup_vault_lock_configuration" "main" {
  count = local.vault && var.lock ? 1 : 0

  backup_vault_name   = aws_backup_vault.main[0].name
  changeable_for_days = 7
  min_retention_days  = 7
  max_retention_days  = var.keep_days.monthly
}

resource "aws_backup_plan" "main" {
  count = local.vault ? 1 : 0

  name = var.name

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.main[0].name
    schedule          = "cron(30 4 * * ? *)"
    start_window      = 60
    completion_window = 300
    lifecycle {
      delete_after = var.keep_days.daily
    }
  }

  rule {
    rule_name         = "monthly"
    target_vault_name = aws_backup_vault.main[0].name
    schedule          = "cron(30 6 1 * ? *)"
    start_window      = 60
    completion_window = 300
    lifecycle {
      delete_after = var.keep_days.monthly
    }

    dynamic "copy_action" {
      for_each = aws_backup_vault.copy
      content {
        destination_vault_arn = copy_action.value.arn
        lifecycle {
          delete_after = var.keep_days.monthly
        }
      }
    }
  }
}

resource "aws_iam_role" "backup" {
  count = local.vault ? 1 : 0

  name = "${var.name}-backup"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "backup.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "backup" {
  count = local.vault ? 1 : 0

  role       = aws_iam_role.backup[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
}

resource "aws_backup_selection" "main" {
  count = local.vault ? 1 : 0

  name         = var.name
  plan_id      = aws_backup_plan.main[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = var.resources

  depends_on = [aws_iam_role_policy_attachment.backup]
}

resource "aws_backup_vault_notifications" "main" {
  count = local.vault && var.alarm_topic != null ? 1 : 0

  backup_vault_name   = aws_backup_vault.main[0].name
  sns_topic_arn       = var.alarm_topic.arn
  backup_vault_events = ["BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED"]
}
