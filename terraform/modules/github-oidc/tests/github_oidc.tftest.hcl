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
}

variables {
  name             = "myhealth-test"
  repository       = "example/myhealth"
  state_bucket_arn = "arn:aws:s3:::myhealth-states"
  state_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/1"
  state_prefix     = "test"
  repository_arn   = "arn:aws:ecr:eu-central-1:123456789012:repository/myhealth-test"
}

run "roles_are_bound_to_repository_and_environment" {
  command = plan

  assert {
    condition = alltrue([for name, role in var.roles :
      jsondecode(aws_iam_role.main[name].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:example/myhealth:environment:${role.environment}"
    ])
    error_message = "The subject is one environment of one repository, by StringEquals."
  }
  assert {
    condition     = aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "Tokens are for AWS."
  }
}

run "planning_reads_no_secret_and_no_object_but_states" {
  command = plan

  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.main["plan"].policy).Statement : try(statement.NotResource, []) if statement.Effect == "Deny" && contains(statement.Action, "s3:GetObject")], ["arn:aws:s3:::myhealth-states/test/*"])
    error_message = "Objects outside the states are refused."
  }
  assert {
    condition     = anytrue([for statement in jsondecode(aws_iam_role_policy.main["plan"].policy).Statement : statement.Effect == "Deny" && contains(statement.Action, "secretsmanager:GetSecretValue")])
    error_message = "Secrets' values are refused."
  }
  assert {
    condition     = aws_iam_role_policy_attachment.main["plan"].policy_arn == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    error_message = "A plan reads."
  }
}

run "applying_cannot_lift_its_own_limits" {
  command = apply
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = anytrue([for statement in jsondecode(aws_iam_role_policy.main["apply"].policy).Statement : statement.Effect == "Deny" && contains(statement.Action, "iam:PutRolePolicy") && statement.Resource == ["arn:aws:iam::123456789012:role/myhealth-test-github-*"]])
    error_message = "Its own role is out of its reach."
  }
  assert {
    condition     = aws_iam_role.main["apply"].permissions_boundary == var.permissions_boundary_arn && aws_iam_role.main["plan"].permissions_boundary == null
    error_message = "The boundary is on the role that applies."
  }
  assert {
    condition     = length(output.role_arns) == 3
    error_message = "Three roles."
  }
}

run "pushing_writes_one_repository" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.main["push"].policy).Statement[1].Resource == [var.repository_arn]
    error_message = "Ours."
  }
  assert {
    condition     = length(aws_iam_role_policy_attachment.main) == 2
    error_message = "No managed policy in addition."
  }
}

run "second_environment_of_an_account_takes_the_provider_that_is_there" {
  command = plan
  variables {
    create_provider = false
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account has one."
  }
}

run "wildcard_repository_is_refused" {
  command = plan
  variables {
    repository = "example/*"
  }
  expect_failures = [var.repository]
}

run "wildcard_environment_is_refused" {
  command = plan
  variables {
    roles = { plan = { environment = "*", kind = "plan" } }
  }
  expect_failures = [var.roles]
}

run "shared_environment_is_refused" {
  command = plan
  variables {
    roles = {
      plan  = { environment = "dev", kind = "plan" }
      apply = { environment = "dev", kind = "apply" }
    }
  }
  expect_failures = [var.roles]
}

run "administrator_is_refused" {
  command = plan
  variables {
    roles = { admin = { environment = "admin", kind = "admin" } }
  }
  # The policy of an unknown kind cannot be looked up either, so only the variable is named.
  expect_failures = [var.roles]
}

run "push_without_repository_is_refused" {
  command = plan
  variables {
    repository_arn = null
  }
  expect_failures = [var.repository_arn]
}
