output "instance_id" {
  description = "The instance, for Session Manager."
  value       = aws_instance.main.id
}

output "volume_id" {
  description = "The volume with the database, for a restore."
  value       = aws_ebs_volume.data.id
}

output "url" {
  description = "Where the API is reached; null without a domain."
  value       = var.domain == null ? null : "https://${var.domain.name}"
}

output "page" {
  description = "Opens the page with gauges on this machine, at http://127.0.0.1:9872."
  value       = "aws ssm start-session --target ${aws_instance.main.id} --document-name AWS-StartPortForwardingSession --parameters portNumber=9872,localPortNumber=9872"
}

output "log_in" {
  description = "Opens a shell on the instance, in which the log-in at Oura is done."
  value       = "aws ssm start-session --target ${aws_instance.main.id}"
}
