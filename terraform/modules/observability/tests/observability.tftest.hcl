mock_provider "helm" {}

variables {
  region       = "eu-central-1"
  cluster_name = "myhealth-test"
}

run "history_comes_by_remote_read_with_a_token" {
  command = plan

  assert {
    condition = yamldecode(helm_release.kube_prometheus_stack.values[0]).prometheus.prometheusSpec.remoteRead[0] == {
      url              = "http://myhealth-api.myhealth.svc:8872/api/v1/prometheus/read"
      readRecent       = true
      requiredMatchers = { source = "history" }
      authorization    = { credentials = { name = "myhealth-remote-read", key = "token" } }
    }
    error_message = "As docs/history.md has it, by a name that ends in .svc."
  }
  assert {
    condition     = !yamldecode(helm_release.kube_prometheus_stack.values[0]).prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues
    error_message = "The chart's ServiceMonitor is found."
  }
}

run "grafana_has_no_password_in_values_and_no_anonymous_reader" {
  command = plan

  assert {
    condition     = yamldecode(helm_release.kube_prometheus_stack.values[0]).grafana.admin.existingSecret == "myhealth-grafana" && !can(yamldecode(helm_release.kube_prometheus_stack.values[0]).grafana.adminPassword)
    error_message = "From a Secret."
  }
  assert {
    condition     = !yamldecode(helm_release.kube_prometheus_stack.values[0]).grafana["grafana.ini"]["auth.anonymous"].enabled
    error_message = "No anonymous access."
  }
}

run "defaults_cost_little" {
  command = apply

  assert {
    condition     = length(helm_release.fluent_bit) == 0 && length(helm_release.yace) == 0 && length(helm_release.keda) == 1 && length(helm_release.prometheus_adapter) == 0
    error_message = "Logs and CloudWatch are asked for."
  }
  assert {
    condition     = output.chart_values.otlp.endpoint == "http://collector.monitoring.svc.cluster.local:4318"
    error_message = "The endpoint that the program is given."
  }
}

run "logs_go_into_the_group_that_terraform_made" {
  command = plan
  variables {
    log_group = "/myhealth/test/pods"
  }
  assert {
    condition     = strcontains(yamldecode(helm_release.fluent_bit[0].values[0]).config.outputs, "log_group_name /myhealth/test/pods") && strcontains(yamldecode(helm_release.fluent_bit[0].values[0]).config.outputs, "auto_create_group false")
    error_message = "With its key and its retention."
  }
}

run "metrics_of_rds_and_load_balancers_are_read_when_asked" {
  command = plan
  variables {
    cloudwatch = true
  }
  assert {
    condition     = length(yamldecode(yamldecode(helm_release.yace[0].values[0]).config).discovery.jobs) == 3
    error_message = "RDS, load balancers, API Gateway."
  }
}

run "irsa_annotates_the_service_accounts" {
  command = plan
  variables {
    service_account_annotations = { collector = { "eks.amazonaws.com/role-arn" = "arn:aws:iam::123456789012:role/collector" } }
  }
  assert {
    condition     = yamldecode(helm_release.collector[0].values[0]).serviceAccount.annotations["eks.amazonaws.com/role-arn"] == "arn:aws:iam::123456789012:role/collector"
    error_message = "The collector's role."
  }
}

run "adapter_replaces_keda" {
  command = plan
  variables {
    scaler = "adapter"
  }
  assert {
    condition     = length(helm_release.keda) == 0 && strcontains(helm_release.prometheus_adapter[0].values[0], "myhealth_http_requests_in_flight")
    error_message = "One of the two."
  }
}

run "range_of_versions_is_refused" {
  command = plan
  variables {
    versions = { keda = "2.x" }
  }
  expect_failures = [var.versions]
}

run "both_scalers_are_refused" {
  command = plan
  variables {
    scaler = "both"
  }
  expect_failures = [var.scaler]
}

run "years_in_prometheus_are_refused" {
  command = plan
  variables {
    retention_days = 365
  }
  expect_failures = [var.retention_days]
}

run "zone_as_region_is_refused" {
  command = plan
  variables {
    region = "eu-central-1a"
  }
  expect_failures = [var.region]
}
