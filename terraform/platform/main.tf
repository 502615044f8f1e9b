# What runs in the cluster and is not ours: its own apply, with its own state, after the environment's.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.0"
    }
  }

  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}

provider "aws" {
  region = var.platform.region

  default_tags {
    tags = { project = "myhealth", environment = var.platform.name, managed-by = "terraform" }
  }
}

data "aws_eks_cluster" "main" {
  name = var.platform.cluster_name
}

# A token is asked for when it is needed, by the credentials of the operator who applies: none is in the state.
provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.main.endpoint
    cluster_ca_certificate = base64decode(data.aws_eks_cluster.main.certificate_authority[0].data)
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["eks", "get-token", "--region", var.platform.region, "--cluster-name", var.platform.cluster_name]
    }
  }
}

module "cluster_services" {
  source = "../modules/cluster-services"

  cluster_name                = var.platform.cluster_name
  region                      = var.platform.region
  vpc_id                      = var.platform.vpc_id
  domain                      = var.platform.domain
  karpenter                   = var.platform.karpenter
  velero_bucket               = var.platform.velero_bucket
  service_account_annotations = var.platform.service_account_annotations
}

module "observability" {
  source = "../modules/observability"

  cluster_name                = var.platform.cluster_name
  region                      = var.platform.region
  log_group                   = var.platform.log_group
  cloudwatch                  = var.cloudwatch
  scaler                      = var.scaler
  service_account_annotations = var.platform.service_account_annotations

  # Its Services pass the load balancer controller's webhook.
  depends_on = [module.cluster_services]
}

module "istio" {
  source = "../modules/istio"
  count  = var.istio == null ? 0 : 1

  mode             = var.istio.mode
  egress           = var.istio.egress
  tracing_endpoint = module.observability.collector_host

  depends_on = [module.cluster_services]
}

# Needs the load balancer that the chart's Ingress makes: a second apply, once there is one.
module "api_gateway" {
  source = "../modules/api-gateway"
  count  = var.gateway == null ? 0 : 1

  name                            = var.platform.name
  domain                          = "api.${var.platform.domain}"
  zone_id                         = var.platform.zone_id
  certificate_arn                 = var.platform.certificate
  vpc_id                          = var.platform.vpc_id
  subnet_ids                      = var.platform.subnet_ids
  listener_arn                    = var.gateway.listener_arn
  load_balancer_security_group_id = var.gateway.security_group_id
  authorizer                      = var.gateway.authorizer
  waf                             = var.gateway.waf
  kms_key_arn                     = var.platform.kms_key_arn
}
