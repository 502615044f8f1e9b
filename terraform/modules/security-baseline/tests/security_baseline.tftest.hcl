mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::audit" }
  }
}

variables {
  name        = "myhealth-test"
  alarm_email = "ops@example.org"
  budget_usd  = 150
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "costly_services_are_off_and_free_ones_on" {
  command = plan

  assert {
    condition     = length(aws_guardduty_detector.main) == 0 && length(aws_config_configuration_recorder.main) == 0
    error_message = "GuardDuty and Config are asked for."
  }
  assert {
    condition     = length(aws_cloudtrail.main) == 1 && length(aws_accessanalyzer_analyzer.main) == 1 && aws_ebs_encryption_by_default.main[0].enabled && aws_ec2_instance_metadata_defaults.main[0].http_tokens == "required"
    error_message = "Trail, analyser and defaults are there."
  }
}

run "budget_warns_before_the_month_is_over" {
  command = plan

  assert {
    condition     = aws_budgets_budget.month.limit_amount == "150" && toset([for notification in aws_budgets_budget.month.notification : notification.notification_type]) == toset(["ACTUAL", "FORECASTED"])
    error_message = "By what was spent and by forecast."
  }
}

run "trail_is_validated_encrypted_and_locked" {
  command = apply

  assert {
    condition     = aws_cloudtrail.main[0].enable_log_file_validation && aws_cloudtrail.main[0].is_multi_region_trail && aws_cloudtrail.main[0].kms_key_id == var.kms_key_arn
    error_message = "In all regions, with proof."
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.audit[0].rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "Deleting the audit record is denied to everyone."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.audit[0].policy).Statement : statement.Resource == ["arn:aws:s3:::audit/AWSLogs/123456789012/*"] if statement.Effect == "Allow" && contains(flatten([statement.Action]), "s3:PutObject")])
    error_message = "Services write below the account's own prefix only."
  }
}

run "objects_with_health_data_are_recorded_when_named" {
  command = plan
  variables {
    trail_buckets = ["arn:aws:s3:::myhealth-test-results"]
  }
  assert {
    condition     = length(aws_cloudtrail.main[0].advanced_event_selector) == 2
    error_message = "Management and data events."
  }
}

run "production_watches" {
  command = apply
  variables {
    guardduty = true
    config    = true
  }
  assert {
    condition     = length(aws_guardduty_detector_feature.main) == 4 && length(aws_config_config_rule.main) == 12 && aws_config_configuration_recorder_status.main[0].is_enabled
    error_message = "GuardDuty and Config with their rules."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.findings[0].event_pattern).detail.severity[0].numeric == [">=", 4]
    error_message = "Findings of medium severity and above are notified."
  }
}

run "second_environment_leaves_the_accounts_defaults" {
  command = plan
  variables {
    account_defaults = false
  }
  assert {
    condition     = length(aws_s3_account_public_access_block.main) == 0 && length(aws_ebs_encryption_by_default.main) == 0
    error_message = "They are the first one's."
  }
}

run "no_budget_is_refused" {
  command = plan
  variables {
    budget_usd = 0
  }
  expect_failures = [var.budget_usd]
}

run "address_without_at_is_refused" {
  command = plan
  variables {
    alarm_email = "ops"
  }
  expect_failures = [var.alarm_email]
}

run "short_audit_is_refused" {
  command = plan
  variables {
    audit_days = 30
  }
  expect_failures = [var.audit_days]
}

run "objects_instead_of_buckets_are_refused" {
  command = plan
  variables {
    trail_buckets = ["arn:aws:s3:::myhealth-test-results/"]
  }
  expect_failures = [var.trail_buckets]
}
