locals {
  annotations = { for name in ["load-balancer-controller", "external-dns", "external-secrets", "karpenter", "velero"] :
    name => lookup(var.service_account_annotations, name, {})
  }
}

resource "helm_release" "load_balancer_controller" {
  name       = "aws-load-balancer-controller"
  repository = "https://aws.github.io/eks-charts"
  chart      = "aws-load-balancer-controller"
  version    = var.versions.load_balancer_controller
  namespace  = "kube-system"
  atomic     = true

  values = [yamlencode({
    clusterName    = var.cluster_name
    region         = var.region
    vpcId          = var.vpc_id
    serviceAccount = { name = "aws-load-balancer-controller", annotations = local.annotations["load-balancer-controller"] }
    # Given here because pods cannot reach IMDS, whose hop limit is one.
    podDisruptionBudget = { maxUnavailable = 1 }
    # Its role has no right to either.
    enableShield = false
    enableWaf    = false
  })]
}

resource "helm_release" "external_secrets" {
  name             = "external-secrets"
  repository       = "https://charts.external-secrets.io"
  chart            = "external-secrets"
  version          = var.versions.external_secrets
  namespace        = "external-secrets"
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    serviceAccount = { name = "external-secrets", annotations = local.annotations["external-secrets"] }
  })]

  # Its webhook would wait for the controller's, which admits Services.
  depends_on = [helm_release.load_balancer_controller]
}

resource "helm_release" "external_dns" {
  count = var.domain == null ? 0 : 1

  name             = "external-dns"
  repository       = "https://kubernetes-sigs.github.io/external-dns"
  chart            = "external-dns"
  version          = var.versions.external_dns
  namespace        = "external-dns"
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    provider       = { name = "aws" }
    env            = [{ name = "AWS_DEFAULT_REGION", value = var.region }]
    policy         = "sync"
    registry       = "txt"
    txtOwnerId     = var.cluster_name
    domainFilters  = [var.domain]
    sources        = ["ingress", "service", "gateway-httproute"]
    serviceAccount = { name = "external-dns", annotations = local.annotations["external-dns"] }
  })]

  depends_on = [helm_release.load_balancer_controller]
}

resource "helm_release" "karpenter" {
  count = var.karpenter == null ? 0 : 1

  name       = "karpenter"
  repository = "oci://public.ecr.aws/karpenter"
  chart      = "karpenter"
  version    = var.versions.karpenter
  namespace  = "kube-system"
  atomic     = true

  values = [yamlencode({
    settings       = { clusterName = var.cluster_name, interruptionQueue = var.karpenter.queue }
    serviceAccount = { name = "karpenter", annotations = local.annotations["karpenter"] }
  })]
}

resource "helm_release" "velero" {
  count = var.velero_bucket == null ? 0 : 1

  name             = "velero"
  repository       = "https://vmware-tanzu.github.io/helm-charts"
  chart            = "velero"
  version          = var.versions.velero
  namespace        = "velero"
  create_namespace = true
  atomic           = true

  values = [yamlencode({
    credentials = { useSecret = false }
    # Velero itself knows no cloud.
    initContainers = [{
      name         = "velero-plugin-for-aws"
      image        = "velero/velero-plugin-for-aws:${var.versions.velero_plugin}"
      volumeMounts = [{ name = "plugins", mountPath = "/target" }]
    }]
    serviceAccount = { server = { name = "velero-server", annotations = local.annotations["velero"] } }
    configuration = {
      backupStorageLocation  = [{ name = "default", provider = "aws", bucket = var.velero_bucket, prefix = var.cluster_name, config = { region = var.region } }]
      volumeSnapshotLocation = [{ name = "default", provider = "aws", config = { region = var.region } }]
    }
    schedules = {
      daily  = { schedule = "0 3 * * *", template = { ttl = "720h", includedNamespaces = var.backup_namespaces } }
      weekly = { schedule = "0 4 * * 0", template = { ttl = "2160h", includedNamespaces = var.backup_namespaces } }
    }
  })]
}
