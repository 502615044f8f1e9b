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
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "myhealth-test.abc.eu-central-1.rds.amazonaws.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-1", secret_status = "active", kms_key_id = "1" }]
    }
  }
  mock_resource "aws_rds_cluster" {
    defaults = {
      endpoint           = "myhealth-test.cluster-abc.eu-central-1.rds.amazonaws.com"
      reader_endpoint    = "myhealth-test.cluster-ro-abc.eu-central-1.rds.amazonaws.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-1", secret_status = "active", kms_key_id = "1" }]
    }
  }
}

variables {
  name                      = "myhealth-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { nodes = "sg-nodes" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "instance_is_private_encrypted_and_wants_tls" {
  command = plan

  assert {
    condition     = aws_db_instance.main[0].storage_encrypted && aws_db_instance.main[0].kms_key_id == var.kms_key_arn && !aws_db_instance.main[0].publicly_accessible
    error_message = "Encrypted by our key, without a public address."
  }
  assert {
    condition     = one([for parameter in aws_db_parameter_group.main[0].parameter : parameter.value if parameter.name == "rds.force_ssl"]) == "1"
    error_message = "Connections without TLS are refused."
  }
  assert {
    condition     = one([for parameter in aws_db_parameter_group.main[0].parameter : parameter.value if parameter.name == "log_parameter_max_length"]) == "0"
    error_message = "Health values stay out of PostgreSQL's log."
  }
}

run "master_password_is_rds_own_and_extended_support_is_off" {
  command = plan

  assert {
    condition     = aws_db_instance.main[0].manage_master_user_password && aws_db_instance.main[0].password == null
    error_message = "No password in the state."
  }
  assert {
    condition     = aws_db_instance.main[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "Paid support does not begin silently."
  }
}

run "database_is_protected_by_default_and_keeps_a_last_snapshot" {
  command = plan

  assert {
    condition     = aws_db_instance.main[0].deletion_protection && !aws_db_instance.main[0].skip_final_snapshot && aws_db_instance.main[0].final_snapshot_identifier == "myhealth-test-final"
    error_message = "Deleting is refused, and a snapshot stays."
  }
  assert {
    condition     = !aws_db_instance.main[0].delete_automated_backups && aws_db_instance.main[0].backup_retention_period == 7
    error_message = "Backups outlive the instance."
  }
}

run "only_named_groups_connect" {
  command = apply

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.clients) == 1 && aws_vpc_security_group_ingress_rule.clients["nodes"].referenced_security_group_id == "sg-nodes" && aws_vpc_security_group_ingress_rule.clients["nodes"].from_port == 5432
    error_message = "PostgreSQL from the nodes."
  }
  assert {
    condition     = output.host == "myhealth-test.abc.eu-central-1.rds.amazonaws.com" && output.replica_host == null && output.database == "myhealth"
    error_message = "Outputs name the server."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.database) == 0 && length(aws_sfn_state_machine.export) == 0
    error_message = "What was not asked for is not there."
  }
}

run "replica_answers_reads" {
  command = apply
  variables {
    replicas = 2
    multi_az = true
  }
  assert {
    condition     = length(aws_db_instance.replica) == 2 && aws_db_instance.main[0].multi_az && output.replica_host != null
    error_message = "Two replicas and a standby."
  }
}

run "aurora_has_writer_standby_and_replicas" {
  command = apply
  variables {
    engine         = "aurora"
    instance_class = "db.r8g.large"
    multi_az       = true
    replicas       = 1
  }
  assert {
    condition     = length(aws_rds_cluster_instance.main) == 3 && length(aws_db_instance.main) == 0
    error_message = "Writer, standby and one replica."
  }
  assert {
    condition     = aws_rds_cluster.main[0].storage_encrypted && aws_rds_cluster.main[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled" && aws_rds_cluster.main[0].iam_database_authentication_enabled
    error_message = "The same protection as an instance."
  }
  assert {
    condition     = output.replica_host == "myhealth-test.cluster-ro-abc.eu-central-1.rds.amazonaws.com"
    error_message = "Reads go to the reader endpoint."
  }
}

run "export_finds_the_newest_snapshot_and_may_export_no_other_database" {
  command = apply
  variables {
    export = { bucket_name = "myhealth-test-exports", bucket_arn = "arn:aws:s3:::myhealth-test-exports" }
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.export[0].definition).States.Find.Arguments.DbInstanceIdentifier == "myhealth-test"
    error_message = "Snapshots of this database."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.export["states"].policy).Statement[1].Resource == ["arn:aws:rds:eu-central-1:123456789012:snapshot:rds:myhealth-test-*"]
    error_message = "Exports automated snapshots of this database only."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.export["rds"].policy).Statement[0].Resource == ["arn:aws:s3:::myhealth-test-exports/myhealth-test/*"]
    error_message = "Writes below its own prefix."
  }
}

run "export_of_aurora_looks_for_cluster_snapshots" {
  command = plan
  variables {
    engine = "aurora"
    export = { bucket_name = "myhealth-test-exports", bucket_arn = "arn:aws:s3:::myhealth-test-exports" }
  }
  assert {
    condition     = local.find.action == "describeDBClusterSnapshots" && endswith(local.snapshot_arns, ":cluster-snapshot:rds:myhealth-test-*")
    error_message = "A cluster has snapshots of its own kind."
  }
}

run "alarms_name_the_topic" {
  command = plan
  variables {
    alarm_topic = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.database)) == toset(["cpu", "connections", "memory", "storage"])
    error_message = "alarms: ${jsonencode(keys(aws_cloudwatch_metric_alarm.database))}"
  }
}

run "throw_away_database_leaves_nothing" {
  command = plan
  variables {
    deletion_protection = false
  }
  assert {
    condition     = aws_db_instance.main[0].skip_final_snapshot && aws_db_instance.main[0].delete_automated_backups && aws_db_instance.main[0].final_snapshot_identifier == null
    error_message = "dev can be deleted whole."
  }
}

run "old_postgres_is_refused" {
  command = plan
  variables {
    postgres_version = 14
  }
  expect_failures = [var.postgres_version]
}

run "minor_version_is_refused" {
  command = plan
  variables {
    postgres_version = 17.4
  }
  expect_failures = [var.postgres_version]
}

run "one_day_of_backups_is_refused" {
  command = plan
  variables {
    backup_days = 1
  }
  expect_failures = [var.backup_days]
}

run "storage_that_cannot_grow_is_refused" {
  command = plan
  variables {
    storage_gibibytes = { allocated = 20, maximum = 20 }
  }
  expect_failures = [var.storage_gibibytes]
}

run "class_of_ec2_is_refused" {
  command = plan
  variables {
    instance_class = "t4g.micro"
  }
  expect_failures = [var.instance_class]
}

run "one_subnet_is_refused" {
  command = plan
  variables {
    subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.subnet_ids]
}

run "unknown_engine_is_refused" {
  command = plan
  variables {
    engine = "mysql"
  }
  expect_failures = [var.engine]
}
