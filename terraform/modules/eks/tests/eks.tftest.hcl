mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { identity = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC" }] }] }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
}

variables {
  name        = "myhealth-test"
  vpc_id      = "vpc-1"
  subnet_ids  = ["subnet-1", "subnet-2", "subnet-3"]
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "defaults_are_private_encrypted_and_in_standard_support" {
  command = plan

  assert {
    condition     = aws_eks_cluster.main.upgrade_policy[0].support_type == "STANDARD"
    error_message = "Extended support must not happen silently."
  }
  assert {
    condition     = aws_eks_cluster.main.vpc_config[0].endpoint_private_access && !aws_eks_cluster.main.vpc_config[0].endpoint_public_access
    error_message = "The API server is reached from the VPC only."
  }
  assert {
    condition     = aws_eks_cluster.main.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    error_message = "Secrets are encrypted with our key."
  }
  assert {
    condition     = aws_eks_cluster.main.access_config[0].authentication_mode == "API" && !aws_eks_cluster.main.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Administrators are only those that are named."
  }
  assert {
    condition     = aws_eks_cluster.main.deletion_protection && contains(aws_eks_cluster.main.enabled_cluster_log_types, "audit")
    error_message = "Protected and audited."
  }
}

run "pods_cannot_take_the_role_of_their_node" {
  command = plan

  assert {
    condition     = aws_launch_template.node["main"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["main"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 with one hop."
  }
  assert {
    condition     = aws_launch_template.node["main"].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Disks are encrypted."
  }
  assert {
    condition     = !contains([for attachment in aws_iam_role_policy_attachment.node : attachment.policy_arn], "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")
    error_message = "The network plug-in has a role of its own."
  }
}

run "network_plugin_and_agent_come_before_nodes_the_rest_after" {
  command = plan

  assert {
    condition     = toset(keys(aws_eks_addon.before_nodes)) == toset(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"])
    error_message = "before: ${jsonencode(keys(aws_eks_addon.before_nodes))}"
  }
  assert {
    condition     = toset(keys(aws_eks_addon.after_nodes)) == toset(["coredns", "aws-ebs-csi-driver", "metrics-server"])
    error_message = "after: ${jsonencode(keys(aws_eks_addon.after_nodes))}"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Network policies are enforced."
  }
}

run "addons_that_call_aws_have_a_role_each" {
  command = apply

  assert {
    condition     = aws_eks_addon.after_nodes["aws-ebs-csi-driver"].pod_identity_association != null && length(aws_iam_role.addon) == 2
    error_message = "vpc-cni and the EBS driver."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.addon : jsondecode(role.assume_role_policy).Statement[0].Principal.Service == "pods.eks.amazonaws.com"])
    error_message = "By Pod Identity."
  }
  assert {
    condition     = output.oidc_provider == null && output.interruption_queue == null
    error_message = "What was not asked for is not there."
  }
}

run "spot_nodes_on_arm" {
  command = plan
  variables {
    node_groups = {
      spot = { instance_types = ["t4g.medium", "t4g.large", "m7g.medium"], capacity_type = "SPOT" }
    }
  }
  assert {
    condition     = aws_eks_node_group.main["spot"].capacity_type == "SPOT" && aws_eks_node_group.main["spot"].ami_type == "AL2023_ARM_64_STANDARD"
    error_message = "Spot instances with Graviton."
  }
  assert {
    condition     = aws_eks_node_group.main["spot"].update_config[0].max_unavailable == 1
    error_message = "One node is replaced at a time."
  }
}

run "auto_mode_has_no_node_groups_and_no_addons_that_are_built_in" {
  command = apply
  variables {
    scaling = "auto"
  }
  assert {
    condition     = length(aws_eks_node_group.main) == 0 && toset(keys(aws_eks_addon.after_nodes)) == toset(["metrics-server"])
    error_message = "EKS makes nodes and brings its own add-ons."
  }
  assert {
    condition     = aws_eks_cluster.main.compute_config[0].enabled && aws_eks_cluster.main.storage_config[0].block_storage[0].enabled && aws_eks_cluster.main.kubernetes_network_config[0].elastic_load_balancing[0].enabled
    error_message = "The three parts of Auto Mode are switched together: EKS refuses one without the others."
  }
}

run "karpenter_hears_of_interruptions" {
  command = apply
  variables {
    scaling = "karpenter"
  }
  assert {
    condition     = length(aws_cloudwatch_event_target.interruptions) == 4 && output.interruption_queue != null
    error_message = "Spot, rebalance, state and health events arrive in the queue."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_policy.interruptions[0].policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] != null
    error_message = "Only our rules may send."
  }
}

run "access_is_bound_to_namespaces" {
  command = apply
  variables {
    access = {
      operator = { principal_arn = "arn:aws:iam::123456789012:role/operator", policy = "AmazonEKSEditPolicy", namespaces = ["myhealth"] }
      auditor  = { principal_arn = "arn:aws:iam::123456789012:role/auditor", policy = "AmazonEKSAdminViewPolicy" }
    }
  }
  assert {
    condition     = aws_eks_access_policy_association.main["operator"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.main["auditor"].access_scope[0].type == "cluster"
    error_message = "A namespace where one is named."
  }
}

run "oidc_provider_is_made_for_irsa" {
  command = apply
  variables {
    oidc_provider = true
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.cluster) == 1 && output.oidc_provider != null
    error_message = "IRSA needs a provider."
  }
}

run "version_near_extended_support_is_refused" {
  command = plan
  variables {
    kubernetes_version = "1.34"
  }
  expect_failures = [var.kubernetes_version]
}

run "version_with_patch_is_refused" {
  command = plan
  variables {
    kubernetes_version = "1.36.4"
  }
  expect_failures = [var.kubernetes_version]
}

run "api_server_for_the_whole_internet_is_refused" {
  command = plan
  variables {
    public_access_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "unknown_scaling_is_refused" {
  command = plan
  variables {
    scaling = "cluster-autoscaler"
  }
  expect_failures = [var.scaling]
}

run "group_that_wants_more_than_its_maximum_is_refused" {
  command = plan
  variables {
    node_groups = { main = { instance_types = ["t4g.medium"], desired = 5, maximum = 3 } }
  }
  expect_failures = [var.node_groups]
}

run "cluster_without_network_plugin_is_refused" {
  command = plan
  variables {
    addons = { coredns = null, kube-proxy = null }
  }
  expect_failures = [var.addons]
}

run "edit_rights_for_the_whole_cluster_are_refused" {
  command = plan
  variables {
    access = { operator = { principal_arn = "arn:aws:iam::123456789012:role/operator", policy = "AmazonEKSEditPolicy" } }
  }
  expect_failures = [var.access]
}

run "cluster_without_audit_log_is_refused" {
  command = plan
  variables {
    control_plane_logs = ["api"]
  }
  expect_failures = [var.control_plane_logs]
}
