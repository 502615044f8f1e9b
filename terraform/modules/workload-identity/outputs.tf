output "role_arns" {
  description = "Role of each workload."
  value       = { for name, role in aws_iam_role.main : name => role.arn }
}

output "service_account_annotations" {
  description = "What each ServiceAccount must carry: nothing with Pod Identity, the role's ARN with IRSA."
  value = { for name, role in aws_iam_role.main :
    name => var.identity == "irsa" ? { "eks.amazonaws.com/role-arn" = role.arn } : {}
  }
}
