output "backend" {
  description = "What every environment's backend.hcl says, without its key."
  value = {
    bucket     = aws_s3_bucket.states.id
    region     = var.region
    kms_key_id = aws_kms_key.states.arn
  }
}

output "state_bucket_arn" {
  description = "For an environment's github.state_bucket_arn."
  value       = aws_s3_bucket.states.arn
}
