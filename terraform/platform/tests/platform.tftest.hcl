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
    condition     = output.chart_values.otlp.endpoint != "" && output.chart_values.monitoring.serviceMonitor.enabled && !can(output.chart_values.exposure)
    error_message = "chart_values: ${jsonencode(output.chart_values)}"
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
    condition     = module.api_gateway[0].url == "https://api.health.example.org" && length(module.istio) == 1
    error_message = "Both are there."
  }
  assert {
    condition     = output.chart_values.api.extraArgs == ["--api.forwarded-header=forwarded"] && output.chart_values.exposure.ingress.annotations["external-dns.alpha.kubernetes.io/hostname"] == "stream.health.example.org"
    error_message = "The program reads the header that the gateway writes, and the name of the API is the gateway's."
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
