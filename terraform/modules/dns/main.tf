data "aws_partition" "current" {}

locals {
  zone_id = var.zone_id == null ? aws_route53_zone.main[0].zone_id : var.zone_id
}

resource "aws_route53_zone" "main" {
  #checkov:skip=CKV2_AWS_38:DNSSEC needs a record at the parent zone, which is not ours; the guide says how
  #checkov:skip=CKV2_AWS_39:queries name no person; their log would cost more than the zone
  count = var.zone_id == null ? 1 : 0

  name    = var.domain
  comment = "Zone of ${var.name}"
}

# No other authority may issue a certificate for these names.
resource "aws_route53_record" "caa" {
  zone_id = local.zone_id
  name    = var.domain
  type    = "CAA"
  ttl     = 3600
  records = ["0 issue \"amazon.com\"", "0 issue \"letsencrypt.org\""]
}

resource "aws_acm_certificate" "main" {
  domain_name               = var.domain
  subject_alternative_names = var.alternative_names
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "cdn" {
  count = var.cdn_certificate ? 1 : 0

  region                    = "us-east-1"
  domain_name               = var.domain
  subject_alternative_names = var.alternative_names
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# Proof of a name is the same record in every region.
resource "aws_route53_record" "validation" {
  for_each = toset(concat([var.domain], var.alternative_names))

  zone_id         = local.zone_id
  name            = one([for option in aws_acm_certificate.main.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.main.domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [one([for option in aws_acm_certificate.main.domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "main" {
  certificate_arn         = aws_acm_certificate.main.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_acm_certificate_validation" "cdn" {
  count = var.cdn_certificate ? 1 : 0

  region                  = "us-east-1"
  certificate_arn         = aws_acm_certificate.cdn[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
