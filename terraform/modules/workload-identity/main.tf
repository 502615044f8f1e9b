data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id
  ec2       = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  trust = {
    for name, at in var.service_accounts : name => var.identity == "irsa" ? jsonencode({
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = try(var.oidc_provider.arn, "") }
      Condition = { StringEquals = {
        "${try(var.oidc_provider.issuer, "")}:aud" = "sts.amazonaws.com"
        "${try(var.oidc_provider.issuer, "")}:sub" = "system:serviceaccount:${at.namespace}:${at.service_account}"
      } }
      }) : jsonencode({
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "pods.eks.amazonaws.com" }
      Condition = { StringEquals = {
        "aws:RequestTag/kubernetes-namespace"       = at.namespace
        "aws:RequestTag/kubernetes-service-account" = at.service_account
      } }
    })
  }
}

resource "aws_iam_role" "main" {
  for_each = var.service_accounts

  name        = "${var.name}-${each.key}"
  description = "ServiceAccount ${each.value.namespace}/${each.value.service_account} of ${var.cluster_name}"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge({ Effect = "Allow" }, jsondecode(local.trust[each.key]))]
  })
}

resource "aws_iam_role_policy" "main" {
  for_each = var.service_accounts

  name   = each.key
  role   = aws_iam_role.main[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = jsondecode(local.policies[each.key]) })

  lifecycle {
    precondition {
      condition     = local.policies[each.key] != "[]"
      error_message = "${each.key} has nothing that it may do: give what it works on (results, secret_arns, zone_arn, velero_bucket_arn, log_group_arn or karpenter)."
    }
  }
}

resource "aws_eks_pod_identity_association" "main" {
  for_each = var.identity == "pod-identity" ? var.service_accounts : {}

  cluster_name    = var.cluster_name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = aws_iam_role.main[each.key].arn
}
