mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name        = "myhealth-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  reader_arns = ["arn:aws:iam::123456789012:role/myhealth-test-external-secrets"]
}

run "every_secret_is_encrypted_and_can_be_brought_back" {
  command = plan

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.main)) == toset(["oura", "api", "sealing-key", "signing-key", "database", "grafana"])
    error_message = "secrets: ${jsonencode(keys(aws_secretsmanager_secret.main))}"
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.main : secret.kms_key_id == var.kms_key_arn && secret.recovery_window_in_days == 30])
    error_message = "Our key, 30 days."
  }
}

run "only_the_named_roles_read_values" {
  command = apply

  assert {
    condition     = alltrue([for policy in aws_secretsmanager_secret_policy.main : jsondecode(policy.policy).Statement[0].Effect == "Deny" && jsonencode(jsondecode(policy.policy).Statement[0].Condition.ArnNotEquals["aws:PrincipalArn"]) == jsonencode(var.reader_arns)])
    error_message = "Every other reader is refused."
  }
  assert {
    condition     = length(aws_secretsmanager_secret_policy.main) == length(aws_secretsmanager_secret.main)
    error_message = "Each secret has its policy."
  }
}

run "names_and_keys_are_told" {
  command = apply

  assert {
    condition     = output.names["sealing-key"] == "myhealth-test/sealing-key" && toset(output.keys["sealing-key"]) == toset(["current", "previous"])
    error_message = "names: ${jsonencode(output.names)}, keys: ${jsonencode(output.keys)}"
  }
  assert {
    condition     = toset(output.keys["database"]) == toset(["owner-url", "writer-url", "reader-url", "replica-url"]) && toset(keys(output.keys)) == toset(keys(output.names))
    error_message = "Each role of the database has its URL, each secret its keys."
  }
}

run "reminders_come_by_the_kind_of_secret" {
  command = plan
  variables {
    reminder_topic = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
  assert {
    condition     = aws_scheduler_schedule.reminder["sealing-key"].schedule_expression == "rate(90 days)" && aws_scheduler_schedule.reminder["oura"].schedule_expression == "rate(180 days)"
    error_message = "90 days for keys, 180 for credentials."
  }
  assert {
    condition     = strcontains(aws_scheduler_schedule.reminder["signing-key"].target[0].input, "scripts/rotate-key.sh myhealth-test signing-key")
    error_message = "The reminder says what to run."
  }
}

run "without_a_topic_no_reminder_is_scheduled" {
  command = plan
  assert {
    condition     = length(aws_scheduler_schedule.reminder) == 0 && length(aws_iam_role.reminder) == 0
    error_message = "Nothing is scheduled."
  }
}

run "short_recovery_is_refused" {
  command = plan
  variables {
    recovery_days = 3
  }
  expect_failures = [var.recovery_days]
}

run "secrets_without_reader_are_refused" {
  command = plan
  variables {
    reader_arns = []
  }
  expect_failures = [var.reader_arns]
}

run "wildcard_reader_is_refused" {
  command = plan
  variables {
    reader_arns = ["*"]
  }
  expect_failures = [var.reader_arns]
}

run "rotation_after_years_is_refused" {
  command = plan
  variables {
    rotation_days = { keys = 1000 }
  }
  expect_failures = [var.rotation_days]
}
