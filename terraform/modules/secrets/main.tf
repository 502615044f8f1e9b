# Places for secrets. Values are written by scripts/put-secret.sh and scripts/rotate-key.sh: none is ever in a state.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  # scripts/rotate-key.sh moves `current` to `previous`.
  secrets = {
    oura = {
      description = "The application that is registered at Oura"
      kind        = "credentials"
      keys        = ["client-id", "client-secret"]
    }
    api = {
      description = "First accounts and tokens of the API, by hash"
      kind        = "credentials"
      keys        = ["config"]
    }
    sealing-key = {
      description = "Encrypts Oura log-ins in the database"
      kind        = "keys"
      keys        = ["current", "previous"]
    }
    signing-key = {
      description = "Signs log-ins of people at the API"
      kind        = "keys"
      keys        = ["current", "previous"]
    }
    database = {
      description = "URLs of the database for each of its roles, written by scripts/database-roles.sh"
      kind        = "credentials"
      keys        = ["owner-url", "writer-url", "reader-url", "replica-url"]
    }
    grafana = {
      description = "First account of Grafana"
      kind        = "credentials"
      keys        = ["admin-user", "admin-password"]
    }
  }
}

resource "aws_secretsmanager_secret" "main" {
  #checkov:skip=CKV2_AWS_57:the program rotates by its previous-key flags (scripts/rotate-key.sh); a reminder is scheduled
  for_each = local.secrets

  name                    = "${var.name}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_policy" "main" {
  for_each = local.secrets

  secret_arn          = aws_secretsmanager_secret.main[each.key].arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Principal = "*"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = var.reader_arns } }
    }]
  })
}

resource "aws_iam_role" "reminder" {
  count = var.reminder_topic == null ? 0 : 1

  name = "${var.name}-rotation-reminder"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "reminder" {
  count = var.reminder_topic == null ? 0 : 1

  name = "publish"
  role = aws_iam_role.reminder[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["sns:Publish"], Resource = [var.reminder_topic.arn] },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.kms_key_arn] },
    ]
  })
}

resource "aws_scheduler_schedule" "reminder" {
  #checkov:skip=CKV_AWS_297:the reminder holds no data
  for_each = var.reminder_topic == null ? {} : local.secrets

  name                = "${var.name}-rotate-${each.key}"
  description         = "Reminds to rotate ${var.name}/${each.key}"
  schedule_expression = "rate(${var.rotation_days[each.value.kind]} days)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.reminder_topic.arn
    role_arn = aws_iam_role.reminder[0].arn
    input = each.value.kind == "keys" ? (
      "Rotate ${var.name}/${each.key}: scripts/rotate-key.sh ${var.name} ${each.key}, then restart the roles. docs/terraform.md has the steps."
      ) : (
      "Rotate ${var.name}/${each.key}: docs/terraform.md, Rotation, has the steps."
    )
  }
}
