mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

variables {
  region     = "eu-central-1"
  account_id = "123456789012"
}

run "states_are_versioned_encrypted_and_private" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.states.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.states.restrict_public_buckets
    error_message = "Versions are kept, nothing is public."
  }
  assert {
    condition     = aws_s3_bucket.states.bucket == "myhealth-states-123456789012-eu-central-1"
    error_message = "The name is the account's own."
  }
}

run "backend_says_bucket_region_and_key" {
  command = apply

  assert {
    condition     = jsonencode(keys(output.backend)) == jsonencode(["bucket", "kms_key_id", "region"]) && output.backend.kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/1"
    error_message = "backend: ${jsonencode(output.backend)}"
  }
  assert {
    condition     = anytrue([for statement in jsondecode(aws_s3_bucket_policy.states.policy).Statement : contains(flatten([statement.Action]), "s3:DeleteObjectVersion") && statement.Effect == "Deny"])
    error_message = "Deleting versions is denied to everyone."
  }
}

run "zone_as_region_is_refused" {
  command = plan
  variables {
    region = "eu-central-1a"
  }
  expect_failures = [var.region]
}

run "alias_as_account_is_refused" {
  command = plan
  variables {
    account_id = "my-account"
  }
  expect_failures = [var.account_id]
}
