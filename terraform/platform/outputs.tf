output "chart_values" {
  description = "Values of the chart that follow from the platform, in addition to the environment's."
  value = {
    observability = module.observability.chart_values
    istio         = var.istio == null ? null : module.istio[0].chart_values
    gateway = var.gateway == null ? null : {
      url       = module.api_gateway[0].url
      webAclArn = module.api_gateway[0].web_acl_arn
      # API Gateway says for whom it asks in the standard's header.
      settings = { MYHEALTH_API_FORWARDED_HEADER = "forwarded" }
    }
  }
}
