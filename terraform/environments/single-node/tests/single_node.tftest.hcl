mock_provider "aws" {}

variables {
  region      = "eu-central-1"
  account_id  = "123456789012"
  alarm_email = "me@example.org"
  release = {
    url    = "https://example.org/myhealth-aarch64"
    sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "household_has_a_small_budget" {
  command = plan

  assert {
    condition     = var.size.budget_usd <= 15 && startswith(var.size.instance_type, "t4g.")
    error_message = "15 $ a month at most."
  }
}

run "household_can_be_applied_and_says_how_to_reach_it" {
  command = apply

  assert {
    condition     = output.url == null && strcontains(output.page, "localPortNumber=9872") && startswith(output.log_in, "aws ssm start-session")
    error_message = "By Session Manager."
  }
}

run "account_with_a_letter_is_refused" {
  command = plan
  variables {
    account_id = "12345678901x"
  }
  expect_failures = [var.account_id]
}
