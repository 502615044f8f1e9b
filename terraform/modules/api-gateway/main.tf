resource "aws_apigatewayv2_api" "main" {
  name          = var.name
  description   = "API of ${var.name}"
  protocol_type = "HTTP"
  # Everybody comes by the name, with its certificate and its limits.
  disable_execute_api_endpoint = true
}

resource "aws_security_group" "link" {
  name        = "${var.name}-api-link"
  description = "From API Gateway to the load balancer"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-api-link" }
}

resource "aws_vpc_security_group_egress_rule" "link" {
  security_group_id            = aws_security_group.link.id
  description                  = "HTTPS to the load balancer"
  referenced_security_group_id = var.load_balancer_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "link" {
  security_group_id            = var.load_balancer_security_group_id
  description                  = "HTTPS from API Gateway"
  referenced_security_group_id = aws_security_group.link.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_apigatewayv2_vpc_link" "main" {
  name               = var.name
  subnet_ids         = var.subnet_ids
  security_group_ids = [aws_security_group.link.id]
}

resource "aws_apigatewayv2_integration" "main" {
  api_id                 = aws_apigatewayv2_api.main.id
  integration_type       = "HTTP_PROXY"
  integration_method     = "ANY"
  integration_uri        = var.listener_arn
  connection_type        = "VPC_LINK"
  connection_id          = aws_apigatewayv2_vpc_link.main.id
  payload_format_version = "1.0"
  timeout_milliseconds   = 30000

  tls_config {
    server_name_to_verify = var.domain
  }

  # The load balancer's rules and the program know the public name only.
  request_parameters = {
    "overwrite:header.host" = var.domain
  }
}

resource "aws_apigatewayv2_authorizer" "oidc" {
  count = var.authorizer == null ? 0 : 1

  api_id           = aws_apigatewayv2_api.main.id
  name             = "oidc"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.authorizer.issuer
    audience = var.authorizer.audience
  }
}

resource "aws_apigatewayv2_route" "main" {
  #checkov:skip=CKV_AWS_309:without an issuer the API itself asks for a token or a log-in
  for_each = var.routes

  api_id    = aws_apigatewayv2_api.main.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.main.id}"

  authorization_type   = var.authorizer == null ? "NONE" : "JWT"
  authorizer_id        = var.authorizer == null ? null : aws_apigatewayv2_authorizer.oidc[0].id
  authorization_scopes = try(var.authorizer.scopes, null)
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:the retention is a variable of 365 days by default
  name              = "/myhealth/${var.name}/api-gateway"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_apigatewayv2_stage" "main" {
  api_id      = aws_apigatewayv2_api.main.id
  name        = "$default"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # The route and not the path, no query and no header: they may name a person.
    format = jsonencode({
      requestId        = "$context.requestId"
      time             = "$context.requestTime"
      route            = "$context.routeKey"
      status           = "$context.status"
      latency          = "$context.responseLatency"
      integrationError = "$context.integrationErrorMessage"
      bytes            = "$context.responseLength"
      address          = "$context.identity.sourceIp"
    })
  }

  # Routes that are not named below have nothing to give.
  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = 1
    throttling_burst_limit   = 1
  }

  dynamic "route_settings" {
    for_each = var.routes
    content {
      route_key                = route_settings.key
      detailed_metrics_enabled = true
      throttling_rate_limit    = route_settings.value.per_minute / 60
      throttling_burst_limit   = route_settings.value.burst
    }
  }

  depends_on = [aws_apigatewayv2_route.main]
}

resource "aws_apigatewayv2_domain_name" "main" {
  domain_name = var.domain

  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "main" {
  api_id      = aws_apigatewayv2_api.main.id
  domain_name = aws_apigatewayv2_domain_name.main.id
  stage       = aws_apigatewayv2_stage.main.id
}

resource "aws_route53_record" "main" {
  for_each = toset(["A"])

  zone_id = var.zone_id
  name    = var.domain
  type    = each.key

  alias {
    name                   = aws_apigatewayv2_domain_name.main.domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.main.domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}
