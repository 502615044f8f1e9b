output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.main.name
}

output "cluster_arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.main.arn
}

output "endpoint" {
  description = "Address of the API server."
  value       = aws_eks_cluster.main.endpoint
}

output "security_group_id" {
  description = "Group of the control plane and of all nodes; the database admits it."
  value       = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
}

output "oidc_provider" {
  description = "ARN of the IAM OIDC provider and its issuer without https://; null without IRSA."
  value = var.oidc_provider ? {
    arn    = aws_iam_openid_connect_provider.cluster[0].arn
    issuer = replace(aws_iam_openid_connect_provider.cluster[0].url, "https://", "")
  } : null
}

output "node_role_arn" {
  description = "Role of the nodes."
  value       = aws_iam_role.node.arn
}

output "interruption_queue" {
  description = "Queue that tells Karpenter about nodes that are about to go; null without Karpenter."
  value       = local.karpenter ? { name = aws_sqs_queue.interruptions[0].name, arn = aws_sqs_queue.interruptions[0].arn } : null
}
