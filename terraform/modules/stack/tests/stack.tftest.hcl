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
  name        = "myhealth-test"
  protected   = false
  alarm_email = "ops@example.org"
  domain      = { name = "health.example.org" }
  size = {
    node_groups = { main = { instance_types = ["t4g.medium"] } }
    database    = { instance_class = "db.t4g.micro" }
    budget_usd  = 150
  }
}

run "values_say_what_was_made" {
  command = apply

  assert {
    condition     = output.chart_values.api.jobResults == "s3://mock-bucket/results" && output.chart_values.api.issuer == "https://api.health.example.org"
    error_message = "api: ${jsonencode(output.chart_values.api)}"
  }
  assert {
    condition     = output.chart_values.networkPolicy.podIdentity && length(output.chart_values.serviceAccount.annotations) == 0
    error_message = "Pod Identity by default."
  }
  assert {
    condition     = length(split(",", output.chart_values.exposure.ingress.annotations["alb.ingress.kubernetes.io/subnets"])) == 3 && output.database.host == "mock.rds.amazonaws.com"
    error_message = "Subnets and the database."
  }
}

run "every_key_of_a_secret_reaches_the_chart" {
  command = apply

  assert {
    condition = toset(flatten([for secret in output.chart_values.externalSecrets.secrets : [for entry in secret.data : "${entry.remoteRef.key}/${entry.remoteRef.property}"]])) == toset(flatten([
      for name, keys in module.secrets.keys : [for key in keys : "${module.secrets.names[name]}/${key}"] if name != "grafana"
    ]))
    error_message = "externalSecrets: ${jsonencode(output.chart_values.externalSecrets)}"
  }
}

run "irsa_annotates_and_needs_no_agent" {
  command = apply
  variables {
    identity = "irsa"
  }
  assert {
    condition     = !output.chart_values.networkPolicy.podIdentity && length(output.chart_values.serviceAccount.annotations) == 1
    error_message = "The annotation is what the plan shows."
  }
}

run "everything_on" {
  command = apply
  variables {
    protected = true
    size = {
      nat         = "per-zone"
      scaling     = "karpenter"
      node_groups = { main = { instance_types = ["m7g.large"], minimum = 2, maximum = 4 } }
      database    = { engine = "instance", instance_class = "db.t4g.medium", multi_az = true, replicas = 1, backup_days = 35, insights = true, export = true }
      vault       = true
      vault_lock  = true
      guardduty   = true
      config      = true
      record_data = true
      pod_logs    = true
      cdn         = true
      budget_usd  = 1000
    }
    github = { repository = "example/myhealth", state_bucket_arn = "arn:aws:s3:::states", state_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
  }
  assert {
    condition     = output.platform.karpenter != null && output.platform.log_group == "/myhealth/myhealth-test/pods"
    error_message = "The platform is given Karpenter and of the log group."
  }
  assert {
    condition     = toset(keys(output.github_role_arns)) == toset(["plan", "apply", "push"])
    error_message = "Roles of jobs."
  }
  assert {
    condition     = aws_kms_key.main.enable_key_rotation && aws_kms_key.main.deletion_window_in_days == 30
    error_message = "The key turns, and cannot go at once."
  }
}

run "without_a_domain_there_are_no_names" {
  command = apply
  variables {
    domain = null
  }
  assert {
    condition     = output.chart_values.exposure.type == "none" && length(output.chart_values.exposure.hosts) == 0 && length(output.name_servers) == 0
    error_message = "Reached by port-forward."
  }
}

run "site_without_a_domain_is_refused" {
  command = plan
  variables {
    domain = null
    size = {
      node_groups = { main = { instance_types = ["t4g.medium"] } }
      database    = { instance_class = "db.t4g.micro" }
      cdn         = true
      budget_usd  = 150
    }
  }
  expect_failures = [var.domain]
}

run "unknown_identity_is_refused" {
  command = plan
  variables {
    identity = "keys"
  }
  expect_failures = [var.identity]
}
