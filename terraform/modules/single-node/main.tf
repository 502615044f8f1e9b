data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

# Amazon's own pointer to its newest image. A new one replaces the instance at the next apply, and not the data.
data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64"
}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region
  account    = data.aws_caller_identity.current.account_id
  parameters = "/${var.name}"

  settings = {
    REGION       = local.region
    PARAMETERS   = local.parameters
    RELEASE_URL  = var.release.url
    RELEASE_SUM  = var.release.sha256
    VOLUME_ID    = aws_ebs_volume.data.id
    DOMAIN       = try(var.domain.name, "")
    DOMAIN_EMAIL = try(var.domain.email, "")
    TIME_ZONE    = var.time_zone
  }

  user_data = join("\n", concat(
    ["#!/bin/bash"],
    [for name, value in local.settings : "export ${name}='${replace(value, "'", "")}'"],
    [file("${path.module}/setup.sh")],
  ))
}

resource "aws_vpc" "main" {
  #checkov:skip=CKV2_AWS_11:one instance; flow logs would cost more than it
  cidr_block           = "10.0.0.0/24"
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = var.name }
}

resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${var.name}-default-closed" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = var.name }
}

# No NAT gateway: it would cost three times the instance.
resource "aws_subnet" "main" {
  vpc_id                  = aws_vpc.main.id
  availability_zone       = var.zone
  cidr_block              = "10.0.0.0/26"
  map_public_ip_on_launch = false
  tags                    = { Name = var.name }
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
  tags = { Name = var.name }
}

resource "aws_route_table_association" "main" {
  subnet_id      = aws_subnet.main.id
  route_table_id = aws_route_table.main.id
}

resource "aws_security_group" "main" {
  name        = var.name
  description = "The API, if it has a domain; never SSH"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = var.name }
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  for_each = var.domain == null ? toset([]) : var.client_cidrs

  security_group_id = aws_security_group.main.id
  description       = "The API over TLS"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "certificate" {
  #checkov:skip=CKV_AWS_260:Let's Encrypt proves the name here, from addresses that it does not tell
  count = var.domain == null ? 0 : 1

  security_group_id = aws_security_group.main.id
  description       = "Proof of the name to Let's Encrypt; nothing listens otherwise"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "main" {
  for_each = { https = { protocol = "tcp", port = 443 }, http = { protocol = "tcp", port = 80 } }

  security_group_id = aws_security_group.main.id
  description       = "Oura, AWS, packages (${each.key})"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_iam_role" "main" {
  name = var.name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

# Session Manager instead of SSH.
resource "aws_iam_role_policy_attachment" "session" {
  role       = aws_iam_role.main.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "main" {
  name = "secrets"
  role = aws_iam_role.main.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = ["arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${local.parameters}/*"]
      },
      {
        # AmazonSSMManagedInstanceCore reads every parameter of the account.
        Effect      = "Deny"
        Action      = ["ssm:GetParameter", "ssm:GetParameters"]
        NotResource = ["arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${local.parameters}/*"]
      },
    ]
  })
}

resource "aws_iam_instance_profile" "main" {
  name = var.name
  role = aws_iam_role.main.name
}

resource "aws_instance" "main" {
  #checkov:skip=CKV_AWS_88:its way out; a NAT gateway would cost three times the instance, and no rule lets anybody in
  #checkov:skip=CKV_AWS_126:monitoring by the minute costs a seventh of the instance
  ami                    = data.aws_ssm_parameter.image.insecure_value
  instance_type          = var.instance_type
  subnet_id              = aws_subnet.main.id
  vpc_security_group_ids = [aws_security_group.main.id]
  iam_instance_profile   = aws_iam_instance_profile.main.name
  ebs_optimized          = true
  # The way out; who comes in is the group's to say.
  associate_public_ip_address = true

  user_data                   = local.user_data
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  maintenance_options {
    auto_recovery = "default"
  }

  # Without it the processor is slowed when credits end, instead of billed.
  dynamic "credit_specification" {
    for_each = startswith(var.instance_type, "t4g.") ? ["standard"] : []
    content {
      cpu_credits = credit_specification.value
    }
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 8
    encrypted   = true
    tags        = merge(var.tags, { Name = "${var.name}-root" })
  }

  tags = { Name = var.name }

  depends_on = [aws_route_table_association.main, aws_iam_role_policy.main]
}

resource "aws_ebs_volume" "data" {
  #checkov:skip=CKV2_AWS_9:daily snapshots by Data Lifecycle Manager, which costs nothing
  #checkov:skip=CKV_AWS_189:the account's own key encrypts it; a key of ours costs a dollar a month
  availability_zone = var.zone
  type              = "gp3"
  size              = var.data_gibibytes
  snapshot_id       = var.snapshot_id
  encrypted         = true
  # Deleting the volume leaves a snapshot.
  final_snapshot = true

  tags = { Name = "${var.name}-data", Snapshots = var.name }
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = aws_instance.main.id
  # The database is closed before its volume goes.
  stop_instance_before_detaching = true
}

resource "aws_eip" "main" {
  count = var.domain == null ? 0 : 1

  domain   = "vpc"
  instance = aws_instance.main.id
  tags     = { Name = var.name }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_route53_record" "main" {
  count = var.domain == null ? 0 : 1

  zone_id = var.domain.zone_id
  name    = var.domain.name
  type    = "A"
  ttl     = 300
  records = [aws_eip.main[0].public_ip]
}
