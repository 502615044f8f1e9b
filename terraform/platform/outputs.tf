output "chart_values" {
  description = "Values of the chart that follow from the platform, in addition to the environment's."
  value = merge(module.observability.chart_values, [for gateway in module.api_gateway : {
    api = merge(module.observability.chart_values.api, {
      # API Gateway says for whom it asks in the standard's header.
      extraArgs = ["--api.forwarded-header=forwarded"]
    })
    # The API's name is the gateway's; what streams goes to the load balancer.
    exposure = { ingress = { annotations = merge(
      { "external-dns.alpha.kubernetes.io/hostname" = "stream.${var.platform.domain}" },
      var.gateway.waf ? { "alb.ingress.kubernetes.io/wafv2-acl-arn" = gateway.web_acl_arn } : {},
    ) } }
  }]...)
}
