# An environment with a cluster: dev, staging and prod are this configuration with three states, chosen by
# scripts/cluster.sh. What differs between them is sizes/NAME.json.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Bucket, key and region are in backend-NAME.hcl, which scripts/bootstrap.sh writes. The lock is a file next to the state; an
  # existing DynamoDB table for locks may be named there, too.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

locals {
  environment = jsondecode(file("${path.module}/sizes/${var.environment}.json"))
  tags = merge(var.tags, {
    project     = "myhealth"
    environment = var.environment
    managed-by  = "terraform"
  })
}

module "stack" {
  source = "../../modules/stack"

  name                 = "myhealth-${var.environment}"
  size                 = local.environment.size
  protected            = local.environment.protected
  cidr                 = var.cidr
  domain               = var.domain
  alarm_email          = var.alarm_email
  access               = var.access
  secret_operator_arns = var.secret_operator_arns
  public_access_cidrs  = var.public_access_cidrs
  kubernetes_version   = var.kubernetes_version
  identity             = var.identity
  account_defaults     = var.account_defaults
  github               = var.github
  tags                 = local.tags
}
