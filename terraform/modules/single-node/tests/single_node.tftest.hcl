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
  mock_resource "aws_ebs_volume" {
    defaults = { id = "vol-0123456789abcdef0" }
  }
}

variables {
  name        = "myhealth-home"
  zone        = "eu-central-1a"
  alarm_email = "me@example.org"
  release = {
    url    = "https://example.org/myhealth-aarch64"
    sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "nothing_is_open_by_default" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.api) == 0 && length(aws_vpc_security_group_ingress_rule.certificate) == 0 && length(aws_eip.main) == 0
    error_message = "No rule lets anybody in."
  }
  assert {
    condition     = aws_instance.main.metadata_options[0].http_tokens == "required"
    error_message = "IMDSv2."
  }
}

run "database_lies_on_an_encrypted_volume_that_leaves_a_snapshot" {
  command = apply

  assert {
    condition     = aws_ebs_volume.data.encrypted && aws_ebs_volume.data.final_snapshot && aws_volume_attachment.data.stop_instance_before_detaching
    error_message = "Encrypted, and never gone without a copy."
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.data.policy_details[0].target_tags == aws_ebs_volume.data.tags_all || aws_dlm_lifecycle_policy.data.policy_details[0].target_tags["Snapshots"] == aws_ebs_volume.data.tags["Snapshots"]
    error_message = "The policy finds the volume by its tag."
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.data.policy_details[0].schedule[0].retain_rule[0].count == 14
    error_message = "Two weeks."
  }
  assert {
    condition     = output.url == null && strcontains(output.page, "AWS-StartPortForwardingSession")
    error_message = "The page is reached by Session Manager."
  }
}

run "instance_checks_what_it_runs_and_knows_its_volume" {
  command = apply

  assert {
    condition     = strcontains(aws_instance.main.user_data, "export RELEASE_SUM='0123456789abcdef") && strcontains(aws_instance.main.user_data, "sha256sum --check --strict")
    error_message = "The program's checksum is held."
  }
  assert {
    condition     = strcontains(aws_instance.main.user_data, "export VOLUME_ID='vol-0123456789abcdef0'") && strcontains(aws_instance.main.user_data, "export DOMAIN=''")
    error_message = "Settings reach the script."
  }
  assert {
    condition     = length(aws_instance.main.user_data) < 16384
    error_message = "EC2 takes 16 KiB."
  }
}

run "instance_reads_its_own_parameters_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.main.policy).Statement[1].NotResource == ["arn:aws:ssm:eu-central-1:123456789012:parameter/myhealth-home/*"]
    error_message = "Other parameters of the account are refused."
  }
}

run "domain_opens_https_and_the_proof_of_the_name" {
  command = apply
  variables {
    domain       = { name = "health.example.org", zone_id = "Z1", email = "me@example.org" }
    client_cidrs = ["203.0.113.0/24"]
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.api : rule.cidr_ipv4]) == toset(["203.0.113.0/24"]) && aws_vpc_security_group_ingress_rule.certificate[0].from_port == 80
    error_message = "443 for the networks named, 80 for Let's Encrypt."
  }
  assert {
    condition     = output.url == "https://health.example.org" && strcontains(aws_instance.main.user_data, "export DOMAIN='health.example.org'")
    error_message = "The instance knows its name."
  }
}

run "restore_begins_with_the_snapshot" {
  command = plan
  variables {
    snapshot_id = "snap-1"
  }
  assert {
    condition     = aws_ebs_volume.data.snapshot_id == "snap-1"
    error_message = "From the snapshot."
  }
}

run "intel_instance_is_refused" {
  command = plan
  variables {
    instance_type = "t3.micro"
  }
  expect_failures = [var.instance_type]
}

run "program_without_checksum_is_refused" {
  command = plan
  variables {
    release = { url = "https://example.org/myhealth", sha256 = "" }
  }
  expect_failures = [var.release]
}

run "program_over_plain_http_is_refused" {
  command = plan
  variables {
    release = { url = "http://example.org/myhealth", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  }
  expect_failures = [var.release]
}

run "region_as_zone_is_refused" {
  command = plan
  variables {
    zone = "eu-central-1"
  }
  expect_failures = [var.zone]
}

run "few_snapshots_are_refused" {
  command = plan
  variables {
    keep_snapshots = 1
  }
  expect_failures = [var.keep_snapshots]
}

run "command_as_time_zone_is_refused" {
  command = plan
  variables {
    time_zone = "UTC'; reboot"
  }
  expect_failures = [var.time_zone]
}
