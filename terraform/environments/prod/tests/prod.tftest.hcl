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
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "mock-bucket", arn = "arn:aws:s3:::mock-bucket" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mock-AbCdEf" }
  }
  mock_resource "aws_vpc" {
    defaults = { id = "vpc-1" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = {
      vpc_config = { cluster_security_group_id = "sg-cluster" }
      identity   = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC" }] }]
    }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "mock.rds.amazonaws.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-1", secret_status = "active", kms_key_id = "1" }]
    }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
      domain_validation_options = [
        for name in ["health.example.org", "api.health.example.org", "stream.health.example.org", "grafana.health.example.org", "docs.health.example.org"] :
        { domain_name = name, resource_record_name = "_1.${name}", resource_record_type = "CNAME", resource_record_value = "_1.acm-validations.aws" }
      ]
    }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-central-1:123456789012:repository/mock", repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mock" }
  }
}

variables {
  region      = "eu-central-1"
  account_id  = "123456789012"
  alarm_email = "ops@example.org"
  domain      = { name = "health.example.org" }
}

run "prod_is_watched_and_restorable" {
  command = plan

  assert {
    condition     = var.size.guardduty && var.size.config && var.size.record_data && var.size.vault && var.size.database.export
    error_message = "Watched and copied."
  }
  assert {
    condition     = var.size.database.multi_az && var.size.database.backup_days == 35 && var.size.nat == "per-zone" && length(var.size.zones) == 3
    error_message = "No zone is the only one."
  }
  assert {
    condition     = alltrue([for group in var.size.node_groups : group.minimum >= 2])
    error_message = "Two nodes at least."
  }
}

run "prod_can_be_applied_and_gives_values" {
  command = apply

  variables {
    github = { repository = "example/myhealth", state_bucket_arn = "arn:aws:s3:::states", state_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
  }

  assert {
    condition     = output.chart_values.database.replicaHost != null && output.platform.log_group == "/myhealth/myhealth-prod/pods"
    error_message = "A replica for reads, and logs."
  }
  assert {
    condition     = length(output.github_role_arns) == 3
    error_message = "Roles of jobs."
  }
}

run "account_with_a_letter_is_refused" {
  command = plan
  variables {
    account_id = "12345678901x"
  }
  expect_failures = [var.account_id]
}
