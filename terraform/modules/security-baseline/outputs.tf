output "alarm_topic_arn" {
  description = "SNS topic of alarms; the other modules write to it."
  value       = aws_sns_topic.alarms.arn
}

output "audit_bucket" {
  description = "Bucket of CloudTrail and Config; null without both."
  value       = local.audit ? aws_s3_bucket.audit[0].id : null
}
