mock_provider "aws" {
  mock_resource "aws_apigatewayv2_domain_name" {
    defaults = {
      id = "api.health.example.org"
      domain_name_configuration = {
        target_domain_name = "d-1.execute-api.eu-central-1.amazonaws.com"
        hosted_zone_id     = "Z2"
      }
    }
  }
}

variables {
  name                            = "myhealth-test"
  domain                          = "api.health.example.org"
  zone_id                         = "Z1"
  certificate_arn                 = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  vpc_id                          = "vpc-1"
  subnet_ids                      = ["subnet-1", "subnet-2"]
  listener_arn                    = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/myhealth/1/2"
  load_balancer_security_group_id = "sg-1"
  kms_key_arn                     = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "hundred_requests_a_minute_by_route_and_hardly_any_elsewhere" {
  command = plan

  assert {
    condition     = one([for settings in aws_apigatewayv2_stage.main.route_settings : floor(settings.throttling_rate_limit * 60 + 0.5) if settings.route_key == "ANY /api/{proxy+}"]) == 100
    error_message = "100 a minute."
  }
  assert {
    condition     = aws_apigatewayv2_stage.main.default_route_settings[0].throttling_rate_limit == 1
    error_message = "What is not named is slow."
  }
}

run "api_is_reached_by_its_name_with_tls_only" {
  command = apply

  assert {
    condition     = aws_apigatewayv2_api.main.disable_execute_api_endpoint && aws_apigatewayv2_domain_name.main.domain_name_configuration[0].security_policy == "TLS_1_2"
    error_message = "No second address, and TLS 1.2 at least."
  }
  assert {
    condition     = aws_apigatewayv2_integration.main.connection_type == "VPC_LINK" && aws_apigatewayv2_integration.main.tls_config[0].server_name_to_verify == "api.health.example.org"
    error_message = "Through the VPC, with a certificate that is checked."
  }
  assert {
    condition     = output.url == "https://api.health.example.org" && output.web_acl_arn == null
    error_message = "The URL, and no web ACL unasked."
  }
}

run "access_logs_hold_no_path_query_or_header" {
  command = plan

  assert {
    condition     = !can(regex("path|query|header|authorizer", aws_apigatewayv2_stage.main.access_log_settings[0].format))
    error_message = "Route, status, latency and address: ${aws_apigatewayv2_stage.main.access_log_settings[0].format}"
  }
}

run "link_reaches_the_load_balancer_and_nothing_else" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_egress_rule.link.referenced_security_group_id == "sg-1" && aws_vpc_security_group_egress_rule.link.to_port == 443
    error_message = "HTTPS to its group."
  }
}

run "issuer_is_asked_before_the_api" {
  command = plan
  variables {
    authorizer = { issuer = "https://cognito-idp.eu-central-1.amazonaws.com/pool", audience = ["client"] }
  }
  assert {
    condition     = aws_apigatewayv2_route.main["ANY /api/{proxy+}"].authorization_type == "JWT" && aws_apigatewayv2_authorizer.oidc[0].jwt_configuration[0].issuer == var.authorizer.issuer
    error_message = "Every route asks it."
  }
}

run "web_acl_limits_by_address_and_keeps_no_samples" {
  command = plan
  variables {
    waf = true
  }
  assert {
    condition     = length(jsondecode(aws_wafv2_web_acl.main[0].rule_json)) == 4 && jsondecode(aws_wafv2_web_acl.main[0].rule_json)[0].Statement.RateBasedStatement.AggregateKeyType == "IP"
    error_message = "A limit and three groups of rules."
  }
  assert {
    condition     = !aws_wafv2_web_acl.main[0].visibility_config[0].sampled_requests_enabled && alltrue([for rule in jsondecode(aws_wafv2_web_acl.main[0].rule_json) : !rule.VisibilityConfig.SampledRequestsEnabled])
    error_message = "Samples hold headers."
  }
}

run "default_route_is_refused" {
  command = plan
  variables {
    routes = { "$default" = {} }
  }
  expect_failures = [var.routes]
}

run "gauges_are_refused" {
  command = plan
  variables {
    routes = { "GET /metrics" = {} }
  }
  expect_failures = [var.routes]
}

run "route_without_requests_is_refused" {
  command = plan
  variables {
    routes = { "GET /api/{proxy+}" = { per_minute = 0 } }
  }
  expect_failures = [var.routes]
}

run "issuer_without_tls_is_refused" {
  command = plan
  variables {
    authorizer = { issuer = "http://issuer.example.org", audience = ["client"] }
  }
  expect_failures = [var.authorizer]
}

run "load_balancer_instead_of_its_listener_is_refused" {
  command = plan
  variables {
    listener_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/myhealth/1"
  }
  expect_failures = [var.listener_arn]
}
