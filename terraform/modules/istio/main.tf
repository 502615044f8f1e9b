locals {
  repository = "https://istio-release.storage.googleapis.com/charts"
  namespace  = "istio-system"
}

resource "helm_release" "base" {
  name             = "istio-base"
  repository       = local.repository
  chart            = "base"
  version          = var.chart_version
  namespace        = local.namespace
  create_namespace = true
  atomic           = true
  wait             = true
}

resource "helm_release" "istiod" {
  name       = "istiod"
  repository = local.repository
  chart      = "istiod"
  version    = var.chart_version
  namespace  = local.namespace
  atomic     = true
  wait       = true

  values = [yamlencode({
    profile = var.mode == "ambient" ? "ambient" : "default"
    pilot = {
      autoscaleEnabled = false
      replicaCount     = var.replicas
    }
    meshConfig = {
      outboundTrafficPolicy = { mode = var.egress }
      # Access logs hold paths, which may name a person.
      accessLogFile = ""
      extensionProviders = var.tracing_endpoint == null ? [] : [{
        name          = "collector"
        opentelemetry = { service = var.tracing_endpoint, port = 4317 }
      }]
      defaultConfig = { holdApplicationUntilProxyStarts = true }
    }
  })]

  depends_on = [helm_release.base]
}

resource "helm_release" "cni" {
  name       = "istio-cni"
  repository = local.repository
  chart      = "cni"
  version    = var.chart_version
  namespace  = local.namespace
  atomic     = true
  wait       = true

  values = [yamlencode({ profile = var.mode == "ambient" ? "ambient" : "default" })]

  depends_on = [helm_release.istiod]
}

resource "helm_release" "ztunnel" {
  count = var.mode == "ambient" ? 1 : 0

  name       = "ztunnel"
  repository = local.repository
  chart      = "ztunnel"
  version    = var.chart_version
  namespace  = local.namespace
  atomic     = true
  wait       = true

  depends_on = [helm_release.cni]
}
