mock_provider "aws" {}

variables {
  name        = "myhealth-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "tags_are_immutable_and_pushes_scanned" {
  command = plan

  assert {
    condition     = aws_ecr_repository.main.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.main.image_scanning_configuration[0].scan_on_push
    error_message = "A tag is not moved, and what is pushed is scanned."
  }
  assert {
    condition     = aws_ecr_repository.main.encryption_configuration[0].kms_key == var.kms_key_arn && !aws_ecr_repository.main.force_delete
    error_message = "Encrypted by our key, and not deleted with its images."
  }
}

run "ten_images_stay" {
  command = plan

  assert {
    condition     = one([for rule in jsondecode(aws_ecr_lifecycle_policy.main.policy).rules : rule.selection.countNumber if rule.selection.countType == "imageCountMoreThan"]) == 10
    error_message = "The newest ten."
  }
}

run "pull_through_copies_what_is_named" {
  command = apply
  variables {
    pull_through = {
      k8s  = { upstream = "registry.k8s.io" }
      ghcr = { upstream = "ghcr.io", credential_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ecr-pullthroughcache/ghcr-AbCdEf" }
    }
  }
  assert {
    condition     = output.pull_through_prefixes["registry.k8s.io"] == "k8s" && output.pull_through_prefixes["ghcr.io"] == "ghcr"
    error_message = "prefixes: ${jsonencode(output.pull_through_prefixes)}"
  }
}

run "other_accounts_pull_only_when_named" {
  command = plan
  variables {
    puller_arns = ["arn:aws:iam::210987654321:root"]
  }
  assert {
    condition     = !contains(jsondecode(aws_ecr_repository_policy.main[0].policy).Statement[0].Action, "ecr:PutImage")
    error_message = "They pull and do not push."
  }
}

run "single_image_is_refused" {
  command = plan
  variables {
    keep_images = 1
  }
  expect_failures = [var.keep_images]
}

run "ghcr_without_credentials_is_refused" {
  command = plan
  variables {
    pull_through = { ghcr = { upstream = "ghcr.io" } }
  }
  expect_failures = [var.pull_through]
}

run "wildcard_puller_is_refused" {
  command = plan
  variables {
    puller_arns = ["*"]
  }
  expect_failures = [var.puller_arns]
}
