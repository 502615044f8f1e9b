# Protected, watched, in three zones.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Bucket, key and region by `init -backend-config=backend.hcl`, which scripts/bootstrap.sh writes. The lock is a file beside
  # the state; an existing DynamoDB table for locks may be named there, too.
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
  tags = merge(var.tags, {
    project     = "myhealth"
    environment = "prod"
    managed-by  = "terraform"
  })
}

module "stack" {
  source = "../../modules/stack"

  name                 = "myhealth-prod"
  size                 = var.size
  protected            = true
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
