output "zone_id" {
  description = "The hosted zone."
  value       = local.zone_id
}

output "zone_arn" {
  description = "Its ARN, for external-dns."
  value       = "arn:${data.aws_partition.current.partition}:route53:::hostedzone/${local.zone_id}"
}

output "name_servers" {
  description = "Name servers to delegate to at the parent zone; empty for an existing zone."
  value       = var.zone_id == null ? aws_route53_zone.main[0].name_servers : []
}

output "certificate_arn" {
  description = "Certificate for load balancers and API Gateway, once it is proven."
  value       = aws_acm_certificate_validation.main.certificate_arn
}

output "cdn_certificate_arn" {
  description = "Certificate for CloudFront; null if none was asked for."
  value       = var.cdn_certificate ? aws_acm_certificate_validation.cdn[0].certificate_arn : null
}
