output "url" {
  description = "Where the site is read."
  value       = "https://${var.domain}"
}

output "bucket" {
  description = "Bucket into which the site is published."
  value       = aws_s3_bucket.site.id
}

output "distribution_id" {
  description = "Distribution whose cache is emptied after publishing."
  value       = aws_cloudfront_distribution.site.id
}
