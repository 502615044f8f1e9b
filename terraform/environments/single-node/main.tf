# A household: one small instance, below 15 $ a month.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # By `init -backend-config=backend.hcl`, which scripts/bootstrap.sh writes. For a state on this machine remove the block.
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
    environment = "single-node"
    managed-by  = "terraform"
  })
}

module "single_node" {
  source = "../../modules/single-node"

  name           = "myhealth-home"
  zone           = "${var.region}a"
  instance_type  = var.size.instance_type
  data_gibibytes = var.size.data_gibibytes
  keep_snapshots = var.size.keep_snapshots
  budget_usd     = var.size.budget_usd
  release        = var.release
  domain         = var.domain
  client_cidrs   = var.client_cidrs
  time_zone      = var.time_zone
  snapshot_id    = var.snapshot_id
  alarm_email    = var.alarm_email
  tags           = local.tags
}
