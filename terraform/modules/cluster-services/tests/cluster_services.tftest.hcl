mock_provider "helm" {}

variables {
  cluster_name = "myhealth-test"
  region       = "eu-central-1"
  vpc_id       = "vpc-1"
}

run "controller_is_told_what_it_cannot_ask" {
  command = plan

  assert {
    condition     = yamldecode(helm_release.load_balancer_controller.values[0]).vpcId == "vpc-1" && yamldecode(helm_release.load_balancer_controller.values[0]).region == "eu-central-1"
    error_message = "With one hop of IMDS it cannot find its VPC."
  }
}

run "optional_releases_are_off_by_default" {
  command = apply

  assert {
    condition     = length(helm_release.external_dns) == 0 && length(helm_release.karpenter) == 0 && length(helm_release.velero) == 0
    error_message = "Only the load balancer controller and External Secrets."
  }
  assert {
    condition     = output.versions.external_secrets == "2.9.0"
    error_message = "Versions are exact."
  }
}

run "records_are_kept_within_the_domain_and_by_owner" {
  command = plan
  variables {
    domain = "health.example.org"
  }
  assert {
    condition     = yamldecode(helm_release.external_dns[0].values[0]).domainFilters == ["health.example.org"] && yamldecode(helm_release.external_dns[0].values[0]).txtOwnerId == "myhealth-test"
    error_message = "Records of others are left alone."
  }
}

run "velero_copies_daily_and_weekly" {
  command = plan
  variables {
    velero_bucket = "myhealth-test-velero"
  }
  assert {
    condition     = yamldecode(helm_release.velero[0].values[0]).schedules.daily.template.ttl == "720h" && yamldecode(helm_release.velero[0].values[0]).schedules.weekly.template.ttl == "2160h"
    error_message = "30 and 90 days."
  }
  assert {
    condition     = !yamldecode(helm_release.velero[0].values[0]).credentials.useSecret
    error_message = "By its role, without a key."
  }
  assert {
    condition     = yamldecode(helm_release.velero[0].values[0]).initContainers[0].image == "velero/velero-plugin-for-aws:v1.13.1"
    error_message = "Without its plug-in Velero knows no bucket."
  }
}

run "karpenter_listens_to_its_queue" {
  command = plan
  variables {
    karpenter = { queue = "myhealth-test-interruptions", node_role = "myhealth-test-node" }
  }
  assert {
    condition     = yamldecode(helm_release.karpenter[0].values[0]).settings.interruptionQueue == "myhealth-test-interruptions"
    error_message = "Interruptions are heard."
  }
}

run "range_of_versions_is_refused" {
  command = plan
  variables {
    versions = { velero = "~12" }
  }
  expect_failures = [var.versions]
}

run "copy_of_everything_is_refused" {
  command = plan
  variables {
    backup_namespaces = ["*"]
  }
  expect_failures = [var.backup_namespaces]
}
