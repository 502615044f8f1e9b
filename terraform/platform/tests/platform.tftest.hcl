mock_provider "helm" {}

mock_provider "aws" {
  mock_data "aws_eks_cluster" {
    defaults = {
      endpoint              = "https://cluster.example"
      certificate_authority = [{ data = "Y2E=" }]
    }
  }
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
  platform = {
    name          = "myhealth-test"
    region        = "eu-central-1"
    cluster_name  = "myhealth-test"
    vpc_id        = "vpc-1"
    subnet_ids    = ["subnet-1", "subnet-2"]
    domain        = "health.example.org"
    zone_id       = "Z1"
    certificate   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    velero_bucket = "velero"
    kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/1"

    service_account_annotations = {}
  }
}

run "platform_gives_the_chart_its_values" {
  command = apply

  assert {
    condition     = jsonencode(keys(output.chart_values)) == jsonencode(["gateway", "istio", "observability"]) && output.chart_values.gateway == null && output.chart_values.istio == null
    error_message = "chart_values: ${jsonencode(output.chart_values)}"
  }
  assert {
    condition     = jsonencode(keys(output.chart_values.observability)) == jsonencode(["collectorHost", "otlpEndpoint", "prometheusUrl", "scaler", "serviceMonitor"])
    error_message = "observability: ${jsonencode(keys(output.chart_values.observability))}"
  }
}

run "gateway_and_mesh_are_asked_for" {
  command = apply
  variables {
    istio = {}
    gateway = {
      listener_arn      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/myhealth/1/2"
      security_group_id = "sg-1"
      waf               = true
    }
  }
  assert {
    condition     = output.chart_values.gateway.url == "https://api.health.example.org" && output.chart_values.istio.mode == "ambient"
    error_message = "Both are there."
  }
  assert {
    condition     = output.chart_values.gateway.settings.MYHEALTH_API_FORWARDED_HEADER == "forwarded"
    error_message = "The program reads the header that the gateway writes."
  }
}

run "mesh_without_gateway_traces_to_the_collector" {
  command = plan
  variables {
    istio = { mode = "sidecar" }
  }
  assert {
    condition     = length(module.istio) == 1 && length(module.api_gateway) == 0
    error_message = "Only the mesh."
  }
}

run "two_scalers_are_refused" {
  command = plan
  variables {
    scaler = "keda,adapter"
  }
  expect_failures = [var.scaler]
}

run "gateway_without_a_domain_is_refused" {
  command = plan
  variables {
    platform = {
      name         = "myhealth-test"
      region       = "eu-central-1"
      cluster_name = "myhealth-test"
      vpc_id       = "vpc-1"
      subnet_ids   = ["subnet-1", "subnet-2"]
      kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/1"

      service_account_annotations = {}
    }
    gateway = {
      listener_arn      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/myhealth/1/2"
      security_group_id = "sg-1"
    }
  }
  expect_failures = [var.gateway]
}
