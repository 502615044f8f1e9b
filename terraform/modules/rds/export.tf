# Once a week the newest automated snapshot goes to S3 as Parquet, which outlives the 35 days of backups and can be read
# without a database. A state machine, because RDS wants the snapshot's name: no code to keep up to date.

locals {
  exporting = var.export != null

  find = local.aurora ? {
    action    = "describeDBClusterSnapshots"
    arguments = { DbClusterIdentifier = var.name, SnapshotType = "automated" }
    snapshots = "DbClusterSnapshots"
    arn       = "DbClusterSnapshotArn"
    resource  = "cluster-snapshot"
    } : {
    action    = "describeDBSnapshots"
    arguments = { DbInstanceIdentifier = var.name, SnapshotType = "automated" }
    snapshots = "DbSnapshots"
    arn       = "DbSnapshotArn"
    resource  = "snapshot"
  }

  snapshot_arns = "arn:${data.aws_partition.current.partition}:rds:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:${local.find.resource}:rds:${var.name}-*"
}

resource "aws_iam_role" "export" {
  for_each = local.exporting ? {
    rds       = "export.rds.amazonaws.com"
    states    = "states.amazonaws.com"
    scheduler = "scheduler.amazonaws.com"
  } : {}

  name = "${var.name}-export-${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = each.value }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "export" {
  for_each = local.exporting ? {
    # As RDS documents it for exports.
    rds = jsonencode([
      {
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = ["${var.export.bucket_arn}/${var.name}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket"]
        Resource = [var.export.bucket_arn]
      },
    ])
    states = jsonencode([
      {
        # Has no resource that is known before.
        Effect   = "Allow"
        Action   = ["rds:DescribeDBClusterSnapshots", "rds:DescribeDBSnapshots"]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["rds:StartExportTask"]
        Resource = [local.snapshot_arns]
      },
      {
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.export["rds"].arn]
        Condition = { StringEquals = { "iam:PassedToService" = "export.rds.amazonaws.com" } }
      },
      {
        Effect    = "Allow"
        Action    = ["kms:CreateGrant", "kms:DescribeKey"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "rds.${data.aws_region.current.region}.amazonaws.com" } }
      },
    ])
    scheduler = jsonencode([
      {
        Effect   = "Allow"
        Action   = ["states:StartExecution"]
        Resource = [aws_sfn_state_machine.export[0].arn]
      },
    ])
  } : {}

  name   = "export"
  role   = aws_iam_role.export[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = jsondecode(each.value) })
}

resource "aws_sfn_state_machine" "export" {
  #checkov:skip=CKV_AWS_284:two calls a week; CloudTrail has them
  #checkov:skip=CKV_AWS_285:two calls a week; a failed execution raises the alarm
  count = local.exporting ? 1 : 0

  name     = "${var.name}-export"
  role_arn = aws_iam_role.export["states"].arn

  definition = jsonencode({
    QueryLanguage = "JSONata"
    StartAt       = "Find"
    States = {
      Find = {
        Type      = "Task"
        Resource  = "arn:aws:states:::aws-sdk:rds:${local.find.action}"
        Arguments = local.find.arguments
        Assign = {
          snapshot = "{% $sort($states.result.${local.find.snapshots}[Status = 'available'], function($one, $other) { $one.SnapshotCreateTime < $other.SnapshotCreateTime })[0].${local.find.arn} %}"
        }
        Retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 60, MaxAttempts = 5, BackoffRate = 2 }]
        Next  = "Export"
      }
      Export = {
        Type     = "Task"
        Resource = "arn:aws:states:::aws-sdk:rds:startExportTask"
        Arguments = {
          # At most 60 characters: the name has at most 30.
          ExportTaskIdentifier = "{% '${var.name}-' & $fromMillis($millis(), '[Y0001]-[M01]-[D01]') %}"
          SourceArn            = "{% $snapshot %}"
          S3BucketName         = try(var.export.bucket_name, "")
          S3Prefix             = var.name
          IamRoleArn           = aws_iam_role.export["rds"].arn
          KmsKeyId             = var.kms_key_arn
        }
        Retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 300, MaxAttempts = 3, BackoffRate = 2 }]
        End   = true
      }
    }
  })
}

resource "aws_scheduler_schedule" "export" {
  #checkov:skip=CKV_AWS_297:the schedule holds no data
  count = local.exporting ? 1 : 0

  name                         = "${var.name}-export"
  description                  = "Newest snapshot of ${var.name} to S3"
  schedule_expression          = "cron(0 5 ? * SUN *)"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 30
  }

  target {
    arn      = aws_sfn_state_machine.export[0].arn
    role_arn = aws_iam_role.export["scheduler"].arn
  }
}

resource "aws_cloudwatch_metric_alarm" "export" {
  count = local.exporting ? 1 : 0

  alarm_name          = "${var.name}-export-failed"
  alarm_description   = "The weekly export of the database failed; look at the executions of the state machine ${var.name}-export."
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.export[0].arn }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 3600
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic == null ? [] : [var.alarm_topic.arn]
}
