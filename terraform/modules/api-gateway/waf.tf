locals {
  managed_rules = ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"]

  visibility = { for name in concat(["rate"], local.managed_rules) : name => {
    CloudWatchMetricsEnabled = true
    SampledRequestsEnabled   = false
    MetricName               = "${var.name}-${name}"
  } }
}

resource "aws_wafv2_web_acl" "main" {
  #checkov:skip=CKV2_AWS_31:a log of refused requests holds their headers; metrics say how many
  #checkov:skip=CKV_AWS_192:AWSManagedRulesKnownBadInputsRuleSet is in rule_json, which the scanner does not read
  #checkov:skip=CKV_AWS_175:rules are in rule_json, which the scanner does not read
  count = var.waf ? 1 : 0

  name        = var.name
  description = "Before the load balancer of ${var.name}"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  rule_json = jsonencode(concat(
    [{
      Name             = "rate"
      Priority         = 0
      Action           = { Block = {} }
      Statement        = { RateBasedStatement = { Limit = var.waf_requests_per_five_minutes, EvaluationWindowSec = 300, AggregateKeyType = "IP" } }
      VisibilityConfig = local.visibility["rate"]
    }],
    [for index, name in local.managed_rules : {
      Name             = name
      Priority         = index + 1
      OverrideAction   = { None = {} }
      Statement        = { ManagedRuleGroupStatement = { VendorName = "AWS", Name = name } }
      VisibilityConfig = local.visibility[name]
    }],
  ))

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    # Samples hold headers and paths of requests about health.
    sampled_requests_enabled = false
  }
}
