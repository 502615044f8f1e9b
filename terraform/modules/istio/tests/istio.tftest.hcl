mock_provider "helm" {}

run "ambient_has_a_proxy_per_node" {
  command = plan

  assert {
    condition     = length(helm_release.ztunnel) == 1 && yamldecode(helm_release.istiod.values[0]).profile == "ambient"
    error_message = "ztunnel, and istiod knows."
  }
  assert {
    condition     = yamldecode(helm_release.istiod.values[0]).meshConfig.outboundTrafficPolicy.mode == "REGISTRY_ONLY" && yamldecode(helm_release.istiod.values[0]).meshConfig.accessLogFile == ""
    error_message = "Only named hosts are reached, and no paths are logged."
  }
}

run "versions_are_the_same_everywhere" {
  command = apply

  assert {
    condition     = length(distinct([helm_release.base.version, helm_release.istiod.version, helm_release.cni.version, helm_release.ztunnel[0].version])) == 1
    error_message = "One version."
  }
}

run "sidecars_need_no_proxy_per_node" {
  command = apply
  variables {
    mode = "sidecar"
  }
  assert {
    condition     = length(helm_release.ztunnel) == 0 && yamldecode(helm_release.istiod.values[0]).profile == "default"
    error_message = "Proxies are containers of pods, which end with a Job from Istio 1.27 on."
  }
}

run "traces_go_to_the_collector" {
  command = plan
  variables {
    tracing_endpoint = "collector.monitoring.svc.cluster.local"
  }
  assert {
    condition     = yamldecode(helm_release.istiod.values[0]).meshConfig.extensionProviders[0].opentelemetry.port == 4317
    error_message = "By OTLP."
  }
}

run "old_istio_is_refused" {
  command = plan
  variables {
    chart_version = "1.23.0"
  }
  expect_failures = [var.chart_version]
}

run "range_of_versions_is_refused" {
  command = plan
  variables {
    chart_version = "1.30.x"
  }
  expect_failures = [var.chart_version]
}

run "unknown_mode_is_refused" {
  command = plan
  variables {
    mode = "mesh"
  }
  expect_failures = [var.mode]
}
