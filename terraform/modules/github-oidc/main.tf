data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  issuer    = "token.actions.githubusercontent.com"
  provider  = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer}"

  # Terraform's states: reading them, and the lock file next to each.
  state_read = [
    { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.state_bucket_arn], Condition = { StringLike = { "s3:prefix" = ["${var.state_prefix}/*"] } } },
    { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.state_bucket_arn}/${var.state_prefix}/*"] },
    { Effect = "Allow", Action = ["s3:DeleteObject", "s3:PutObject"], Resource = ["${var.state_bucket_arn}/${var.state_prefix}/*.tflock"] },
    { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.state_key_arn] },
  ]

  policies = {
    plan = jsonencode(concat(local.state_read, [
      # ReadOnlyAccess would read health data and secrets: a plan looks at settings.
      { Effect = "Deny", Action = ["secretsmanager:GetSecretValue", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "rds-db:connect"], Resource = ["*"] },
      { Effect = "Deny", Action = ["s3:GetObject"], NotResource = ["${var.state_bucket_arn}/${var.state_prefix}/*"] },
    ]))
    apply = jsonencode(concat(local.state_read, [
      { Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${var.state_bucket_arn}/${var.state_prefix}/*"] },
      # It makes policies; it does not read what they protect, nor lift its own limits.
      { Effect = "Deny", Action = ["secretsmanager:GetSecretValue", "rds-db:connect"], Resource = ["*"] },
      { Effect = "Deny", Action = ["iam:CreateUser", "iam:CreateAccessKey", "iam:CreateLoginProfile", "organizations:*", "account:*"], Resource = ["*"] },
      { Effect = "Deny", Action = ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"], Resource = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-github-*"] },
      { Effect = "Deny", Action = ["iam:AttachRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"], Resource = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-github-*"] },
    ]))
    push = jsonencode([
      { Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = compact([var.repository_arn])
      },
    ])
  }

  # What the other modules attach; a test holds the list to them.
  attached = [
    "AmazonEC2ContainerRegistryPullOnly", "AmazonEKSBlockStoragePolicy", "AmazonEKSClusterPolicy", "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy", "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore", "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSDataLifecycleManagerServiceRole", "service-role/AWS_ConfigRole", "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonRDSEnhancedMonitoringRole",
  ]

  managed = { plan = "ReadOnlyAccess", apply = "PowerUserAccess" }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "main" {
  #checkov:skip=CKV_AWS_393:the subject is repo:OWNER/NAME:environment:NAME by StringEquals; the scanner cannot join the parts
  for_each = var.roles

  name                 = "${var.name}-github-${each.key}"
  description          = "Jobs of ${var.repository} in the environment ${each.value.environment}"
  max_session_duration = 3600
  permissions_boundary = each.value.kind == "apply" ? var.permissions_boundary_arn : null

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider }
      Condition = { StringEquals = {
        "${local.issuer}:aud" = "sts.amazonaws.com"
        "${local.issuer}:sub" = "repo:${var.repository}:environment:${each.value.environment}"
      } }
    }]
  })

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "main" {
  #checkov:skip=CKV_AWS_355:resources are named but for what has none and for what is denied
  #checkov:skip=CKV_AWS_290:as above
  for_each = var.roles

  name   = each.value.kind
  role   = aws_iam_role.main[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = jsondecode(local.policies[each.value.kind]) })
}

resource "aws_iam_role_policy_attachment" "main" {
  #checkov:skip=CKV_AWS_274:no administrator: PowerUserAccess has no IAM, which follows in the policy below
  for_each = { for name, role in var.roles : name => local.managed[role.kind] if role.kind != "push" }

  role       = aws_iam_role.main[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value}"
}

# PowerUserAccess leaves IAM out; Terraform makes roles, but only those of this environment.
resource "aws_iam_role_policy" "iam" {
  #checkov:skip=CKV_AWS_355:lists have no resource
  for_each = { for name, role in var.roles : name => role if role.kind == "apply" }

  name = "iam"
  role = aws_iam_role.main[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:List*"]
        Resource = ["*"]
      },
      {
        Effect = "Allow"
        Action = [
          "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreateRole", "iam:DeleteInstanceProfile",
          "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:RemoveRoleFromInstanceProfile",
          "iam:TagInstanceProfile", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
          "iam:UpdateRoleDescription",
        ]
        Resource = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*", "arn:${local.partition}:iam::${local.account}:instance-profile/${var.name}-*"]
      },
      {
        # Of AWS's own policies those that the modules attach, so no AdministratorAccess.
        Effect    = "Allow"
        Action    = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        Resource  = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*"]
        Condition = { ArnEquals = { "iam:PolicyARN" = [for policy in local.attached : "arn:${local.partition}:iam::aws:policy/${policy}"] } }
      },
      {
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*"]
        Condition = { StringLike = { "iam:PassedToService" = [
          "backup.amazonaws.com", "config.amazonaws.com", "dlm.amazonaws.com", "ec2.amazonaws.com", "eks.amazonaws.com", "export.rds.amazonaws.com",
          "monitoring.rds.amazonaws.com", "pods.eks.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com",
          "cloudtrail.amazonaws.com", "vpc-flow-logs.amazonaws.com",
        ] } }
      },
      {
        Effect   = "Allow"
        Action   = ["iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"]
        Resource = ["arn:${local.partition}:iam::${local.account}:oidc-provider/oidc.eks.${data.aws_region.current.region}.amazonaws.com/*"]
      },
    ]
  })
}
