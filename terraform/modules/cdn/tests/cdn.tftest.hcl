mock_provider "aws" {
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:distribution/E1", domain_name = "d1.cloudfront.net", hosted_zone_id = "Z2FDTNDATAQYW2" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::site" }
  }
}

variables {
  name            = "myhealth-test"
  domain          = "docs.health.example.org"
  zone_id         = "Z1"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
}

run "only_its_distribution_reads_the_bucket" {
  command = apply

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.site.policy).Statement[0].Condition.StringEquals["aws:SourceArn"] == "arn:aws:cloudfront::123456789012:distribution/E1"
    error_message = "By the distribution's ARN."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.site.restrict_public_buckets && aws_s3_bucket_public_access_block.site.block_public_policy
    error_message = "The bucket is private."
  }
  assert {
    condition     = output.url == "https://docs.health.example.org" && length(aws_route53_record.site) == 2
    error_message = "By IPv4 and IPv6."
  }
}

run "tls_is_required_and_headers_are_set" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.site.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.site.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "TLS 1.2 at least."
  }
  assert {
    condition     = aws_cloudfront_response_headers_policy.site.security_headers_config[0].strict_transport_security[0].access_control_max_age_sec >= 31536000
    error_message = "Browsers remember for a year or more."
  }
}

run "function_answers_folders_with_their_index" {
  command = plan

  assert {
    condition     = aws_cloudfront_function.index.publish && strcontains(aws_cloudfront_function.index.code, "index.html")
    error_message = "Published."
  }
}

run "certificate_of_another_region_is_refused" {
  command = plan
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }
  expect_failures = [var.certificate_arn]
}

run "unknown_price_class_is_refused" {
  command = plan
  variables {
    price_class = "PriceClass_1"
  }
  expect_failures = [var.price_class]
}

run "name_in_capitals_is_refused" {
  command = plan
  variables {
    domain = "Docs.example.org"
  }
  expect_failures = [var.domain]
}
