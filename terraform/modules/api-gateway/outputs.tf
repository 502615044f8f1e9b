output "url" {
  description = "Where the API is reached."
  value       = "https://${var.domain}"
}

output "api_id" {
  description = "The HTTP API, for dashboards and alarms."
  value       = aws_apigatewayv2_api.main.id
}

output "web_acl_arn" {
  description = "Web ACL for the Ingress's annotation alb.ingress.kubernetes.io/wafv2-acl-arn; null without one."
  value       = var.waf ? aws_wafv2_web_acl.main[0].arn : null
}
