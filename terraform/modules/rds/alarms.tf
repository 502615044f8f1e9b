locals {
  identifier = local.aurora ? { DBClusterIdentifier = var.name } : { DBInstanceIdentifier = var.name }

  alarms = merge({
    cpu         = { metric = "CPUUtilization", above = true, threshold = 80, text = "The database's processor is busy" }
    connections = { metric = "DatabaseConnections", above = true, threshold = 70, text = "Many connections; a db.t4g.micro has about 80" }
    memory      = { metric = "FreeableMemory", above = false, threshold = 64 * 1024 * 1024, text = "Little memory is left" }
    }, local.aurora ? {} : {
    storage = { metric = "FreeStorageSpace", above = false, threshold = 2 * 1024 * 1024 * 1024, text = "Little storage is left; does it grow by itself (storage_gibibytes.maximum)?" }
  })
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = var.alarm_topic == null ? {} : local.alarms

  alarm_name          = "${var.name}-database-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = local.identifier
  statistic           = "Average"
  comparison_operator = each.value.above ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 3
  alarm_actions       = [var.alarm_topic.arn]
  ok_actions          = [var.alarm_topic.arn]
}
