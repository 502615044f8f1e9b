mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name         = "myhealth-test"
  cluster_name = "myhealth-test"
  kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/1"
  service_accounts = {
    myhealth                 = { namespace = "myhealth", service_account = "myhealth" }
    external-secrets         = { namespace = "external-secrets", service_account = "external-secrets" }
    external-dns             = { namespace = "external-dns", service_account = "external-dns" }
    load-balancer-controller = { namespace = "kube-system", service_account = "aws-load-balancer-controller" }
    karpenter                = { namespace = "kube-system", service_account = "karpenter" }
    velero                   = { namespace = "velero", service_account = "velero-server" }
    fluent-bit               = { namespace = "logging", service_account = "fluent-bit" }
    collector                = { namespace = "monitoring", service_account = "collector" }
    yace                     = { namespace = "monitoring", service_account = "yace" }
  }
  results           = { bucket_arn = "arn:aws:s3:::myhealth-test-results", prefix = "results" }
  secret_arns       = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:myhealth-test/oura-AbCdEf"]
  zone_arn          = "arn:aws:route53:::hostedzone/Z1"
  velero_bucket_arn = "arn:aws:s3:::myhealth-test-velero"
  log_group_arn     = "arn:aws:logs:eu-central-1:123456789012:log-group:/myhealth/test"
  karpenter         = { node_role_arn = "arn:aws:iam::123456789012:role/node", queue_arn = "arn:aws:sqs:eu-central-1:123456789012:queue" }
}

run "every_workload_has_a_role_for_its_own_service_account" {
  command = plan

  assert {
    condition     = length(aws_iam_role.main) == 9 && length(aws_eks_pod_identity_association.main) == 9
    error_message = "One role and one association each."
  }
  assert {
    condition = alltrue([for name, at in var.service_accounts :
      jsondecode(aws_iam_role.main[name].assume_role_policy).Statement[0].Condition.StringEquals["aws:RequestTag/kubernetes-service-account"] == at.service_account
    ])
    error_message = "A role can be taken by its own ServiceAccount only."
  }
}

run "policies_have_no_wildcard_actions" {
  command = plan

  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.main : [for statement in jsondecode(policy.policy).Statement :
      [for action in statement.Action : !endswith(action, "*")]
    ]]))
    error_message = "No action has a wildcard."
  }
  # What changes something is bound to resources; what has none can be read or is X-Ray's.
  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.main : [for statement in jsondecode(policy.policy).Statement :
      [for action in statement.Action : can(regex(":(Describe|Get|List)", action)) || startswith(action, "xray:Put")]
      if contains(statement.Resource, "*")
    ]]))
    error_message = "Only reading is allowed on all resources."
  }
}

run "program_reaches_its_results_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.main["myhealth"].policy).Statement[0] == {
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["arn:aws:s3:::myhealth-test-results/results/*"]
    }
    error_message = "Objects below the prefix."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.main["myhealth"].policy).Statement[1].Condition.StringLike["s3:prefix"] == ["results/*", "results"]
    error_message = "Lists below the prefix."
  }
  assert {
    condition     = length(jsondecode(aws_iam_role_policy.main["myhealth"].policy).Statement) == 3
    error_message = "Objects, the list and the key."
  }
}

run "roles_exist_with_their_annotations" {
  command = apply

  assert {
    condition     = length(output.role_arns) == 9 && alltrue([for annotations in output.service_account_annotations : length(annotations) == 0])
    error_message = "Pod Identity needs no annotation."
  }
}

run "irsa_binds_the_role_to_issuer_audience_and_subject" {
  command = apply

  variables {
    identity         = "irsa"
    oidc_provider    = { arn = "arn:aws:iam::123456789012:oidc-provider/issuer", issuer = "oidc.example/id/1" }
    service_accounts = { myhealth = { namespace = "health", service_account = "api" } }
  }

  assert {
    condition = jsondecode(aws_iam_role.main["myhealth"].assume_role_policy).Statement[0].Condition.StringEquals == {
      "oidc.example/id/1:aud" = "sts.amazonaws.com"
      "oidc.example/id/1:sub" = "system:serviceaccount:health:api"
    }
    error_message = "The subject is the ServiceAccount."
  }
  assert {
    condition     = output.service_account_annotations["myhealth"]["eks.amazonaws.com/role-arn"] == output.role_arns["myhealth"] && length(aws_eks_pod_identity_association.main) == 0
    error_message = "The annotation is what the plan shows."
  }
}

run "irsa_without_provider_is_refused" {
  command = plan
  variables {
    identity = "irsa"
  }
  expect_failures = [var.oidc_provider]
}

run "unknown_workload_is_refused" {
  command = plan
  variables {
    service_accounts = { grafana = { namespace = "monitoring", service_account = "grafana" } }
  }
  # OpenTofu and Terraform alike stop at the variable.
  expect_failures = [var.service_accounts]
}

run "all_secrets_of_the_account_are_refused" {
  command = plan
  variables {
    secret_arns = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"]
  }
  expect_failures = [var.secret_arns]
}

run "results_without_a_prefix_are_refused" {
  command = plan
  variables {
    results = { bucket_arn = "arn:aws:s3:::myhealth-test-results", prefix = "" }
  }
  expect_failures = [var.results]
}

run "role_without_anything_to_do_is_refused" {
  command = plan
  variables {
    zone_arn = null
  }
  expect_failures = [aws_iam_role_policy.main["external-dns"]]
}
