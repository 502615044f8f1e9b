variable "name" {
  description = "Prefix of every name, for example myhealth-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name is 3 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "domain" {
  description = "Name under which the API is reached, for example api.health.example.org. The program must be given it, too (--web.allowed-hosts)."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A name in lower case without a dot at its end, such as api.health.example.org."
  }
}

variable "zone_id" {
  description = "Hosted zone of the name."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate for the name, in this region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "The ARN of a certificate in ACM."
  }
}

variable "vpc_id" {
  description = "VPC of the load balancer."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of the VPC link."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Subnets in at least two zones."
  }
}

variable "listener_arn" {
  description = "HTTPS listener of the internal load balancer that the chart's Ingress made."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/(app|net)/", var.listener_arn))
    error_message = "The ARN of a listener of an application or network load balancer."
  }
}

variable "load_balancer_security_group_id" {
  description = "Security group of that load balancer, which then admits the VPC link."
  type        = string
}

variable "routes" {
  description = "Routes by key, with requests a minute that all clients of a route together may send, and how many at once. What is not named is 404."
  type        = map(object({ per_minute = optional(number, 100), burst = optional(number, 20) }))
  default = {
    "ANY /api/{proxy+}" = {}
  }

  validation {
    condition     = length(var.routes) > 0 && alltrue([for key in keys(var.routes) : can(regex("^(ANY|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /", key))])
    error_message = "Keys are a method and a path, such as \"GET /api/{proxy+}\"; $default is refused, because it would open every path."
  }

  validation {
    condition     = alltrue([for route in var.routes : route.per_minute >= 1 && route.burst >= 1])
    error_message = "At least one request a minute and one at once."
  }

  validation {
    condition     = !anytrue([for key in keys(var.routes) : strcontains(key, "/metrics") || strcontains(key, "/probe")])
    error_message = "Gauges are health data of everybody and are never exposed."
  }
}

variable "authorizer" {
  description = "Who checks a request before it reaches the API: nobody but the API itself (null), or tokens of an OIDC issuer such as Cognito. The API's own log-ins are signed by a shared key, which no gateway can check."
  type        = object({ issuer = string, audience = set(string), scopes = optional(set(string)) })
  default     = null

  validation {
    condition     = var.authorizer == null || (try(startswith(var.authorizer.issuer, "https://"), false) && try(length(var.authorizer.audience) > 0, false))
    error_message = "issuer begins with https://, and at least one audience is named."
  }
}

variable "waf" {
  description = "Make a web ACL for the load balancer: AWS's common rules, known bad inputs, and a limit by address. An HTTP API itself cannot have one."
  type        = bool
  default     = false
}

variable "waf_requests_per_five_minutes" {
  description = "Requests in five minutes that one address may send before the web ACL refuses it."
  type        = number
  default     = 2000

  validation {
    condition     = var.waf_requests_per_five_minutes >= 100
    error_message = "At least 100."
  }
}

variable "log_retention_days" {
  description = "How long access logs are kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "A retention that CloudWatch Logs has, of 30 days or more: 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.kms_key_arn))
    error_message = "The ARN of a KMS key."
  }
}
