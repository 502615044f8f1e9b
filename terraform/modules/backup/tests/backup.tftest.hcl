mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name        = "myhealth-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "buckets_are_private_encrypted_and_versioned" {
  command = apply

  assert {
    condition     = toset(keys(output.buckets)) == toset(["results", "exports", "velero"])
    error_message = "buckets: ${jsonencode(keys(output.buckets))}"
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.main : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "Nothing is public."
  }
  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.main : jsondecode(policy.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"])
    error_message = "TLS only."
  }
  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.main : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "Versions are kept."
  }
}

run "interrupted_uploads_go_after_a_day_as_the_program_expects" {
  command = plan

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_lifecycle_configuration.main : bucket.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 1])
    error_message = "In every bucket."
  }
  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.main["results"].rule) == 2 && length(aws_s3_bucket_lifecycle_configuration.main["exports"].rule) == 3
    error_message = "Results are the program's own to remove; exports end after a year."
  }
}

run "without_resources_there_is_no_vault" {
  command = apply

  assert {
    condition     = length(aws_backup_vault.main) == 0 && output.vault_arn == null
    error_message = "Nothing that costs."
  }
}

run "database_has_daily_and_monthly_recovery_points" {
  command = apply
  variables {
    resources        = ["arn:aws:rds:eu-central-1:123456789012:db:myhealth-test"]
    copy_region      = "eu-west-1"
    copy_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/2"
    lock             = true
    alarm_topic      = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
  assert {
    condition     = sort([for rule in aws_backup_plan.main[0].rule : rule.rule_name]) == tolist(["daily", "monthly"])
    error_message = "Both."
  }
  assert {
    condition     = aws_backup_vault.copy[0].region == "eu-west-1" && aws_backup_vault_lock_configuration.main[0].min_retention_days == 7
    error_message = "Copied to another region, and locked."
  }
  assert {
    condition     = contains(aws_backup_vault_notifications.main[0].backup_vault_events, "BACKUP_JOB_FAILED")
    error_message = "A failed backup is notified."
  }
}

run "unknown_bucket_is_refused" {
  command = plan
  variables {
    buckets = ["logs"]
  }
  expect_failures = [var.buckets]
}

run "three_days_are_refused" {
  command = plan
  variables {
    keep_days = { daily = 3 }
  }
  expect_failures = [var.keep_days]
}

run "copy_without_key_of_its_region_is_refused" {
  command = plan
  variables {
    copy_region      = "eu-west-1"
    copy_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }
  expect_failures = [var.copy_kms_key_arn]
}

run "zone_as_region_is_refused" {
  command = plan
  variables {
    copy_region      = "eu-west-1a"
    copy_kms_key_arn = "arn:aws:kms:eu-west-1a:123456789012:key/2"
  }
  expect_failures = [var.copy_region]
}
