# What Karpenter needs of AWS; Karpenter itself comes with the platform. Its own role is in workload-identity.

locals {
  karpenter = var.scaling == "karpenter"

  # What tells that a node is about to go: spot warnings, health, rebalancing, state.
  interruptions = local.karpenter ? {
    spot      = { source = "aws.ec2", type = "EC2 Spot Instance Interruption Warning" }
    rebalance = { source = "aws.ec2", type = "EC2 Instance Rebalance Recommendation" }
    state     = { source = "aws.ec2", type = "EC2 Instance State-change Notification" }
    health    = { source = "aws.health", type = "AWS Health Event" }
  } : {}
}

resource "aws_sqs_queue" "interruptions" {
  count = local.karpenter ? 1 : 0

  name                      = "${var.name}-interruptions"
  message_retention_seconds = 300
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "interruptions" {
  count = local.karpenter ? 1 : 0

  queue_url = aws_sqs_queue.interruptions[0].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.interruptions[0].arn
        Principal = { Service = "events.amazonaws.com" }
        Condition = { ArnEquals = { "aws:SourceArn" = [for rule in aws_cloudwatch_event_rule.interruptions : rule.arn] } }
      },
      {
        Effect    = "Deny"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.interruptions[0].arn
        Principal = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_rule" "interruptions" {
  for_each = local.interruptions

  name        = "${var.name}-${each.key}"
  description = "${each.value.type}, for Karpenter"

  event_pattern = jsonencode({ source = [each.value.source], detail-type = [each.value.type] })
}

resource "aws_cloudwatch_event_target" "interruptions" {
  for_each = local.interruptions

  rule = aws_cloudwatch_event_rule.interruptions[each.key].name
  arn  = aws_sqs_queue.interruptions[0].arn
}

# Nodes that Karpenter starts join with the role of the others.
resource "aws_eks_access_entry" "karpenter" {
  count = local.karpenter && length(var.node_groups) == 0 ? 1 : 0

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = aws_iam_role.node.arn
  type          = "EC2_LINUX"
}
