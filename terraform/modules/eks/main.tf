data "aws_partition" "current" {}

locals {
  policy_prefix = "arn:${data.aws_partition.current.partition}:iam::aws:policy"

  automatic = var.scaling == "auto"
  cluster_policies = concat(
    ["AmazonEKSClusterPolicy"],
    local.automatic ? ["AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicy", "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy"] : [],
  )
}

resource "aws_cloudwatch_log_group" "cluster" {
  #checkov:skip=CKV_AWS_338:the retention is a variable of 365 days by default
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "cluster" {
  name = "${var.name}-cluster"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "eks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  for_each = toset(local.cluster_policies)

  role       = aws_iam_role.cluster.name
  policy_arn = "${local.policy_prefix}/${each.key}"
}

resource "aws_eks_cluster" "main" {
  #checkov:skip=CKV_AWS_39:public access is off unless networks are named
  #checkov:skip=CKV_AWS_38:the whole internet is refused by the variable's validation
  #checkov:skip=CKV_AWS_339:the scanner's list of versions is older than 1.35
  name     = var.name
  version  = var.kubernetes_version
  role_arn = aws_iam_role.cluster.arn

  deletion_protection           = var.deletion_protection
  bootstrap_self_managed_addons = false
  enabled_cluster_log_types     = var.control_plane_logs

  access_config {
    authentication_mode = "API"
    # The one who applies is named in var.access like everybody else.
    bootstrap_cluster_creator_admin_permissions = false
  }

  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.public_access_cidrs) > 0
    public_access_cidrs     = length(var.public_access_cidrs) > 0 ? var.public_access_cidrs : null
  }

  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = var.kms_key_arn
    }
  }

  # EKS's own default is EXTENDED, which bills 0.60 $ an hour from the end of standard support on.
  upgrade_policy {
    support_type = "STANDARD"
  }

  compute_config {
    enabled       = local.automatic
    node_pools    = local.automatic ? ["general-purpose", "system"] : null
    node_role_arn = local.automatic ? aws_iam_role.node.arn : null
  }

  kubernetes_network_config {
    elastic_load_balancing {
      enabled = local.automatic
    }
  }

  storage_config {
    block_storage {
      enabled = local.automatic
    }
  }

  depends_on = [aws_cloudwatch_log_group.cluster, aws_iam_role_policy_attachment.cluster]
}

resource "aws_eks_access_entry" "main" {
  for_each = var.access

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = each.value.principal_arn
}

resource "aws_eks_access_policy_association" "main" {
  for_each = var.access

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = aws_eks_access_entry.main[each.key].principal_arn
  policy_arn    = "arn:${data.aws_partition.current.partition}:eks::aws:cluster-access-policy/${each.value.policy}"

  access_scope {
    type       = length(each.value.namespaces) > 0 ? "namespace" : "cluster"
    namespaces = length(each.value.namespaces) > 0 ? each.value.namespaces : null
  }
}

resource "aws_iam_openid_connect_provider" "cluster" {
  count = var.oidc_provider ? 1 : 0

  url            = aws_eks_cluster.main.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}
