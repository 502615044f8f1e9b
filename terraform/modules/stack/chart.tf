# What helm/myhealth takes from an environment, by the names of its values.yaml. `cargo xtask test --only terraform` renders the
# chart with it and with the platform's.

locals {
  hosts  = var.domain == null ? {} : { api = "api.${var.domain.name}", stream = "stream.${var.domain.name}" }
  in_vpc = [{ ipBlock = { cidr = module.networking.cidr } }]

  # Secrets in Kubernetes: each key, and the secret and key of Secrets Manager that it comes from.
  chart_secrets = {
    myhealth-database = { for key in module.secrets.keys["database"] : key => ["database", key] }
    myhealth-oura = {
      client-id               = ["oura", "client-id"]
      client-secret           = ["oura", "client-secret"]
      encryption-key          = ["sealing-key", "current"]
      previous-encryption-key = ["sealing-key", "previous"]
    }
    myhealth-signing = {
      signing-key          = ["signing-key", "current"]
      previous-signing-key = ["signing-key", "previous"]
    }
    myhealth-api = { "web.yml" = ["api", "config"] }
  }

  # The path of ECR is REGISTRY/REPOSITORY.
  image = split("/", module.ecr.repository_url)

  chart_exposure = {
    type  = var.domain == null ? "none" : "ingress"
    hosts = values(local.hosts)
    ingress = {
      className = "alb"
      annotations = var.domain == null ? tomap({}) : tomap({
        "alb.ingress.kubernetes.io/scheme"           = "internet-facing"
        "alb.ingress.kubernetes.io/target-type"      = "ip"
        "alb.ingress.kubernetes.io/listen-ports"     = jsonencode([{ HTTP = 80 }, { HTTPS = 443 }])
        "alb.ingress.kubernetes.io/ssl-redirect"     = "443"
        "alb.ingress.kubernetes.io/certificate-arn"  = module.dns[0].certificate_arn
        "alb.ingress.kubernetes.io/subnets"          = join(",", module.networking.public_subnet_ids)
        "alb.ingress.kubernetes.io/healthcheck-port" = "9872"
        "alb.ingress.kubernetes.io/healthcheck-path" = "/-/ready"
        # By name, so that a gateway can take the API's host for itself.
        "external-dns.alpha.kubernetes.io/ingress-hostname-source" = "annotation-only"
        "external-dns.alpha.kubernetes.io/hostname"                = join(",", values(local.hosts))
      })
    }
  }
}

output "chart_values" {
  description = "Values of the chart that follow from this environment. scripts/chart-values.sh joins them with the platform's and writes a file for `helm --values`."
  value = {
    image = { registry = local.image[0], repository = join("/", slice(local.image, 1, length(local.image))) }
    serviceAccount = {
      name        = local.service_accounts["myhealth"].service_account
      annotations = module.workload_identity.service_account_annotations["myhealth"]
    }
    pod = { extraEnv = [{ name = "AWS_REGION", value = local.region }] }
    database = {
      existingSecret = "myhealth-database"
      key            = "writer-url"
      exporter       = { existingSecret = "myhealth-database", key = "reader-url" }
      migrations     = { existingSecret = "myhealth-database", key = "owner-url" }
      replica        = { existingSecret = module.rds.replica_host == null ? "" : "myhealth-database", key = "replica-url" }
      # Amazon's certificates: docs/terraform.md makes this Secret.
      ca = { existingSecret = "rds-ca" }
    }
    oura = {
      existingSecret           = "myhealth-oura"
      clientIdKey              = "client-id"
      clientSecretKey          = "client-secret"
      encryptionKeyKey         = "encryption-key"
      previousEncryptionKeyKey = "previous-encryption-key"
    }
    api = {
      config         = { existingSecret = "myhealth-api", key = "web.yml" }
      signingKey     = { existingSecret = "myhealth-signing", key = "signing-key", previousKey = "previous-signing-key" }
      issuer         = var.domain == null ? "" : "https://${local.hosts.api}"
      trustedProxies = [module.networking.cidr]
      jobResults     = "s3://${module.backup.buckets["results"].name}/${local.results_prefix}"
    }
    exposure = local.chart_exposure
    networkPolicy = {
      # The load balancer's addresses; it checks health at the port of gauges.
      ingress = local.in_vpc
      prometheus = concat([{
        namespaceSelector = { matchLabels = { "kubernetes.io/metadata.name" = "monitoring" } }
        podSelector       = { matchLabels = { "app.kubernetes.io/name" = "prometheus" } }
      }], var.domain == null ? [] : local.in_vpc)
      database     = local.in_vpc
      databasePort = module.rds.port
      podIdentity  = var.identity == "pod-identity"
    }
    externalSecrets = {
      enabled = true
      # Without `auth` the operator's own role reads.
      provider = { aws = { service = "SecretsManager", region = local.region } }
      secrets = [for name, keys in local.chart_secrets : {
        name = name
        data = [for key, from in keys : {
          secretKey = key
          remoteRef = { key = module.secrets.names[from[0]], property = from[1] }
        }]
      }]
    }
  }

  precondition {
    condition     = alltrue(flatten([for keys in local.chart_secrets : [for from in keys : contains(module.secrets.keys[from[0]], from[1])]]))
    error_message = "A Secret of the chart names a key that modules/secrets does not have."
  }
}
