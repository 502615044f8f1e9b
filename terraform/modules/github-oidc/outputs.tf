output "role_arns" {
  description = "Roles by name, for `role-to-assume`."
  value       = { for name, role in aws_iam_role.main : name => role.arn }
}
