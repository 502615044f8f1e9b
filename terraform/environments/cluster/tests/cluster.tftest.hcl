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
  environment = "dev"
  region      = "eu-central-1"
  account_id  = "123456789012"
  alarm_email = "ops@example.org"
  domain      = { name = "health.example.org" }
}

run "costly_features_are_off_in_dev" {
  command = plan

  assert {
    condition     = !try(local.environment.size.guardduty, false) && !try(local.environment.size.config, false) && !try(local.environment.size.vault, false) && !try(local.environment.size.database.multi_az, false) && !try(local.environment.size.database.insights, false) && length(try(local.environment.size.interface_endpoints, [])) == 0
    error_message = "GuardDuty, Config, vault, standby, insights and interface endpoints are off."
  }
  assert {
    condition     = local.environment.size.nat != "per-zone" && alltrue([for group in local.environment.size.node_groups : group.capacity_type == "SPOT"])
    error_message = "One NAT gateway, spot nodes."
  }
  assert {
    condition     = local.environment.size.budget_usd <= 150
    error_message = "dev costs 150 $ a month at most."
  }
}

run "dev_can_be_applied_and_gives_values" {
  command = apply

  assert {
    condition     = output.chart_values.pod.extraEnv[0].value == "eu-central-1" && output.platform.cluster_name == "myhealth-dev"
    error_message = "Outputs name the environment."
  }
  assert {
    condition     = length(split(",", output.chart_values.exposure.ingress.annotations["alb.ingress.kubernetes.io/subnets"])) == 2
    error_message = "Two zones."
  }
}

run "staging_is_prod_but_smaller" {
  command = plan

  variables {
    environment = "staging"
  }

  assert {
    condition     = local.environment.size.scaling == "karpenter" && length(local.environment.size.zones) == 3 && local.environment.size.database.export && local.environment.size.pod_logs
    error_message = "Karpenter, three zones, exports and logs as in prod."
  }
}

run "staging_can_be_applied_and_gives_values" {
  command = apply

  variables {
    environment = "staging"
  }

  assert {
    condition     = output.platform.karpenter != null && output.platform.cluster_name == "myhealth-staging"
    error_message = "The platform gets the settings of Karpenter."
  }
}

run "prod_is_watched_and_restorable" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = local.environment.protected && local.environment.size.guardduty && local.environment.size.config && local.environment.size.record_data && local.environment.size.vault && local.environment.size.database.export
    error_message = "Protected, watched and copied."
  }
  assert {
    condition     = local.environment.size.database.multi_az && local.environment.size.database.backup_days == 35 && local.environment.size.nat == "per-zone" && length(local.environment.size.zones) == 3
    error_message = "No zone is the only one."
  }
  assert {
    condition     = alltrue([for group in local.environment.size.node_groups : group.minimum >= 2])
    error_message = "Two nodes at least."
  }
}

run "prod_can_be_applied_and_gives_values" {
  command = apply

  variables {
    environment = "prod"
    github      = { repository = "example/myhealth", state_bucket_arn = "arn:aws:s3:::states", state_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
  }

  assert {
    condition     = output.chart_values.database.replica.existingSecret != "" && output.platform.log_group == "/myhealth/myhealth-prod/pods"
    error_message = "A replica for reads, and logs."
  }
  assert {
    condition     = length(output.github_role_arns) == 3
    error_message = "Roles of jobs."
  }
}

run "environment_without_a_size_is_refused" {
  command = plan
  variables {
    environment = "production"
  }
  expect_failures = [var.environment]
}

run "region_of_one_zone_is_refused" {
  command = plan
  variables {
    region = "eu-central-1a"
  }
  expect_failures = [var.region]
}

run "account_with_a_letter_is_refused" {
  command = plan
  variables {
    account_id = "12345678901x"
  }
  expect_failures = [var.account_id]
}
