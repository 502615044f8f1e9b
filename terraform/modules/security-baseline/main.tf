data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  trail   = "arn:${data.aws_partition.current.partition}:cloudtrail:${data.aws_region.current.region}:${local.account}:trail/${var.name}"
  audit   = var.cloudtrail || var.config
}

# Alarms

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Services"
      Effect    = "Allow"
      Principal = { Service = ["backup.amazonaws.com", "budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# Money

resource "aws_budgets_budget" "month" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  notification {
    notification_type          = "ACTUAL"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alarm_email]
  }

  notification {
    notification_type          = "FORECASTED"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alarm_email]
  }
}

# The account's own defaults

resource "aws_ebs_encryption_by_default" "main" {
  count   = var.account_defaults ? 1 : 0
  enabled = true
}

resource "aws_ebs_snapshot_block_public_access" "main" {
  count = var.account_defaults ? 1 : 0
  state = "block-all-sharing"
}

resource "aws_ec2_instance_metadata_defaults" "main" {
  count                       = var.account_defaults ? 1 : 0
  http_tokens                 = "required"
  http_put_response_hop_limit = 1
}

resource "aws_s3_account_public_access_block" "main" {
  count                   = var.account_defaults ? 1 : 0
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Finding

resource "aws_accessanalyzer_analyzer" "main" {
  count         = var.access_analyzer ? 1 : 0
  analyzer_name = var.name
  type          = "ACCOUNT"
}

resource "aws_guardduty_detector" "main" {
  #checkov:skip=CKV2_AWS_3:of organisations; this is one account's
  count  = var.guardduty ? 1 : 0
  enable = true
}

resource "aws_guardduty_detector_feature" "main" {
  for_each = var.guardduty ? toset(["S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "EBS_MALWARE_PROTECTION"]) : []

  detector_id = aws_guardduty_detector.main[0].id
  name        = each.key
  status      = "ENABLED"
}

resource "aws_cloudwatch_event_rule" "findings" {
  count = var.guardduty ? 1 : 0

  name        = "${var.name}-findings"
  description = "Findings of GuardDuty of medium severity or more"
  event_pattern = jsonencode({
    source      = ["aws.guardduty"]
    detail-type = ["GuardDuty Finding"]
    detail      = { severity = [{ numeric = [">=", 4] }] }
  })
}

resource "aws_cloudwatch_event_target" "findings" {
  count = var.guardduty ? 1 : 0

  rule = aws_cloudwatch_event_rule.findings[0].name
  arn  = aws_sns_topic.alarms.arn
}
