mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
      domain_validation_options = [
        { domain_name = "health.example.org", resource_record_name = "_1.health.example.org", resource_record_type = "CNAME", resource_record_value = "_1.acm-validations.aws" },
        { domain_name = "docs.health.example.org", resource_record_name = "_2.health.example.org", resource_record_type = "CNAME", resource_record_value = "_2.acm-validations.aws" },
      ]
    }
  }
  mock_resource "aws_route53_zone" {
    defaults = { zone_id = "Z1", name_servers = ["ns-1.example", "ns-2.example"] }
  }
}

variables {
  name              = "myhealth-test"
  domain            = "health.example.org"
  alternative_names = ["docs.health.example.org"]
}

run "certificate_is_proven_by_dns_for_every_name" {
  command = apply

  assert {
    condition     = length(aws_route53_record.validation) == 2 && aws_route53_record.validation["docs.health.example.org"].name == "_2.health.example.org"
    error_message = "One record for each name."
  }
  assert {
    condition     = output.name_servers == tolist(["ns-1.example", "ns-2.example"]) && output.zone_id == "Z1"
    error_message = "A new zone says where to delegate to."
  }
}

run "other_authorities_may_not_issue" {
  command = plan

  assert {
    condition     = aws_route53_record.caa.type == "CAA" && length(aws_route53_record.caa.records) == 2
    error_message = "Amazon and Let's Encrypt."
  }
}

run "existing_zone_is_used" {
  command = apply
  variables {
    zone_id = "Z9"
  }
  assert {
    condition     = length(aws_route53_zone.main) == 0 && output.zone_id == "Z9" && output.zone_arn == "arn:aws:route53:::hostedzone/Z9" && length(output.name_servers) == 0
    error_message = "No second zone."
  }
}

run "cdn_has_a_certificate_where_cloudfront_looks" {
  command = apply
  variables {
    cdn_certificate = true
  }
  assert {
    condition     = aws_acm_certificate.cdn[0].region == "us-east-1" && output.cdn_certificate_arn != null
    error_message = "In us-east-1."
  }
}

run "domain_with_a_dot_at_its_end_is_refused" {
  command = plan
  variables {
    domain            = "health.example.org."
    alternative_names = []
  }
  expect_failures = [var.domain]
}

run "name_of_another_domain_is_refused" {
  command = plan
  variables {
    alternative_names = ["health.example.com"]
  }
  expect_failures = [var.alternative_names]
}
